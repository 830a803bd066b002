#include "api/convert.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <set>

#include "api/bind.h"
#include "api/inputs.h"
#include "api/output_format.h"
#include "base/diag.h"
#include "base/diag_tflite_import.h"
#include "base/memory.h"
#include "base/text.h"
#include "exec/session.h"
#include "formats/onnx/external_data.h"
#include "formats/onnx/parse.h"
#include "formats/sniff.h"
#include "formats/tflite/parse.h"
#include "ir/made_names.h"
#include "ir/state.h"
#include "ir/walk.h"
#include "rewrite/ports.h"
#include "verify/sample_plan.h"

namespace godwit {

namespace {

constexpr std::string_view kConstantOp = "Constant";

void CountSource(const Graph& graph, ConvertReport* report) {
  for (uint32_t i = 0; i < graph.origin_count(); ++i) {
    const std::string& op = graph.origin(OriginId{i}).op_type;
    if (op == kConstantOp) continue;
    ++report->nodes_before;
    ++report->ops[op].before;
  }
}

std::vector<std::string> DynamicDims(const Graph& graph) {
  std::set<std::string> seen;
  std::vector<std::string> out;
  for (const ValueId id : graph.region(Graph::main()).params) {
    for (const Dim& dim : graph.value(id).type.shape()) {
      if (!dim.is_static() && seen.insert(dim.ToString()).second) out.push_back(dim.ToString());
    }
  }
  return out;
}

int OpsetOf(const Graph& graph) {
  for (const auto& [domain, version] : graph.opsets) {
    if (domain.empty() || domain == "ai.onnx") return static_cast<int>(version);
  }
  return 0;
}

class Flight {
 public:
  Flight(const std::string& input, const std::string& output, const ConvertOptions& options, DiagSink* sink)
      : input_(input), output_(output), options_(options), sink_(sink) {}

  Result<ConvertReport> Run() {
    const auto start = std::chrono::steady_clock::now();
    TRY(const MappedFile::Ptr file, MappedFile::Open(input_, options_.load.limits));
    report_.bytes_before = file->size();
    source_ = FormatOf(Sniff(file->bytes()));
    if (source_ == Format::kNone) source_ = Format::kOnnx;  // which its parser tells best
    TRY(Graph graph, Read(file, sink_));
    RETURN_IF_ERROR(ChooseFormat());
    report_.opset_before = source_ == Format::kOnnx ? OpsetOf(graph) : 0;
    if (report_.opset_before > 0) report_.version_before = Concat("opset ", std::to_string(report_.opset_before));
    CountSource(graph, &report_);
    out_->SeeSource(graph);
    ForgetMadeNames(&graph);
    ForgetPortMetadata(&graph);
    if (options_.simplify) RETURN_IF_ERROR(Simplify(graph, Rewriting(graph), &report_.simplify));
    if (options_.half.kind != HalfKind::kNone) RETURN_IF_ERROR(Halve(&graph));
    RETURN_IF_ERROR(out_->Prepare(&graph, sink_, &report_));
    RETURN_IF_ERROR(AddEntries(file));
    ReturnFreedMemory();
    RETURN_IF_ERROR(out_->Write(graph, InputsOf(file), sink_, &report_));
    if (sink_->has_errors()) return FirstError(*sink_);
    report_.dynamic_dims = DynamicDims(graph);
    report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (options_.verify != Verify::kOff) RETURN_IF_ERROR(ProveWritten(file));
    if (!options_.dry_run) {
      RETURN_IF_ERROR(out_->Commit());
      report_.in_place = true;
    }
    return std::move(report_);
  }

 private:
  Result<Graph> Read(const MappedFile::Ptr& file, DiagSink* sink) const {
    LoadOptions load = options_.load;
    load.reads_all_entries = true;
    if (!options_.dims.empty()) {
      // Read twice: the inputs say which of them have the dims, and everything else follows from their sizes.
      DiagSink first;
      TRY(const Graph open, LoadModel(file, load, &first));
      RETURN_IF_ERROR(FixDims(open, options_.dims, &load));
    }
    TRY(Graph graph, LoadModel(file, load, sink));
    // What single nodes suffered from is in the sink: all of it, where one could be returned here.
    if (sink->has_errors()) return FirstError(*sink);
    Edges edges = options_.edges;
    TRY(edges.bound, ReadBindings(graph, options_.bind, options_.load.limits));
    RETURN_IF_ERROR(ApplyEdges(edges, &graph));
    const PortLayout own = source_ == Format::kTflite ? PortLayout::kChannelsLast : PortLayout::kChannelsFirst;
    for (const Append& wish : options_.append) RETURN_IF_ERROR(ApplyAppend(wish, own, &graph));
    for (const Preprocess& wish : options_.preprocess) RETURN_IF_ERROR(ApplyPreprocess(wish, own, &graph));
    RETURN_IF_ERROR(ApplyLayouts(options_.layouts, own, &graph));
    return graph;
  }

