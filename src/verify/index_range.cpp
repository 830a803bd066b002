#include "verify/index_range.h"

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ir/convert.h"
#include "ir/walk.h"
#include "ops/ops.h"

namespace godwit {

namespace {

// Operators whose first result holds elements of their first operand, unchanged.
bool KeepsValues(const OpDef* op) {
  static const std::unordered_set<const OpDef*> kOps = {
      &ops::kCast,     &ops::kReshape,   &ops::kSqueeze, &ops::kUnsqueeze, &ops::kExpand,
      &ops::kIdentity, &ops::kTranspose, &ops::kFlatten, &ops::kSlice,     &ops::kTile};
  return kOps.contains(op);
}

int64_t SizeOf(const Type& type, int64_t axis) {
  if (!type.ranked()) return 0;
  if (axis < 0) axis += type.rank();
  if (axis < 0 || axis >= type.rank()) return 0;
  const Dim& dim = type.shape()[static_cast<size_t>(axis)];
  return dim.is_static() ? dim.value() : 0;
}

int64_t ScalarOf(const Graph& graph, ValueId id) {
  if (!graph.IsConstant(id)) return 0;
  const auto tensor = graph.constant(graph.value(id).constant).Load();
  if (!tensor.ok() || tensor->size() != 1 || tensor->dtype() == DType::kString) return 0;
  return LoadI64(tensor->dtype(), tensor->raw());
}

// What the node's operand `index` may reach up to, when it is an index there.
int64_t BoundAt(const Graph& graph, const Node& node, uint32_t index) {
  const OpDef* op = node.op;
  if (op == &ops::kOneHot) return index == 0 && node.in.size() > 1 ? ScalarOf(graph, node.in[1]) : 0;
  if (index != 1 || node.in.empty() || !node.in[0]) return 0;
  const Type& data = graph.value(node.in[0]).type;
  if (op == &ops::kGather || op == &ops::kGatherElements || op == &ops::kScatterElements) {
    return SizeOf(data, node.attrs.Int("axis"));
  }
  if (op != &ops::kGatherNd && op != &ops::kScatterNd) return 0;
  // Each index vector picks along the first axes of what it indexes: the smallest of these holds for all.
  int64_t bound = 0;
  for (int64_t axis = 0; data.ranked() && axis < data.rank(); ++axis) {
    const int64_t size = SizeOf(data, axis);
    if (size > 0 && (bound == 0 || size < bound)) bound = size;
  }
  return bound;
}

}  // namespace

int64_t IndexBound(const Graph& graph, ValueId input) {
  std::unordered_map<uint32_t, std::vector<Use>> uses;
  ForEachUse(graph, [&](const Use& use) { uses[use.value.index].push_back(use); });
  int64_t bound = 0;
  std::deque<ValueId> open = {input};
  std::unordered_set<uint32_t> seen;
  while (!open.empty()) {
    const ValueId value = open.front();
    open.pop_front();
    if (!seen.insert(value.index).second) continue;
    for (const Use& use : uses[value.index]) {
      if (!use.node) continue;
      const Node& node = graph.node(use.node);
      if (KeepsValues(node.op) && use.index == 0 && !node.out.empty() && node.out[0]) open.push_back(node.out[0]);
      const int64_t here = BoundAt(graph, node, use.index);
      if (here > 0 && (bound == 0 || here < bound)) bound = here;
    }
  }
  return bound;
}

}  // namespace godwit
