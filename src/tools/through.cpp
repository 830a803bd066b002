#include "tools/through.h"

#include <algorithm>
#include <vector>

#include "api/load.h"
#include "api/profile.h"
#include "api/target.h"
#include "backends/onnx/export.h"
#include "backends/onnx/files.h"
#include "backends/tflite/export.h"
#include "backends/tflite/prepare.h"
#include "base/atomic_file.h"
#include "base/diag.h"
#include "base/text.h"
#include "formats/onnx/parse.h"
#include "formats/onnx/write.h"
#include "formats/tflite/write.h"
#include "passes/edges.h"
#include "passes/fusion_policy.h"
#include "passes/simplify.h"

namespace godwit::tools {

namespace {

// The first error, if there was one.
Status FirstError(const DiagSink& sink) {
  for (const Diag& d : sink.all()) {
    if (d.severity == Severity::kError) return Diag(d);
  }
  return Ok{};
}

Result<Graph> ReadBack(const std::string& text) {
  const ByteSpan bytes = AsBytes(text);
  DiagSink sink;
  TRY(Graph back, LoadModel(MappedFile::FromBytes({bytes.begin(), bytes.end()}), {}, &sink));
  RETURN_IF_ERROR(FirstError(sink));
  return back;
}

struct Step {
  Target target;
  targets::TfliteProfile profile;
};

struct Written {
  std::string bytes;
  bool folded = false;  ///< results are constants or inputs, which formats may need operators to hand on
};

Result<Written> ToOnnx(const Graph& graph, int opset, const std::string& keep_as) {
  to_onnx::ExportOptions options;
  options.opset = opset != 0 ? opset : to_onnx::DefaultOpset(graph);
  DiagSink sink;
  TRY(const to_onnx::Exported exported, to_onnx::ExportModel(graph, options, &sink));
  RETURN_IF_ERROR(FirstError(sink));
  if (!keep_as.empty()) {
    TRY(to_onnx::OnnxFiles files, to_onnx::WriteOnnxFiles(exported, keep_as, {}));
    RETURN_IF_ERROR(files.Commit());
  }
  return Written{onnx::SerializeModel(exported.model), graph.region(Graph::main()).nodes.empty()};
}

Result<Written> ToTflite(const Graph& source, const targets::TfliteProfile& profile, const std::string& keep_as) {
  Graph graph = source.Clone();
  SimplifyOptions rewriting;
  rewriting.rewrite.off = FusionsToLeave({.tflite = true});
  RETURN_IF_ERROR(Simplify(graph, rewriting, nullptr));
  to_tflite::PrepareReport report;
  to_tflite::PrepareOptions preparing;
  preparing.profile = profile;
  RETURN_IF_ERROR(to_tflite::Prepare(&graph, preparing, &report));
  DiagSink sink;
  TRY(const to_tflite::Exported exported, to_tflite::ExportModel(graph, {profile}, &sink));
  RETURN_IF_ERROR(FirstError(sink));
  TRY(std::string bytes, tflite::SerializeModel(exported.model));
  if (!keep_as.empty()) {
    TRY(AtomicFile file, AtomicFile::Create(keep_as));
    RETURN_IF_ERROR(file.Write(bytes));
    RETURN_IF_ERROR(file.Commit());
  }
  return Written{std::move(bytes), graph.region(Graph::main()).nodes.empty()};
}

struct Constants {
  std::string_view op;
  std::vector<size_t> inputs;
};
const std::vector<Constants>& ConstantInputs() {
  static const std::vector<Constants> kTable = {
#define GODWIT_CONSTANT(op, ...) {#op, {__VA_ARGS__}},
#include "tools/tflite_constants.def"
#undef GODWIT_CONSTANT
  };
  return kTable;
}

// The case's inputs that feed operators where the table wants constants.
Result<std::vector<std::string>> ToFix(const SuiteCase& test) {
  TRY(const MappedFile::Ptr file, MappedFile::Open(test.model));
  TRY(const onnx::Model model, onnx::ParseModel(file->bytes(), {}, nullptr));
  std::vector<std::string> out;
  for (const onnx::Node& node : model.graph.nodes) {
    for (const Constants& row : ConstantInputs()) {
      if (row.op != node.op_type) continue;
      for (const size_t i : row.inputs) {
        if (i < node.inputs.size() && !node.inputs[i].empty()) out.emplace_back(node.inputs[i]);
      }
    }
  }
  return out;
}

bool StatesAllSizes(const Graph& graph) {
  const Region& main = graph.region(Graph::main());
  const auto known = [&](ValueId id) {
    const Type& type = graph.value(id).type;
    return type.ranked() && type.tensor().is_static();
  };
  return std::all_of(main.params.begin(), main.params.end(), known) &&
         std::all_of(main.results.begin(), main.results.end(), known);
}

class Traveller {
 public:
  Traveller(std::vector<Step> steps, ThroughOptions options) : steps_(std::move(steps)), options_(std::move(options)) {}