  // Metadata about inputs and outputs holds as long as they are those that the source has.
  void ForgetPortMetadata(Graph* graph) const {
    const bool same = options_.edges.inputs.empty() && options_.edges.outputs.empty() && options_.bind.empty() &&
                      options_.append.empty() && options_.preprocess.empty();
    if (same) return;
    size_t found = graph->metadata.erase("tflite.metadata.TFLITE_METADATA");
    found += graph->metadata.erase("tflite.files");
    if (found > 0) {
      sink_->Add(Diag(diag::kTfliteMetadata, "TFLite Metadata of the source speaks of other inputs and outputs")
                     .As(Severity::kWarning));
    }
  }

  // Every other way to enter a TFLite model goes into a written one, as long as nothing is asked of the main one's
  // edges. Variables are filled once for all entries, which copies of their subgraphs would not be.
  Status AddEntries(const MappedFile::Ptr& file) {
    if (source_ != Format::kTflite || !options_.load.signature.empty()) return Ok{};
    TRY(const tflite::Model model, tflite::ParseModel(file->bytes(), options_.load.limits));
    const tflite::SignatureDef* main = nullptr;
    std::string left_out;
    for (const tflite::SignatureDef& s : model.signature_defs) {
      if (main == nullptr && s.subgraph_index == 0) {
        main = &s;
        continue;
      }
      const std::string key(s.key);
      TRY(const bool taken, AddEntry(file, key));
      if (taken) {
        entries_.push_back(key);
      } else {
        left_out += Concat(left_out.empty() ? "" : ", ", key);
      }
    }
    if (left_out.empty()) return Ok{};
    sink_->Add(
        Diag(diag::kTfliteSignature, Concat("the model can also be entered by ", left_out, ", which is left out"))
            .Hint("--signature NAME converts that one")
            .As(Severity::kWarning));
    return Ok{};
  }

  Result<bool> AddEntry(const MappedFile::Ptr& file, const std::string& key) {
    const bool plain = EdgesAsRead() && options_.load.shapes.empty() && options_.dims.empty() &&
                       options_.half.kind == HalfKind::kNone && !options_.layout_auto;
    if (!plain || report_.format_after != Format::kTflite) return false;
    DiagSink problems;
    LoadOptions load = options_.load;
    load.signature = key;
    auto graph = LoadModel(file, load, &problems);
    if (!graph.ok() || problems.has_errors()) return false;
    TRY(const std::vector<StateSlot> states, StatesOf(*graph));
    if (!states.empty()) return false;
    ForgetMadeNames(&*graph);
    if (options_.simplify) RETURN_IF_ERROR(Simplify(*graph, Rewriting(*graph), nullptr));
    return out_->AddEntry(*std::move(graph));
  }

  // The other entries as they are in both files.
  Status ProveEntries(const MappedFile::Ptr& file) {
    for (const std::string& key : entries_) {
      LoadOptions load = options_.load;
      load.signature = key;
      DiagSink quiet;
      TRY(const Graph source, LoadModel(file, load, &quiet));
      TRY(const Graph written, out_->ReadBack(load, &quiet));
      ProofOptions options;
      options.samples = options_.proof.samples;
      options.threads = options_.proof.threads;
      options.seed = options_.proof.seed;
      TRY(const ProofReport proof, Prove(source, written, options));
      if (!proof.ok() && !options_.keep) {
        return Diag(diag::kProofDiffers, Concat("the written model gives other results where it is entered by '",
                                                Printable(key, 80), "': ", proof.reason))
            .File(output_);
      }
      report_.proof.notes.push_back(Concat("entered by '", Printable(key, 80), "': ", Name(proof.verdict)));
    }
    return Ok{};
  }

  // The model as it stands: a real runtime that reads the source's file runs the same.
  [[nodiscard]] bool EdgesAsRead() const {
    return options_.edges.empty() && options_.bind.empty() && options_.append.empty() && options_.preprocess.empty() &&
           options_.layouts.empty() && report_.orders.empty();
  }

