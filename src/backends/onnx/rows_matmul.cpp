// Matrix products.
#include "backends/onnx/emit.h"

namespace godwit::to_onnx {

namespace {

Status EmitMatMul(NodeExport& n) {
  if (n.Has(2) || n.Has(3) || n.OutType().dtype() != n.DtypeOf(0)) {
    return n.LacksForm("MatMul keeps the type of its operands");
  }
  TRY(const Name a, n.InSwapped(0, "transpose_a"));
  TRY(const Name b, n.InSwapped(1, "transpose_b"));
  n.Emit("MatMul", {a, b});
  return Ok{};
}

}  // namespace

OnnxAttrs GemmAttrs(const Node& gemm) {
  OnnxAttrs attrs;
  attrs.SetFloat("alpha", gemm.attrs.Float("alpha", 1), 1);
  attrs.SetFloat("beta", gemm.attrs.Float("beta", 1), 1);
  attrs.SetInt("transA", gemm.attrs.Int("transpose_a", 0), 0);
  attrs.SetInt("transB", gemm.attrs.Int("transpose_b", 0), 0);
  return attrs;
}

namespace {

Status EmitGemm(NodeExport& n) {
  Names in = n.Ins();
  if (in.size() < 3 && n.opset() < 11) in.push_back(n.Number(n.DtypeOf(0), 0));
  n.Emit("Gemm", std::move(in), GemmAttrs(n.node()));
  return Ok{};
}

Status EmitEinsum(NodeExport& n) {
  n.Emit("Einsum", n.Ins(), {{"equation", std::string(n.attrs().Str("equation"))}});
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kDet, "Det", 11, EmitSame},        {&ops::kEinsum, "Einsum", 12, EmitEinsum},
    {&ops::kGemm, "Gemm", 7, EmitGemm},       {&ops::kInverse, "Inverse", 1, EmitSame, 99, "com.microsoft"},
    {&ops::kMatMul, "MatMul", 7, EmitMatMul},
};

}  // namespace

extern const RowSet kMatMulRows{kRows};

}  // namespace godwit::to_onnx
