#include "backends/tflite/widen_lines.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/vector_nodes.h"
#include "rewrite/editor.h"
#include "rewrite/match.h"

namespace godwit::to_tflite {

namespace {

class Widener {
 public:
  explicit Widener(Graph* graph) : editor_(*graph), graph_(*graph) {}

  Result<bool> Run() {
    bool any = false;
    for (const NodeId id : NodesWithin(graph_)) {
      if (!IsLine(id)) continue;
      RETURN_IF_ERROR(Widen(id));
      any = true;
    }
    editor_.RemoveDead();
    RETURN_IF_ERROR(editor_.Commit());
    return any;
  }

 private:
  [[nodiscard]] static bool HasWeights(const Node& node) {
    return node.op == &ops::kConv || node.op == &ops::kConvTranspose;
  }
  [[nodiscard]] bool MadeBy(ValueId v, const OpDef& op) const {
    const NodeId def = graph_.value(v).def;
    return def && graph_.node(def).op == &op;
  }

  [[nodiscard]] bool IsLine(NodeId id) const {
    const Node& node = graph_.node(id);
    if (!HasWeights(node) && node.op != &ops::kMaxPool && node.op != &ops::kAvgPool) return false;
    const Type& x = graph_.value(node.in[0]).type;
    if (!x.ranked() || x.rank() != 3 || !IsFloat(x.dtype()) || !node.out[0]) return false;
    // Rows insert and take away an axis whatever is not known; a reshape that has been turned needs numbers.
    const Type& y = graph_.value(node.out[0]).type;
    if (!IsExpressible(x.shape()) || !y.ranked() || !IsExpressible(y.shape())) return false;
    for (size_t i = 1; i < node.out.size(); ++i) {
      if (node.out[i]) return false;
    }
    if (HasWeights(node) && (!graph_.IsConstant(node.in[1]) || graph_.value(node.in[1]).type.tensor().quant)) {
      return false;
    }
    if (node.in.size() > 3 || node.attrs.Int("column_major", 0) != 0) return false;
    // What is restored before it and quantised behind it is one operator of integers.
    const auto& uses = editor_.Uses(node.out[0]);
    return !MadeBy(node.in[0], ops::kDequantize) && std::none_of(uses.begin(), uses.end(), [&](const UseSite& u) {
      return u.node && graph_.node(u.node).op == &ops::kQuantize;
    });
  }

  Result<ValueId> Emit(const Node& like, const OpDef& op, std::vector<ValueId> in, Attrs attrs) {
    TRY(const NodeId id, editor_.AddNode(like.parent, op, std::move(in), 1, std::move(attrs), like.origin));
    return graph_.node(id).out[0];
  }

  Status Widen(NodeId id) {
    const Node node = graph_.node(id);
    const int64_t channels = *AxisOf(node.attrs.Int("channel_axis", 1), 3);
    const ValueId axis = editor_.AddConstant(Tensor::I64({1}, std::vector<int64_t>{3 - channels}));
    Attrs attrs = node.attrs;
    if (channels == 2) attrs.Set("channel_axis", int64_t{3});
    constexpr std::pair<std::string_view, int64_t> kLists[] = {
        {"kernel", 1}, {"strides", 1}, {"dilations", 1}, {"output_pads", 0}, {"output_shape", 1}};
    for (const auto& [name, value] : kLists) {
      if (const auto& list = node.attrs.Ints(name); list.size() == 1) attrs.Set(name, std::vector{value, list[0]});
    }
    if (const auto& pads = node.attrs.Ints("pads"); pads.size() == 2) {
      attrs.Set("pads", std::vector<int64_t>{0, pads[0], 0, pads[1]});
    }
    std::vector<ValueId> in = node.in;
    TRY(in[0], Emit(node, ops::kUnsqueeze, {in[0], axis}, {}));
    if (HasWeights(node)) {
      Dims dims;
      for (const Dim& d : graph_.value(in[1]).type.shape()) dims.push_back(d.value());
      const std::string_view layout = node.attrs.Str("weight_layout", node.op == &ops::kConv ? "oihw" : "iohw");
      dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(layout.find("hw")), 1);
      TRY(in[1], ReshapedConstant(editor_, in[1], std::move(dims)));
    }
    TRY(const ValueId wide, Emit(node, *node.op, std::move(in), std::move(attrs)));
    TRY(const ValueId y, Emit(node, ops::kSqueeze, {wide, axis}, {}));
    if (!Meet(graph_.value(node.out[0]).type, graph_.value(y).type)) return Ok{};
    return editor_.ReplaceValue(node.out[0], y);
  }

  Editor editor_;
  Graph& graph_;
};

}  // namespace

Result<bool> WidenLines(Graph* graph) { return Widener(graph).Run(); }

}  // namespace godwit::to_tflite
