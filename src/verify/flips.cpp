#include "verify/flips.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <unordered_set>

#include "exec/session.h"
#include "ir/convert.h"
#include "ops/ops.h"

namespace godwit {

namespace {

// Through what keeps the order of elements and their values, to what decides them.
const Node* Decider(const Graph& graph, ValueId value) {
  static const std::unordered_set<const OpDef*> kKeeps = {&ops::kReshape,  &ops::kSqueeze, &ops::kUnsqueeze,
                                                          &ops::kIdentity, &ops::kFlatten, &ops::kCast};
  while (value && graph.value(value).def) {
    const Node& node = graph.node(graph.value(value).def);
    if (!kKeeps.contains(node.op) || node.in.empty() || !node.in[0]) return &node;
    if (node.op == &ops::kCast && IsFloat(graph.value(node.in[0]).type.dtype())) return &node;
    value = node.in[0];
  }
  return nullptr;
}

struct Places {
  int64_t unequal = 0;
  int64_t ties = 0;
};

Places CountTies(const Tensor& data, int64_t axis, const std::vector<int64_t>& a, const std::vector<int64_t>& r,
                 double slack) {
  Places out;
  const std::vector<double> x = ToF64(data);
  if (axis < 0) axis += data.rank();
  int64_t inner = 1;
  for (int64_t k = axis + 1; k < data.rank(); ++k) inner *= data.dims()[static_cast<size_t>(k)];
  const int64_t extent = data.dims()[static_cast<size_t>(axis)];
  const auto at = [&](size_t i, int64_t place) {
    const auto flat = static_cast<int64_t>(i);
    return x[static_cast<size_t>((flat / inner * extent + place) * inner + flat % inner)];
  };
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == r[i]) continue;
    ++out.unequal;
    const bool within = a[i] >= 0 && a[i] < extent && r[i] >= 0 && r[i] < extent;
    if (within && std::fabs(at(i, a[i]) - at(i, r[i])) <= slack) ++out.ties;
  }
  return out;
}

std::optional<Tensor> Run(const Graph& graph, const std::vector<RtValue>& inputs, Precision precision, int threads) {
  SessionOptions options;
  options.threads = threads;
  options.precision = precision;
  Session session(graph, options);
  auto values = session.Run(inputs);
  if (!values.ok() || !(*values)[0].is_tensor()) return std::nullopt;
  return std::move((*values)[0].tensor);
}

double Peak(const std::vector<double>& values) {
  double peak = 0;
  for (const double v : values) {
    if (std::isfinite(v)) peak = std::max(peak, std::fabs(v));
  }
  return peak;
}

FlipVerdict JudgePlaces(const Graph& source, const Node& node, const std::vector<RtValue>& inputs,
                        const std::vector<int64_t>& a, const std::vector<int64_t>& r, double floor, double noise_factor,
                        int threads) {
  Graph tapped = source.Clone();
  tapped.region(Graph::main()).results = {node.in[0]};
  tapped.output_names = {"tap"};
  const std::optional<Tensor> data = Run(tapped, inputs, Precision::kSingle, threads);
  if (!data) return {};
  const int64_t axis = node.attrs.Int("axis");
  if (axis < -data->rank() || axis >= data->rank() || data->size() == 0) return {};
  const int64_t extent = data->dims()[static_cast<size_t>(axis < 0 ? axis + data->rank() : axis)];
  if (data->size() / std::max<int64_t>(extent, 1) != static_cast<int64_t>(a.size())) return {};
  const std::vector<double> values = ToF64(*data);
  const double peak = Peak(values);
  double tolerance = floor * peak;
  Places places = CountTies(*data, axis, a, r, 2 * tolerance);
  if (places.ties != places.unequal) {
    const std::optional<Tensor> wide = Run(tapped, inputs, Precision::kDouble, threads);
    if (!wide || wide->dims() != data->dims()) return {};
    std::vector<double> noise = ToF64(*wide);
    for (size_t i = 0; i < noise.size(); ++i) noise[i] -= values[i];
    tolerance = std::max(tolerance, noise_factor * Peak(noise));
    places = CountTies(*data, axis, a, r, 2 * tolerance);
  }
  if (places.ties != places.unequal) return {};
  return {true, tolerance >= peak,
          fmt::format("{} of {} places of an extreme are ties within the tolerance", places.ties, a.size())};
}

}  // namespace

FlipVerdict JudgeFlips(const Graph& source, size_t index, const std::vector<RtValue>& inputs, const RtValue& actual,
                       const RtValue& reference, double floor, double noise_factor, int threads) {
  if (!actual.is_tensor() || !reference.is_tensor() || !IsInteger(reference.tensor.dtype())) return {};
  const Node* node = Decider(source, source.region(Graph::main()).results[index]);
  if (node == nullptr) return {};
  const std::vector<int64_t> a = ToI64(actual.tensor), r = ToI64(reference.tensor);
  if (node->op == &ops::kArgReduce) return JudgePlaces(source, *node, inputs, a, r, floor, noise_factor, threads);
  const bool rounds = node->op == &ops::kCast || node->op == &ops::kQuantize || node->op == &ops::kDynamicQuantize;
  if (!rounds) return {};
  int64_t unequal = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == r[i]) continue;
    if (a[i] - r[i] != 1 && r[i] - a[i] != 1) return {};
    ++unequal;
  }
  return {true, false, fmt::format("{} of {} integers are one step off, where rounding decides", unequal, a.size())};
}

}  // namespace godwit
