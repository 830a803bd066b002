// TFLite as an output format.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "api/output_format.h"
#include "api/profile.h"
#include "backends/tflite/export.h"
#include "backends/tflite/prepare.h"
#include "backends/tflite/store_half.h"
#include "base/atomic_file.h"
#include "base/text.h"
#include "formats/tflite/write.h"
#include "passes/fusion_policy.h"
#include "targets/tflite.h"

namespace godwit {

namespace {

// "TFLite 2.14", as its package is numbered: what LiteRT goes on from.
std::string RuntimeText(int runtime) { return fmt::format("TFLite {}.{} and later", runtime / 100, runtime % 100); }

// "2.1.2" as targets/tflite.h numbers runtimes; 0 where it cannot be told.
int NumberOf(const std::string& version) {
  const std::vector<std::string_view> parts = Split(version, '.');
  int64_t major = 0, minor = 0;
  if (parts.size() < 2 || !ParseInt(parts[0], &major) || !ParseInt(parts[1], &minor)) return 0;
  for (const std::string& name : targets::TfliteProfileNames()) {
    if (name != fmt::format("litert@{}.{}", major, minor)) continue;
    const auto profile = targets::ParseTfliteProfile(name);
    return profile.ok() ? profile->runtime : 0;
  }
  return major >= 2 ? targets::kNewestTflite : 0;
}

class TfliteOutput : public OutputFormat {
 public:
  TfliteOutput(const ConvertOptions& options, targets::TfliteProfile profile, std::string path)
      : options_(options), profile_(std::move(profile)), path_(std::move(path)) {}

  [[nodiscard]] std::set<std::string> RulesOff(const Graph&, int level) const override {
    return FusionsToLeave({.approximate = level > 2, .tflite = true});
  }
  [[nodiscard]] int64_t Opset(const Graph&) const override { return 0; }

  void SeeSource(const Graph& graph) override {
    half_weights_ = options_.half.kind == HalfKind::kNone ? to_tflite::MostlyHalf(graph) || to_tflite::WereHalf(graph)
                                                          : options_.half.dtype == DType::kF16;
  }
  // Kernels compute in f32, or in f16 where the processor has it and the file allows it; weights are what is stored,
  // and they are so when they are written.
  Status SettleHalf(Graph* graph, HalfOptions* half) const override {
    if (half->dtype != DType::kF16 || !half->keep_io) {
      return Diag(diag::kUsage, "--precision: TFLite has weights of f16, and no other half precision")
          .Hint("--precision f16w");
    }
    if (half->kind != HalfKind::kWeights) {
      graph->metadata["tflite.metadata.reduced_precision_support"] = "fp16accfp32";
    }
    half->kind = HalfKind::kNone;
    return Ok{};
  }

  Status Prepare(Graph* graph, DiagSink*, ConvertReport* report) override {
    to_tflite::PrepareOptions options;
    options.profile = profile_;
    options.rewrite = options_.simplify;
    options.rewriting = options_.rewriting.rewrite;
    if (options_.layout_auto) options.layout.inputs.kind = options.layout.outputs.kind = IoLayout::Kind::kAuto;
    to_tflite::PrepareReport prepared;
    RETURN_IF_ERROR(to_tflite::Prepare(graph, options, &prepared));
    for (const TransposeLeft& left : prepared.layout.left) {
      if (left.reshape) continue;
      report->moves.push_back({left.value,
                               left.bytes < 0 ? std::nullopt : std::optional(static_cast<uint64_t>(left.bytes)),
                               left.why, left.producer.starts_with("input ")});
    }
    report->moves_optimal = prepared.layout.optimal;
    // Orders that were asked for are in the graph already.
    if (!options_.layout_auto) return Ok{};
    for (const ValueLayout& port : prepared.layout.layouts) NameOrder(*graph, port, report);
    return Ok{};
  }

  Result<bool> AddEntry(Graph&& graph) override {
    ConvertReport unread;
    DiagSink problems;
    RETURN_IF_ERROR(Prepare(&graph, &problems, &unread));
    entries_.push_back(std::move(graph));
    return true;
  }

  Status Write(const Graph& graph, std::vector<std::string> inputs, DiagSink* sink, ConvertReport* report) override {
    std::vector<const Graph*> entries;
    for (const Graph& entry : entries_) entries.push_back(&entry);
    const bool tune = options_.simplify && options_.rewriting.rewrite.level >= 2;
    TRY(const to_tflite::Exported exported,
        to_tflite::ExportModel(graph, {profile_, half_weights_, tune, std::move(entries)}, sink));
    if (sink->has_errors()) return Ok{};
    runtime_ = exported.runtime;
    report->half.casts += exported.half_tensors;
    report->half.weights += exported.half_elements;
    report->runs_in = RuntimeText(runtime_);
    Count(exported.model, report);
    TRY(AtomicFile file, AtomicFile::Create(path_, inputs));
    RETURN_IF_ERROR(tflite::WriteModel(exported.model, {}, &file));
    report->bytes_after = file.offset();
    file_.emplace(std::move(file));
    return Ok{};
  }

  Result<Graph> ReadBack(LoadOptions load, DiagSink* sink) override {
    TRY(const MappedFile::Ptr back, file_->ReadBack(load.limits));
    return LoadModel(back, load, sink);
  }

  Result<runtimes::Runtime*> FindJudge(const std::string& library) const override {
    return runtimes::FindLiteRt(library);
  }
  [[nodiscard]] bool JudgeMustTake(const runtimes::Runtime& judge) const override {
    return runtime_ <= NumberOf(judge.version());
  }
  std::string JudgedFile() override { return file_->ReadablePath(); }
  Status Commit() override { return file_->Commit(); }

 private:
  // Other names of the same value tell of tensors inside.
  static void NameOrder(const Graph& graph, const ValueLayout& stored, ConvertReport* report) {
    const Region& main = graph.region(Graph::main());
    const auto is = [&](ValueId id, const std::string& name) { return id == stored.value && name == stored.name; };
    for (const ValueId id : main.params) {
      if (is(id, graph.value(id).name)) report->orders[stored.name] = stored.perm;
    }
    for (size_t i = 0; i < main.results.size(); ++i) {
      if (is(main.results[i], graph.output_names[i])) report->orders[stored.name] = stored.perm;
    }
  }

  static void Count(const tflite::Model& model, ConvertReport* report) {
    for (const tflite::SubGraph& subgraph : model.subgraphs) {
      for (const tflite::Operator& op : subgraph.operators) {
        const tflite::OperatorCode& code = model.operator_codes[op.opcode_index];
        ++report->nodes_after;
        ++report->ops[std::string(code.custom_code.empty() ? tflite::OperatorName(code.code) : code.custom_code)].after;
      }
    }
  }

  const ConvertOptions& options_;
  targets::TfliteProfile profile_;
  std::string path_;
  int runtime_ = 0;
  bool half_weights_ = false;
  std::vector<Graph> entries_;
  std::optional<AtomicFile> file_;
};

}  // namespace

Result<std::unique_ptr<OutputFormat>> MakeTfliteOutput(const ConvertOptions& options, const Target& target,
                                                       std::string path) {
  TRY(targets::TfliteProfile profile, ReadProfile(target.profile, options.limits));
  return std::unique_ptr<OutputFormat>(std::make_unique<TfliteOutput>(options, std::move(profile), std::move(path)));
}

}  // namespace godwit
