// Sequences and optionals.
#include "backends/onnx/emit.h"

namespace godwit::to_onnx {

namespace {

Status EmitConcat(NodeExport& n) {
  OnnxAttrs attrs{{"axis", n.attrs().Int("axis")}};
  attrs.SetInt("new_axis", n.attrs().Int("new_axis", 0), 0);
  n.Emit("ConcatFromSequence", n.Ins(), attrs);
  return Ok{};
}

Status EmitSplit(NodeExport& n) {
  OnnxAttrs attrs;
  attrs.SetInt("axis", n.attrs().Int("axis", 0), 0);
  attrs.SetInt("keepdims", n.attrs().Int("keep_dim", 1), 1);
  n.Emit("SplitToSequence", n.Ins(), attrs);
  return Ok{};
}

Status EmitEmpty(NodeExport& n) {
  OnnxAttrs attrs;
  if (const DType dtype = n.attrs().Dtype("dtype", DType::kF32); dtype != DType::kF32) attrs.Set("dtype", dtype);
  n.Emit("SequenceEmpty", {}, attrs);
  return Ok{};
}

Status EmitMap(NodeExport& n) {
  TRY(const onnx::Graph* body, n.Body(0));
  n.Emit("SequenceMap", n.Ins(), {{"body", body}});
  return Ok{};
}

Status EmitOptional(NodeExport& n) {
  OnnxAttrs attrs;
  if (const Type* type = n.attrs().TypeOf("type"); type != nullptr && !n.Has(0)) {
    attrs.Set("type", type->kind() == Type::Kind::kOptional ? type->element() : *type);
  }
  n.Emit("Optional", n.Ins(), attrs);
  return Ok{};
}

// What is no optional passes as it is, which version 15 does not say yet.
Status EmitGet(NodeExport& n) {
  const Type& type = n.TypeOf(0);
  const bool plain = !type.is_unknown() && type.kind() != Type::Kind::kOptional;
  n.Emit(plain ? "Identity" : "OptionalGetElement", n.Ins());
  return Ok{};
}

// Only optionals can be empty.
Status EmitHas(NodeExport& n) {
  const Type& type = n.TypeOf(0);
  const bool known = !n.Has(0) || (!type.is_unknown() && type.kind() != Type::Kind::kOptional);
  if (!known) {
    n.Emit("OptionalHasElement", n.Ins());
    return Ok{};
  }
  n.Emit("Identity", {n.Number(DType::kBool, n.Has(0) ? 1 : 0)});
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kConcatFromSequence, "ConcatFromSequence", 11, EmitConcat},
    {&ops::kOptional, "Optional", 15, EmitOptional},
    {&ops::kOptionalGet, "OptionalGetElement", 7, EmitGet},
    {&ops::kOptionalHas, "OptionalHasElement", 7, EmitHas},
    {&ops::kSequenceAt, "SequenceAt", 11, EmitSame},
    {&ops::kSequenceConstruct, "SequenceConstruct", 11, EmitSame},
    {&ops::kSequenceEmpty, "SequenceEmpty", 11, EmitEmpty},
    {&ops::kSequenceErase, "SequenceErase", 11, EmitSame},
    {&ops::kSequenceInsert, "SequenceInsert", 11, EmitSame},
    {&ops::kSequenceLength, "SequenceLength", 11, EmitSame},
    {&ops::kSequenceMap, "SequenceMap", 17, EmitMap},
    {&ops::kSplitToSequence, "SplitToSequence", 11, EmitSplit},
};

}  // namespace

extern const RowSet kSequenceRows{kRows};

}  // namespace godwit::to_onnx
