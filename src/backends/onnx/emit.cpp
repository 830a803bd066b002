#include "backends/onnx/emit.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/convert.h"

namespace godwit::to_onnx {

Status EmitSame(NodeExport& n) {
  n.Emit(n.row().onnx, n.Ins());
  return Ok{};
}

Result<int64_t> Axis(NodeExport& n, size_t i, int64_t axis) {
  if (axis >= 0 || n.opset() >= 11) return axis;
  TRY(const int rank, n.Rank(i));
  return axis + rank;
}

Result<std::vector<int64_t>> Axes(NodeExport& n, size_t i, std::vector<int64_t> axes) {
  for (int64_t& axis : axes) {
    TRY(axis, Axis(n, i, axis));
  }
  return axes;
}

Name InI64(NodeExport& n, size_t i) {
  if (!n.Has(i) || n.DtypeOf(i) == DType::kI64) return n.In(i);
  if (const Tensor* known = n.Known(i)) {
    if (auto wide = ConvertTensor(*known, DType::kI64); wide.ok()) return n.Const(*std::move(wide));
  }
  return n.Temp("Cast", {n.In(i)}, {{"to", DType::kI64}});
}

Name InI64List(NodeExport& n, size_t i) {
  if (n.TypeOf(i).ranked() && n.TypeOf(i).rank() == 1) return InI64(n, i);
  if (const auto known = n.Ints(i)) return n.I64s(*known);
  return n.Temp("Reshape", {InI64(n, i), n.I64s({-1})});
}

Status ChannelsSecond(NodeExport& n, size_t) {
  const int64_t axis = n.attrs().Int("channel_axis", 1);
  if (axis == 1) return Ok{};
  return n.Lacks(diag::kTargetLayout, fmt::format("{} has its channels in axis {}, ONNX in axis 1", n.op().name, axis),
                 targets::Repair::kRelayout);
}

Names Chain(NodeExport& n) {
  // Imported from left to right, so all but the last operand lie behind the first ones.
  std::vector<ValueId> operands = n.node().in;
  for (const Node* maker = n.Sibling(operands[0], n.op()); maker != nullptr;) {
    const std::vector<ValueId> before = maker->in;
    operands.erase(operands.begin());
    operands.insert(operands.begin(), before.begin(), before.end());
    maker = n.Sibling(operands[0], n.op());
  }
  Names names;
  for (const ValueId v : operands) names.push_back(n.Of(v));
  return names;
}

}  // namespace godwit::to_onnx
