#include "api/convert.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <set>

#include "api/bind.h"
#include "api/inputs.h"
#include "base/diag.h"
#include "base/text.h"
#include "exec/session.h"
#include "formats/onnx/external_data.h"
#include "formats/onnx/parse.h"
#include "passes/fusion_policy.h"
#include "verify/sample_plan.h"

namespace godwit {

namespace {

constexpr std::string_view kConstantOp = "Constant";

void CountWritten(const onnx::Graph& graph, ConvertReport* report) {
  // Bodies nest as deep as the reader lets them, which is not deep.
  for (const onnx::Node& node : graph.nodes) {
    if (node.op_type != kConstantOp) {
      ++report->nodes_after;
      ++report->ops[node.domain.empty() ? std::string(node.op_type) : Concat(node.domain, ".", node.op_type)].after;
    }
    for (const onnx::Attribute& attribute : node.attributes) {
      if (const onnx::Graph* body = attribute.g()) CountWritten(*body, report);
      for (const onnx::Graph& body : attribute.graphs()) CountWritten(body, report);
    }
  }
}

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
    TRY(Graph graph, Read(file, sink_));
    report_.opset_before = OpsetOf(graph);
    CountSource(graph, &report_);
    if (options_.simplify) RETURN_IF_ERROR(Simplify(graph, Rewriting(graph), &report_.simplify));
    if (options_.half.kind != HalfKind::kNone) RETURN_IF_ERROR(Halve(&graph));
    TRY(to_onnx::OnnxFiles out, Write(graph, InputsOf(file)));
    report_.dynamic_dims = DynamicDims(graph);
    report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (options_.verify != Verify::kOff) RETURN_IF_ERROR(ProveWritten(file, &out));
    if (!options_.dry_run) {
      RETURN_IF_ERROR(out.Commit());
      report_.in_place = true;
    }
    return std::move(report_);
  }

 private:
  Result<Graph> Read(const MappedFile::Ptr& file, DiagSink* sink) const {
    LoadOptions load = options_.load;
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
    return graph;
  }

  // Composites are put together where the written file can have them.
  [[nodiscard]] SimplifyOptions Rewriting(const Graph& graph) const {
    SimplifyOptions out = options_.rewriting;
    FusionTarget target;
    target.opset = OpsetWritten(graph);
    target.runtime = options_.runtime;
    target.approximate = out.rewrite.level > 2;
    out.rewrite.off.merge(FusionsToLeave(target));
    return out;
  }

  [[nodiscard]] int OpsetWritten(const Graph& graph) const {
    return options_.onnx.opset > 0 ? options_.onnx.opset : to_onnx::DefaultOpset(graph);
  }

  Status Halve(Graph* graph) {
    HalfOptions half = options_.half;
    half.opset = OpsetWritten(*graph);
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
    const auto model = onnx::ParseModel(file->bytes(), options_.load.limits, nullptr);
    if (!model.ok()) return inputs;
    const std::filesystem::path folder = std::filesystem::path(input_).parent_path();
    for (const onnx::SideFile& side : onnx::ListSideFiles(*model, nullptr)) {
      inputs.push_back((folder / side.location).string());
      report_.bytes_before += side.bytes;
    }
    return inputs;
  }

  Result<to_onnx::OnnxFiles> Write(const Graph& graph, std::vector<std::string> inputs) {
    TRY(const to_onnx::Exported exported, to_onnx::ExportModel(graph, options_.onnx, sink_));
    if (sink_->has_errors()) return FirstError(*sink_);
    report_.opset_after = exported.opset;
    CountWritten(exported.model.graph, &report_);
    TRY(to_onnx::OnnxFiles files, to_onnx::WriteOnnxFiles(exported, output_, {options_.weights, std::move(inputs)}));
    report_.bytes_after = files.model.offset() + (files.weights != nullptr ? files.weights->offset() : 0);
    return files;
  }

  // The source as read once more, the written file from its own bytes: neither shares anything with what was rewritten.
  Status ProveWritten(const MappedFile::Ptr& file, to_onnx::OnnxFiles* out) {
    DiagSink quiet;
    TRY(const Graph source, Read(file, &quiet));
    TRY(const MappedFile::Ptr back, out->model.ReadBack(options_.load.limits));
    LoadOptions load = options_.load;
    load.shapes.clear();
    if (out->weights != nullptr) {
      TRY(load.side_files[to_onnx::WeightsName(output_)], out->weights->ReadBack(options_.load.limits));
    }
    DiagSink read_back;
    TRY(Graph written, LoadModel(back, load, &read_back));
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
    // A real runtime looks for the weights beside the model, where they are not yet, and takes no f32 where the file
    // states f16.
    if (out->weights == nullptr && !narrow) {
      TRY(proof.judge, FindJudge());
      proof.judged_file = out->model.ReadablePath();
      proof.judge_large = options_.verify == Verify::kRuntime;
      // With other edges the source's file is another model.
      if (options_.edges.empty() && options_.bind.empty()) proof.source_file = input_;
    }
    TRY(report_.proof, Prove(source, written, proof));
    report_.proved = true;
    if (report_.proof.ok() || options_.keep) return Ok{};
    return Diag(diag::kProofDiffers, Concat("the written model gives other results: ", report_.proof.reason))
        .File(output_)
        .Hint("nothing was written; --keep writes it all the same, --rewrite-limit N finds the rewrite that did it");
  }

  Result<runtimes::Runtime*> FindJudge() const {
    if (options_.verify == Verify::kOwn) return static_cast<runtimes::Runtime*>(nullptr);
    auto found = runtimes::FindOnnxRuntime(options_.runtime_library);
    if (!found.ok() && options_.verify == Verify::kAuto && options_.runtime_library.empty()) {
      return static_cast<runtimes::Runtime*>(nullptr);
    }
    return found;
  }

  const std::string& input_;
  const std::string& output_;
  const ConvertOptions& options_;
  DiagSink* sink_;
  ConvertReport report_;
};

}  // namespace

Result<ConvertReport> ConvertModel(const std::string& input, const std::string& output, const ConvertOptions& options,
                                   DiagSink* sink) {
  return Flight(input, output, options, sink).Run();
}

}  // namespace godwit
