#include "tools/model_run.h"

#include "api/inputs.h"
#include "base/text.h"

namespace godwit::tools {

LoadedModel LoadForRun(const std::string& path, const Args& args, const Problems& problems) {
  LoadedModel out;
  LoadOptions options = problems.load();
  for (const std::string& shape : args.All("--shape")) {
    if (const Status status = AddShape(shape, &options); !status.ok()) {
      out.status = problems.Show(status.diag());
      return out;
    }
  }
  DiagSink sink;
  auto graph = LoadModel(path, options, &sink);
  if (!graph.ok()) sink.Add(graph.diag());
  out.status = problems.Show(sink);
  if (graph.ok()) out.graph = *std::move(graph);
  return out;
}

SessionOptions SessionOptionsOf(const Args& args) {
  SessionOptions options;
  options.threads = static_cast<int>(args.Int("--threads", 0));
  options.reference = args.Has("--reference");
  const std::string_view precision = args.Text("--precision");
  if (precision == "f64") options.precision = Precision::kDouble;
  if (precision == "stored") options.precision = Precision::kStored;
  options.run.seed = static_cast<uint64_t>(args.Int("--seed", 0));
  return options;
}

Result<runtimes::Runtime*> RuntimeOf(const Args& args) { return runtimes::FindOnnxRuntime(args.Text("--runtime-lib")); }

Status CheckOwnOnly(const Args& args, std::span<const std::string_view> options) {
  for (const std::string_view option : options) {
    if (args.Has(option)) return Diag(diag::kUsage, Concat(option, " does not go with --runtime ort"));
  }
  return Ok{};
}

std::vector<std::pair<std::string, RtValue>> NamedInputs(const Graph& graph, const std::vector<RtValue>& values) {
  const std::vector<ValueId>& params = graph.region(Graph::main()).params;
  std::vector<std::pair<std::string, RtValue>> out;
  for (size_t i = 0; i < values.size() && i < params.size(); ++i) {
    out.emplace_back(graph.value(params[i]).name, values[i]);
  }
  return out;
}

Result<std::vector<RtValue>> InputsOf(const Graph& graph, const Args& args, const Problems& problems) {
  InputOptions options;
  options.seed = static_cast<uint64_t>(args.Int("--seed", 0));
  options.samples = args.All("--sample");
  options.limits = problems.limits();
  return MakeInputs(graph, options);
}

}  // namespace godwit::tools