  Status ChooseFormat() {
    Target target = options_.target;
    if (options_.same_format && target.format == Format::kNone) target.format = source_;
    RETURN_IF_ERROR(SettleFormat(output_, source_, &target));
    report_.format_before = source_;
    report_.format_after = target.format;
    if (target.format == Format::kTflite) {
      TRY(out_, MakeTfliteOutput(options_, target, output_));
      return Ok{};
    }
    out_ = MakeOnnxOutput(options_, output_);
    return Ok{};
  }

  // Composites are put together where the written file can have them.
  [[nodiscard]] SimplifyOptions Rewriting(const Graph& graph) const {
    SimplifyOptions out = options_.rewriting;
    out.rewrite.off.merge(out_->RulesOff(graph, out.rewrite.level));
    return out;
  }

  Status Halve(Graph* graph) {
    HalfOptions half = options_.half;
    RETURN_IF_ERROR(out_->SettleHalf(graph, &half));
    if (half.kind == HalfKind::kNone) return Ok{};
    half.opset = out_->Opset(*graph);
    half.threads = options_.proof.threads;
    TRY(half.samples, HalfSamples(*graph));
    return ToHalf(graph, half, &report_.half);
  }

  // Real samples, else three kinds of drawn ones at the first sizes that the model takes; none where nothing can be
  // drawn.
  Result<std::vector<std::vector<RtValue>>> HalfSamples(const Graph& graph) const {
    if (!options_.data.sources.empty()) return ReadData(graph, options_.data);
    TRY(const InputSpecs specs, StatedInputs(graph, options_.samples, options_.load.limits));
    for (const DimSizes& sizes : SizesToTry(graph, specs, 0)) {
      std::vector<std::vector<RtValue>> out;
      for (const SampleKind kind : {SampleKind::kRandom, SampleKind::kSigned, SampleKind::kRamp}) {
        auto sample = DrawSample(graph, specs, {kind, options_.proof.seed, sizes});
        if (sample.ok()) out.push_back(*std::move(sample));
      }
      if (!out.empty() && Session(graph, {}).Run(out.front()).ok()) return out;
    }
    return std::vector<std::vector<RtValue>>();
  }

  /// Of a sink that has errors.
  static Diag FirstError(const DiagSink& sink) {
    const auto first = std::find_if(sink.all().begin(), sink.all().end(),
                                    [](const Diag& diag) { return diag.severity == Severity::kError; });
    CHECK(first != sink.all().end());
    return *first;
  }

  // What must not be overwritten: the model, its side files, and what the caller has read. Counts the side files'
  // bytes.
  std::vector<std::string> InputsOf(const MappedFile::Ptr& file) {
    std::vector<std::string> inputs = options_.inputs_read;
    inputs.push_back(input_);
    const std::filesystem::path folder = std::filesystem::path(input_).parent_path();
    if (source_ == Format::kTflite) {
      const auto model = tflite::ParseModel(file->bytes(), options_.load.limits);
      if (!model.ok()) return inputs;
      for (const std::string_view name : model->external_buffer_groups) inputs.push_back((folder / name).string());
      for (const tflite::ExternalBuffer& buffer : model->external_buffers) report_.bytes_before += buffer.length;
      return inputs;
    }
    const auto model = onnx::ParseModel(file->bytes(), options_.load.limits, nullptr);
    if (!model.ok()) return inputs;
    for (const onnx::SideFile& side : onnx::ListSideFiles(*model, nullptr)) {
      inputs.push_back((folder / side.location).string());
      report_.bytes_before += side.bytes;
    }
    return inputs;
  }

