// ONNX as an output format.
#include <map>
#include <optional>

#include "api/output_format.h"
#include "backends/onnx/export.h"
#include "backends/onnx/files.h"
#include "backends/onnx/layout_target.h"
#include "backends/tflite/store_half.h"
#include "base/staging_folder.h"
#include "base/text.h"
#include "passes/fusion_policy.h"
#include "passes/simplify.h"

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

class OnnxOutput : public OutputFormat {
 public:
  OnnxOutput(const ConvertOptions& options, std::string path) : options_(options), path_(std::move(path)) {}

  [[nodiscard]] std::set<std::string> RulesOff(const Graph& graph, int level) const override {
    FusionTarget target;
    target.from_tflite = from_tflite_;
    target.opset = Opset(graph);
    target.runtime = options_.target.runtime;
    target.microsoft = to_onnx::Allows(options_.onnx, "com.microsoft");
    target.approximate = level > 2;
    return FusionsToLeave(target);
  }
  [[nodiscard]] int64_t Opset(const Graph& graph) const override {
    return options_.onnx.opset > 0 ? options_.onnx.opset : to_onnx::DefaultOpset(graph);
  }

  void SeeSource(const Graph& graph) override {
    from_tflite_ = graph.format.starts_with("TFLite");
    half_weights_ = from_tflite_ && to_tflite::MostlyHalf(graph);
  }

  // Channels go to their place all at once; then what was transposed around them is put together.
  Status Prepare(Graph* graph, DiagSink*, ConvertReport*) override {
    if (half_weights_) to_tflite::NoteHalfWeights(graph);
    if (!to_onnx::NeedsOnnxLayout(*graph)) return Ok{};
    RETURN_IF_ERROR(Relayout(graph, to_onnx::OnnxLayout(), {}, nullptr));
    if (!options_.simplify) return Ok{};
    SimplifyOptions again = options_.rewriting;
    again.rewrite.off.merge(RulesOff(*graph, again.rewrite.level));
    return Simplify(*graph, again, nullptr);
  }

  Status Write(const Graph& graph, std::vector<std::string> inputs, DiagSink* sink, ConvertReport* report) override {
    TRY(const to_onnx::Exported exported, to_onnx::ExportModel(graph, options_.onnx, sink));
    if (sink->has_errors()) return Ok{};
    report->opset_after = exported.opset;
    report->version_after = Concat("opset ", std::to_string(exported.opset));
    CountWritten(exported.model.graph, report);
    TRY(to_onnx::OnnxFiles files, to_onnx::WriteOnnxFiles(exported, path_, {options_.weights, std::move(inputs)}));
    report->bytes_after = files.model.offset() + (files.weights != nullptr ? files.weights->offset() : 0);
    files_.emplace(std::move(files));
    return Ok{};
  }

  Result<Graph> ReadBack(LoadOptions load, DiagSink* sink) override {
    TRY(const MappedFile::Ptr back, files_->model.ReadBack(load.limits));
    if (files_->weights != nullptr) {
      TRY(load.side_files[to_onnx::WeightsName(path_)], files_->weights->ReadBack(load.limits));
    }
    return LoadModel(back, load, sink);
  }

  Result<runtimes::Runtime*> FindJudge(const std::string& library) const override {
    return runtimes::FindOnnxRuntime(library);
  }
  // It may be too old for a newer operator set; the source, where it takes that, tells.
  [[nodiscard]] bool JudgeMustTake(const runtimes::Runtime&) const override { return false; }
  // The runtime looks for the weights beside the model, under the name that the model says.
  std::string JudgedFile() override {
    if (files_->weights == nullptr) return files_->model.ReadablePath();
    auto folder = StagingFolder::Create(path_);
    if (!folder.ok()) return {};
    folder_.emplace(*std::move(folder));
    const bool named = files_->weights->NameAs(folder_->PathOf(to_onnx::WeightsName(path_))).ok() &&
                       files_->model.NameAs(folder_->PathOf("model.onnx")).ok();
    return named ? files_->model.ReadablePath() : std::string();
  }
  Status Commit() override {
    RETURN_IF_ERROR(files_->Commit());
    folder_.reset();
    return Ok{};
  }

 private:
  const ConvertOptions& options_;
  std::string path_;
  bool from_tflite_ = false;
  bool half_weights_ = false;            // the source's, which are widened on the way
  std::optional<StagingFolder> folder_;  // outlives the files in it
  std::optional<to_onnx::OnnxFiles> files_;
};

}  // namespace

std::unique_ptr<OutputFormat> MakeOnnxOutput(const ConvertOptions& options, std::string path) {
  return std::make_unique<OnnxOutput>(options, std::move(path));
}

}  // namespace godwit
