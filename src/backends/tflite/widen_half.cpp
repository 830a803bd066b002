#include "backends/tflite/widen_half.h"

#include <set>
#include <string>
#include <vector>

#include "ir/convert.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/lazy_weight.h"
#include "rewrite/editor.h"

namespace godwit::to_tflite {

namespace {

bool IsHalf(DType d) { return d == DType::kF16 || d == DType::kBF16; }
bool IsHalf(const Type& type) { return type.is_tensor() && IsHalf(type.dtype()); }

bool CanWiden(const Graph& graph) {
  for (uint32_t i = 0; i < graph.value_count(); ++i) {
    const Type& type = graph.value(ValueId{i}).type;
    if (!type.is_tensor() && !type.is_unknown()) return false;
  }
  for (const NodeId id : NodesWithin(graph)) {
    const Node& node = graph.node(id);
    if (node.op == &ops::kBitCast || node.op == &ops::kOpaque) return false;
  }
  return true;
}

Status WidenConstants(Graph* graph) {
  std::set<ConstantId> done;
  for (uint32_t i = 0; i < graph->value_count(); ++i) {
    const ConstantId id = graph->value(ValueId{i}).constant;
    if (!id || !done.insert(id).second || !IsHalf(graph->constant(id).type.dtype)) continue;
    const Constant narrow = graph->constant(id);
    TensorType type = narrow.type;
    type.dtype = DType::kF32;
    TRY(graph->constant(id), LazyWeight(type, {narrow}, [](const std::vector<Tensor>& in) -> Result<Tensor> {
          return ConvertTensor(in[0], DType::kF32);
        }));
  }
  return Ok{};
}

void WidenAttrs(Node* node) {
  std::vector<std::string> names;
  for (const auto& [name, value] : node->attrs) {
    const auto* dtype = std::get_if<DType>(&value);
    if (dtype != nullptr && IsHalf(*dtype)) names.push_back(name);
  }
  for (const std::string& name : names) node->attrs.Set(name, DType::kF32);
}

}  // namespace

Result<bool> WidenHalf(Graph* graph) {
  bool any = false;
  for (uint32_t i = 0; i < graph->value_count(); ++i) any = any || IsHalf(graph->value(ValueId{i}).type);
  if (!any || !CanWiden(*graph)) return false;
  const std::vector<NodeId> nodes = NodesWithin(*graph);
  // Edges first: a cast stands between each input or output and the rest.
  const auto cast = [&](ValueId from, DType to) {
    const NodeId node = graph->AddNode(Graph::main(), ops::kCast, {from}, 1, {{"to", to}});
    const ValueId out = graph->node(node).out[0];
    TensorType type = graph->value(from).type.tensor();
    type.dtype = to;
    graph->value(out).type = std::move(type);
    return out;
  };
  std::set<ValueId> inputs;
  const std::vector<ValueId> params = graph->region(Graph::main()).params;
  for (const ValueId p : params) {
    if (!IsHalf(graph->value(p).type)) continue;
    inputs.insert(p);
    const ValueId wide = cast(p, DType::kF32);
    for (const NodeId id : nodes) {
      for (ValueId& v : graph->node(id).in) v = v == p ? wide : v;
    }
    for (const RegionId region : RegionsWithin(*graph)) {
      for (ValueId& v : graph->region(region).results) v = v == p ? wide : v;
    }
  }
  std::set<ValueId> outputs;
  std::vector<ValueId> results = graph->region(Graph::main()).results;
  for (ValueId& r : results) {
    const Type type = graph->value(r).type;
    const Node* maker = graph->value(r).def ? &graph->node(graph->value(r).def) : nullptr;
    const bool is_input = maker != nullptr && !maker->in.empty() && inputs.contains(maker->in[0]);
    const DType half = is_input ? graph->value(maker->in[0]).type.dtype() : type.dtype();
    if (!IsHalf(half)) continue;
    r = cast(r, half);
    outputs.insert(r);
  }
  graph->region(Graph::main()).results = std::move(results);
  RETURN_IF_ERROR(WidenConstants(graph));
  for (const NodeId id : nodes) WidenAttrs(&graph->node(id));
  for (uint32_t i = 0; i < graph->value_count(); ++i) {
    const ValueId v{i};
    if (IsHalf(graph->value(v).type) && !inputs.contains(v) && !outputs.contains(v)) {
      graph->value(v).type.tensor().dtype = DType::kF32;
    }
  }
  RETURN_IF_ERROR(TopologicalSort(graph, Graph::main()));
  Editor editor(*graph);
  RETURN_IF_ERROR(editor.Commit());
  return true;
}

}  // namespace godwit::to_tflite