  // The source as read once more, the written file from its own bytes: neither shares anything with what was rewritten.
  Status ProveWritten(const MappedFile::Ptr& file) {
    DiagSink quiet;
    TRY(Graph source, Read(file, &quiet));
    RETURN_IF_ERROR(LayOut(&source));
    LoadOptions load = options_.load;
    load.shapes.clear();
    load.signature.clear();
    DiagSink read_back;
    TRY(Graph written, out_->ReadBack(std::move(load), &read_back));
    if (read_back.has_errors()) {
      Diag diag = FirstError(read_back);
      diag.what = Concat("the written file cannot be read back: ", diag.what);
      return diag;
    }
    const bool narrow = options_.half.kind != HalfKind::kNone && !options_.half.keep_io;
    if (narrow) RETURN_IF_ERROR(WidenEdges(&written, source));
    ProofOptions proof = options_.proof;
    if (options_.half.kind != HalfKind::kNone && !proof.tolerances.contains("")) {
      proof.tolerances[""].relative = options_.half.bound;
    }
    TRY(proof.inputs, StatedInputs(source, options_.samples, options_.load.limits));
    if (!options_.data.sources.empty()) {
      TRY(proof.data, ReadData(source, options_.data));
    }
    // A real runtime takes no f32 where the file states f16.
    if (!narrow) {
      TRY(proof.judge, FindJudge());
    }
    if (proof.judge != nullptr) proof.judged_file = out_->JudgedFile();
    if (proof.judged_file.empty()) proof.judge = nullptr;
    if (proof.judge != nullptr) {
      proof.judge_must_take = out_->JudgeMustTake(*proof.judge) && AllKnown(written);
      proof.judge_large = options_.verify == Verify::kRuntime;
      if (EdgesAsRead() && report_.format_before == report_.format_after) proof.source_file = input_;
    }
    TRY(report_.proof, Prove(source, written, proof));
    RETURN_IF_ERROR(ProveEntries(file));
    report_.proved = true;
    if (options_.layers) LookAtLayers(source, written);
    if (report_.proof.ok() || options_.keep) return Ok{};
    return Diag(diag::kProofDiffers, Concat("the written model gives other results: ", report_.proof.reason))
        .File(output_)
        .Hint("nothing was written; --keep writes it all the same, --rewrite-limit N finds the rewrite that did it");
  }

  void LookAtLayers(const Graph& source, const Graph& written) {
    if (report_.proof.worst_inputs.empty()) {
      report_.layers_missing = report_.proof.reason.empty() ? "the proof was cut" : report_.proof.reason;
      return;
    }
    LayerOptions options;
    options.threads = options_.proof.threads;
    options.floor = options_.proof.floor;
    options.noise_factor = options_.proof.noise_factor;
    options.pictures = true;
    auto layers = CompareLayers(source, written, report_.proof.worst_inputs, options);
    if (layers.ok()) {
      report_.layers = *std::move(layers);
    } else {
      report_.layers_missing = layers.diag().what;
    }
  }

  // The source as the written file's ports are, where their order was left open.
  Status LayOut(Graph* source) const {
    if (report_.orders.empty()) return Ok{};
    const std::vector<ValueId> params = source->region(Graph::main()).params;
    for (size_t i = 0; i < source->region(Graph::main()).results.size(); ++i) {
      const auto at = report_.orders.find(source->output_names[i]);
      if (at != report_.orders.end()) RETURN_IF_ERROR(ReorderOutput(source, i, at->second));
    }
    for (const ValueId id : params) {
      const auto at = report_.orders.find(source->value(id).name);
      if (at != report_.orders.end()) RETURN_IF_ERROR(ReorderInput(source, id, at->second));
    }
    return TopologicalSort(source, Graph::main());
  }

  // Values whose sizes only a run decides do not cross to every runtime.
  static bool AllKnown(const Graph& graph) {
    const Region& main = graph.region(Graph::main());
    const auto known = [&](ValueId id) {
      const Type& type = graph.value(id).type;
      return type.ranked() && type.tensor().is_static() && type.dtype() != DType::kString;
    };
    return std::all_of(main.params.begin(), main.params.end(), known) &&
           std::all_of(main.results.begin(), main.results.end(), known);
  }

  Result<runtimes::Runtime*> FindJudge() const {
    if (options_.verify == Verify::kOwn) return static_cast<runtimes::Runtime*>(nullptr);
    auto found = out_->FindJudge(options_.runtime_library);
    if (!found.ok() && options_.verify == Verify::kAuto && options_.runtime_library.empty()) {
      return static_cast<runtimes::Runtime*>(nullptr);
    }
    return found;
  }

  const std::string& input_;
  const std::string& output_;
  const ConvertOptions& options_;
  DiagSink* sink_;
  Format source_ = Format::kNone;
  std::vector<std::string> entries_;  // further signatures that are written
  std::unique_ptr<OutputFormat> out_;
  ConvertReport report_;
};

}  // namespace

Result<ConvertReport> ConvertModel(const std::string& input, const std::string& output, const ConvertOptions& options,
                                   DiagSink* sink) {
  return Flight(input, output, options, sink).Run();
}

}  // namespace godwit
