#include "backends/onnx/layout_target.h"

#include <algorithm>
#include <numeric>

#include "ir/walk.h"
#include "ops/ops.h"

namespace godwit::to_onnx {

namespace {

// The flag of a product's operand; empty for what is none.
std::string_view FlagOf(const OpDef* op, size_t operand) {
  if (op != &ops::kMatMul || operand > 1) return {};
  return operand == 0 ? "transpose_a" : "transpose_b";
}

}  // namespace

std::optional<int64_t> OnnxLayout::Runs(const LayoutForm& form) const {
  for (size_t i = 0; i < 2; ++i) {
    const std::string_view flag = FlagOf(form.op(), i);
    if (!flag.empty() && form.attrs.Flag(flag) && !form.IsConstant(i)) return std::nullopt;
  }
  return ChannelOrder::Runs(form);
}

std::vector<Perm> OnnxLayout::Wanted(const Graph& graph, NodeId id, size_t operand) const {
  const Node& node = graph.node(id);
  const std::string_view flag = FlagOf(node.op, operand);
  if (flag.empty() || !node.attrs.Flag(flag)) return ChannelOrder::Wanted(graph, id, operand);
  Perm swapped(graph.value(node.in[operand]).type.shape().size());
  std::iota(swapped.begin(), swapped.end(), 0);
  if (swapped.size() < 2) return {};
  std::swap(swapped[swapped.size() - 1], swapped[swapped.size() - 2]);
  return {swapped};
}

std::string_view OnnxLayout::WeightLayout(const LayoutForm& form) const {
  if (form.op() == &ops::kConv) return "oihw";
  if (form.op() == &ops::kConvTranspose) return "iohw";
  return {};
}

bool NeedsOnnxLayout(const Graph& graph) {
  const std::vector<NodeId> nodes = NodesWithin(graph);
  return std::any_of(nodes.begin(), nodes.end(), [&](NodeId id) {
    const Node& node = graph.node(id);
    if (!HasChannelAxis(*node.op) || !node.in[0] || !graph.value(node.in[0]).type.ranked()) return false;
    const int64_t rank = graph.value(node.in[0]).type.rank();
    const int64_t axis = node.attrs.Int("channel_axis", 1);
    return rank > 1 && (axis < 0 ? axis + rank : axis) != 1;
  });
}

}  // namespace godwit::to_onnx
