// Random numbers. Their shape is an attribute where it is known, else that of a tensor made for it.
#include <bit>

#include "backends/onnx/emit.h"

namespace godwit::to_onnx {

namespace {

// Seeds are floats in ONNX: the importer keeps their bits.
void SetSeed(const NodeExport& n, OnnxAttrs* attrs) {
  if (!n.attrs().Has("seed")) return;
  attrs->Set("seed", static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(n.attrs().Int("seed")))));
}

Status EmitRandom(NodeExport& n) {
  const bool uniform = &n.op() == &ops::kRandomUniform;
  OnnxAttrs attrs;
  attrs.Set("dtype", n.attrs().Dtype("dtype"));
  if (uniform) {
    attrs.SetFloat("low", n.attrs().Float("low", 0), 0);
    attrs.SetFloat("high", n.attrs().Float("high", 1), 1);
  } else {
    attrs.SetFloat("mean", n.attrs().Float("mean", 0), 0);
    attrs.SetFloat("scale", n.attrs().Float("scale", 1), 1);
  }
  SetSeed(n, &attrs);
  const std::string name = uniform ? "RandomUniform" : "RandomNormal";
  if (const auto shape = n.Ints(0); shape && !shape->empty()) {
    attrs.Set("shape", *shape);
    n.Emit(name, {}, attrs);
    return Ok{};
  }
  const Node* shape = n.Maker(n.Operand(0), ops::kShapeOf);
  const bool whole = shape != nullptr && shape->attrs.Int("start", 0) == 0 && !shape->attrs.Has("end");
  const Name like = whole ? n.Of(shape->in[0]) : n.Temp("ConstantOfShape", {InI64(n, 0)});
  n.Emit(name + "Like", {like}, attrs);
  return Ok{};
}

Status EmitMultinomial(NodeExport& n) {
  OnnxAttrs attrs;
  if (const DType dtype = n.attrs().Dtype("dtype"); dtype != DType::kI32) attrs.Set("dtype", dtype);
  attrs.SetInt("sample_size", n.attrs().Int("samples", 1), 1);
  SetSeed(n, &attrs);
  n.Emit("Multinomial", n.Ins(), attrs);
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kMultinomial, "Multinomial", 7, EmitMultinomial},
    {&ops::kRandomNormal, "RandomNormal, RandomNormalLike", 7, EmitRandom},
    {&ops::kRandomUniform, "RandomUniform, RandomUniformLike", 7, EmitRandom},
};

}  // namespace

extern const RowSet kRandomRows{kRows};

}  // namespace godwit::to_onnx
