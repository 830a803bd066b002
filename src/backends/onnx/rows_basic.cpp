// Identity, shapes, casts, what makes tensors from a few numbers, and operators that are carried through.
#include <fmt/format.h>

#include <limits>

#include "backends/onnx/emit.h"

namespace godwit::to_onnx {

namespace {

// An operator that is not known here goes out as it came in.
Status EmitOpaque(NodeExport& n) {
  OnnxAttrs attrs;
  constexpr std::string_view kPrefix = "attr.";
  const std::vector<std::string>& graphs = n.attrs().Strs("graphs");
  for (const auto& [name, value] : n.attrs()) {
    if (!name.starts_with(kPrefix)) continue;
    std::visit([&, &key = name](const auto& v) { attrs.Set(std::string_view(key).substr(kPrefix.size()), v); }, value);
  }
  for (size_t k = 0; k < n.node().regions.size(); ++k) {
    if (k >= graphs.size()) return n.Lacks(diag::kTargetOperator, "a body without a name", targets::Repair::kNone);
    TRY(const onnx::Graph* body, n.Body(k));
    attrs.Set(graphs[k], body);
  }
  n.set_domain(n.attrs().Str("domain"));
  Names out;
  for (size_t i = 0; i < n.n_out(); ++i) out.push_back(n.node().out[i] ? n.Out(i) : Name());
  n.EmitAs(n.attrs().Str("op_type"), n.Ins(), std::move(out), attrs);
  return Ok{};
}

Status EmitShape(NodeExport& n) {
  const int64_t start = n.attrs().Int("start", 0);
  const bool to_end = !n.attrs().Has("end");
  if (start == 0 && to_end) return EmitSame(n);
  if (n.opset() >= 15) {
    OnnxAttrs attrs;
    attrs.SetInt("start", start, 0);
    if (!to_end) attrs.Set("end", n.attrs().Int("end"));
    n.Emit("Shape", n.Ins(), attrs);
    return Ok{};
  }
  const int64_t end = n.attrs().Int("end", std::numeric_limits<int64_t>::max());
  const Name all = n.Temp("Shape", n.Ins());
  if (n.opset() >= 10) {
    n.Emit("Slice", {all, n.I64s({start}), n.I64s({end}), n.I64s({0})});
  } else {
    using List = std::vector<int64_t>;
    n.Emit("Slice", {all}, {{"axes", List{0}}, {"starts", List{start}}, {"ends", List{end}}});
  }
  return Ok{};
}

Status EmitCast(NodeExport& n) {
  OnnxAttrs attrs{{"to", n.attrs().Dtype("to")}};
  if (!n.attrs().Flag("saturate", true)) {
    if (n.opset() < 19) return n.LacksForm("a Cast that does not saturate is in opset 19 and later");
    attrs.Set("saturate", int64_t{0});
  }
  const std::string_view round = n.attrs().Str("round_mode", "up");
  if (round != "up") {
    if (n.opset() < 24) return n.LacksForm("round_mode is in opset 24 and later");
    attrs.Set("round_mode", std::string(round));
  }
  n.Emit("Cast", n.Ins(), attrs);
  return Ok{};
}

Status EmitBitCast(NodeExport& n) {
  n.Emit("BitCast", n.Ins(), {{"to", n.attrs().Dtype("to")}});
  return Ok{};
}

Status EmitEye(NodeExport& n) {
  OnnxAttrs attrs{{"dtype", n.attrs().Dtype("dtype")}};
  attrs.SetInt("k", n.attrs().Int("k", 0), 0);
  const Node* shape = n.Maker(n.Operand(0), ops::kShapeOf);
  if (shape != nullptr && shape->attrs.empty()) {
    const Name like = n.Of(shape->in[0]);
    if (n.TypeOf(shape->in[0]).dtype() == n.attrs().Dtype("dtype")) {
      OnnxAttrs fewer;
      fewer.SetInt("k", n.attrs().Int("k", 0), 0);
      attrs = fewer;
    }
    n.Emit("EyeLike", {like}, attrs);
    return Ok{};
  }
  n.Emit("EyeLike", {n.Temp("ConstantOfShape", {InI64(n, 0)})}, attrs);
  return Ok{};
}

// One element, spread: what the source may have had as ConstantOfShape.
Status EmitExpand(NodeExport& n) {
  const Tensor* element = n.Known(0);
  if (element != nullptr && element->size() == 1 && element->rank() <= 1 && n.opset() >= 9 &&
      n.source_op() == "ConstantOfShape") {
    n.Emit("ConstantOfShape", {InI64(n, 1)}, {{"value", element->Reshaped({1})}});
    return Ok{};
  }
  if (n.opset() < 8) return n.Lacks(diag::kTargetOperator, "opset 7 has no Expand, which is in 8 and later");
  n.Emit("Expand", {n.In(0), InI64(n, 1)});
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kBitCast, "BitCast", 26, EmitBitCast}, {&ops::kCast, "Cast", 7, EmitCast},
    {&ops::kExpand, "Expand", 7, EmitExpand},     {&ops::kEye, "EyeLike", 9, EmitEye},
    {&ops::kIdentity, "Identity", 7, EmitSame},   {&ops::kOpaque, "(as it was)", 7, EmitOpaque},
    {&ops::kRange, "Range", 11, EmitSame},        {&ops::kShapeOf, "Shape", 7, EmitShape},
    {&ops::kSizeOf, "Size", 7, EmitSame},
};

}  // namespace

extern const RowSet kBasicRows{kRows};

}  // namespace godwit::to_onnx
