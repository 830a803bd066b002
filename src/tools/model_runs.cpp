#include "tools/model_runs.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace godwit::tools {

namespace {

constexpr int64_t kMostRuns = 1000000;

// 0: all that --data has.
Result<int64_t> RunsOf(const Args& args) {
  const std::string text = args.Text("--runs", "1");
  if (text == "all" && args.Has("--data")) return int64_t{0};
  int64_t count = 0;
  if (ParseInt(text, &count) && count >= 1 && count <= kMostRuns) return count;
  return Diag(diag::kUsage,
              Concat("--runs: '", Printable(text, 100), "' is not a number of runs, or `all` with --data"));
}

bool Alike(const RtValue& a, const RtValue& b) {
  return a.is_tensor() && b.is_tensor() && a.tensor.dtype() == b.tensor.dtype() && a.tensor.dims() == b.tensor.dims() &&
         a.tensor.dtype() != DType::kString;
}

}  // namespace

Result<InputSets> InputSetsOf(const Graph& graph, const Args& args, const Problems& problems) {
  TRY(const int64_t runs, RunsOf(args));
  if (args.Has("--reset") && !args.Has("--runs")) return Diag(diag::kUsage, "--reset goes with --runs");
  TRY(const InputSpecs stated, StatedInputs(graph, args.All("--sample"), problems.limits()));
  TRY(InputSets data, DataOf(graph, args, problems, runs));
  if (args.Has("--data") && static_cast<int64_t>(data.size()) < runs) {
    return Diag(diag::kUsage, fmt::format("--runs: {} runs, and --data has {} samples", runs, data.size()));
  }
  TRY(const std::vector<DimRange> ranges, DimRangesOf(args));
  const std::vector<ValueId>& params = graph.region(Graph::main()).params;
  const auto count = runs > 0 ? static_cast<size_t>(runs) : data.size();
  InputSets out;
  for (size_t k = 0; k < count; ++k) {
    InputSpecs specs = stated;
    for (size_t i = 0; k < data.size() && i < params.size(); ++i) {
      if (!data[k][i].absent()) specs[graph.value(params[i]).name].value = std::move(data[k][i]);
    }
    SampleRequest request;
    request.seed = static_cast<uint64_t>(args.Int("--seed", 0)) + k;
    request.sizes = BestSizes(ranges);
    TRY(std::vector<RtValue> inputs, DrawSample(graph, specs, request));
    RETURN_IF_ERROR(CheckSizes(graph, ranges, inputs));
    out.push_back(std::move(inputs));
  }
  return out;
}

Result<StateCarrier> StateCarrier::Of(const Graph& graph, const Args& args) {
  StateCarrier out;
  out.graph_ = &graph;
  if (args.Has("--reset")) return out;
  TRY(out.states_, StatesOf(graph));
  return out;
}

std::vector<std::pair<std::string, RtValue>> Together(const std::vector<std::string>& names, InputSets runs) {
  std::vector<std::pair<std::string, RtValue>> out;
  for (size_t i = 0; i < names.size(); ++i) {
    const RtValue& first = runs[0][i];
    if (runs.size() == 1) {
      out.emplace_back(names[i], first);
      continue;
    }
    if (std::all_of(runs.begin(), runs.end(), [&](const auto& run) { return Alike(run[i], first); })) {
      Dims dims = first.tensor.dims();
      dims.insert(dims.begin(), static_cast<int64_t>(runs.size()));
      if (auto all = Tensor::Make(first.tensor.dtype(), std::move(dims)); all.ok()) {
        std::byte* to = all->mutable_raw();
        for (const auto& run : runs) to = std::copy_n(run[i].tensor.raw(), run[i].tensor.bytes(), to);
        out.emplace_back(names[i], *std::move(all));
        continue;
      }
    }
    for (size_t k = 0; k < runs.size(); ++k) out.emplace_back(fmt::format("{}/{}", names[i], k), runs[k][i]);
  }
  return out;
}

}  // namespace godwit::tools
