// XNNPACK's concatenation takes few operands. Where some of many are small, these are put together beforehand, which
// copies little twice and keeps the model in one part.
#include "backends/tflite/tune.h"

namespace godwit::to_tflite {

namespace {

constexpr size_t kMostOperands = 5;
constexpr int64_t kSmallPart = 4;  // small is what is together at most one part in so many

// Extents along the axis; empty where they are not all known.
std::vector<int64_t> Extents(const WrittenGraph& graph, const WrittenOperator& op, size_t axis) {
  std::vector<int64_t> out;
  for (const Ref r : op.in) {
    const TensorType& type = graph.tensors[static_cast<size_t>(r.index)].type;
    if (!type.ranked || axis >= type.shape.size() || !type.shape[axis].is_static()) return {};
    out.push_back(type.shape[axis].value());
  }
  return out;
}

// The operands that take the least room among as many in a row as are too many, and one more.
struct Smallest {
  size_t first = 0, count = 0;
  int64_t extent = 0, all = 0;
};
Smallest SmallestOf(const std::vector<int64_t>& extents) {
  Smallest best{0, extents.size() - kMostOperands + 1, 0, 0};
  for (size_t k = 0; k < extents.size(); ++k) best.all += extents[k];
  best.extent = best.all + 1;
  for (size_t first = 0; first + best.count <= extents.size(); ++first) {
    int64_t extent = 0;
    for (size_t k = first; k < first + best.count; ++k) extent += extents[k];
    if (extent > best.extent) continue;
    best.extent = extent;
    best.first = first;
  }
  return best;
}

}  // namespace

void NarrowConcats(const targets::TfliteProfile& profile, WrittenGraph* graph) {
  for (WrittenGroup& group : graph->groups) {
    for (size_t k = 0; k < group.size(); ++k) {
      WrittenOperator& op = group[k];
      if (op.custom || op.op != "CONCATENATION" || op.in.size() <= kMostOperands) continue;
      const TensorType type = graph->tensors[static_cast<size_t>(op.out[0].index)].type;
      const double stated = NumberOf(op, "axis").value_or(0);
      const auto axis = static_cast<size_t>(stated < 0 ? stated + static_cast<double>(type.shape.size()) : stated);
      if (type.dtype != DType::kF32 || NumberOf(op, "fused_activation_function").value_or(0) != 0) continue;
      const std::vector<int64_t> extents = Extents(*graph, op, axis);
      if (extents.empty()) continue;
      const Smallest small = SmallestOf(extents);
      if (small.extent * kSmallPart > small.all) continue;
      WrittenOperator joined = op;
      const auto first = op.in.begin() + static_cast<std::ptrdiff_t>(small.first);
      const auto last = first + static_cast<std::ptrdiff_t>(small.count);
      joined.in.assign(first, last);
      TensorType part = type;
      part.shape[axis] = Dim(small.extent);
      graph->tensors.push_back({"", std::move(part), {}});
      joined.out = {Ref{static_cast<int32_t>(graph->tensors.size() - 1)}};
      if (!SettleVersion(profile, *graph, &joined)) continue;
      *first = joined.out[0];
      op.in.erase(first + 1, last);
      group.insert(group.begin() + static_cast<std::ptrdiff_t>(k), std::move(joined));
      ++k;
    }
  }
}

}  // namespace godwit::to_tflite