  Result<Passage> operator()(const SuiteCase& test, const Graph& graph, const std::vector<RtValue>& inputs) const {
    auto passage = Travel(graph, test.name);
    const bool constants =
        std::any_of(steps_.begin(), steps_.end(), [](const Step& s) { return s.target.format == Format::kTflite; });
    if (passage.ok() || !constants) return passage;
    TRY(const std::vector<std::string> wanted, ToFix(test));
    Edges edges;
    std::vector<std::string> fixed;
    const std::vector<ValueId>& params = graph.region(Graph::main()).params;
    for (size_t i = 0; i < params.size() && i < inputs.size(); ++i) {
      const std::string& name = graph.value(params[i]).name;
      if (!inputs[i].is_tensor() || std::find(wanted.begin(), wanted.end(), name) == wanted.end()) continue;
      edges.bound.emplace_back(name, inputs[i].tensor);
      fixed.push_back(name);
    }
    if (fixed.empty()) return passage;
    Graph bound = graph.Clone();
    RETURN_IF_ERROR(ApplyEdges(edges, &bound));
    auto again = Travel(bound, test.name);
    if (!again.ok()) return again;
    again->fixed = std::move(fixed);
    return again;
  }

 private:
  Result<Passage> Travel(const Graph& graph, const std::string& name) const {
    Passage out;
    const Graph* now = &graph;
    for (size_t i = 0; i < steps_.size(); ++i) {
      const Step& step = steps_[i];
      const bool tflite = step.target.format == Format::kTflite;
      const std::string keep =
          i > 0 || options_.keep.empty() ? "" : Concat(options_.keep, "/", name, tflite ? ".tflite" : "");
      auto written = tflite ? ToTflite(*now, step.profile, keep) : ToOnnx(*now, step.target.opset, keep);
      if (!written.ok()) return written.TakeDiag();
      TRY(out.graph, ReadBack(written->bytes));
      now = &out.graph;
      if (i + 1 < steps_.size()) continue;
      out.folded = written->folded;
      if (!tflite || options_.litert == nullptr) continue;
      out.must_run = StatesAllSizes(out.graph);
      runtimes::OpenOptions open;
      auto model = options_.litert->Open(AsBytes(written->bytes), open);
      if (model.ok()) {
        out.runtime = *std::move(model);
      } else if (out.must_run && model.diag().id == diag::kRuntimeRefused.id) {
        out.unloadable = model.diag().what;
      }
    }
    return out;
  }

  std::vector<Step> steps_;
  ThroughOptions options_;
};

}  // namespace

Result<Through> MakeThrough(const std::string& formats, const ThroughOptions& options) {
  std::vector<Step> steps;
  for (const std::string_view format : Split(formats, ',')) {
    Step step;
    auto target = ParseTarget(format == "onnx@same" ? "onnx" : std::string(format));
    if (!target.ok() || target->format == Format::kNone || !target->runtime.empty()) {
      return Diag(diag::kUsage, Concat("'", format, "' is no format to go through"))
          .Hint("--through onnx@17, --through tflite");
    }
    step.target = *std::move(target);
    if (step.target.format == Format::kTflite) {
      TRY(step.profile, ReadProfile(step.target.profile, {}));
    }
    steps.push_back(std::move(step));
  }
  return Through(Traveller(std::move(steps), options));
}

}  // namespace godwit::tools
