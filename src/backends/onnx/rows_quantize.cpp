// Quantisation, and products of 8-bit integers.
#include <algorithm>

#include "backends/onnx/emit.h"
#include "ir/convert.h"

namespace godwit::to_onnx {

namespace {

bool Single(const Type& t) { return t.ranked() && ElementCount(t.shape()) == Dim(1); }

// axis and block_size, by what the scales are.
Status SetGrain(NodeExport& n, OnnxAttrs* attrs) {
  const bool microsoft = !n.row().domain.empty();
  const int64_t block = n.attrs().Int("block", 0);
  if (block != 0) {
    if (!microsoft && n.opset() < 21) return n.LacksForm("scales for blocks are of opset 21 and later");
    attrs->Set("block_size", block);
  }
  if (Single(n.TypeOf(1)) && block == 0) return Ok{};
  if (!microsoft && n.opset() < 13) return n.LacksForm("scales for each index of an axis are of opset 13 and later");
  attrs->SetInt("axis", n.attrs().Int("axis", 1), 1);
  return Ok{};
}

// A zero point that only says which type the numbers have.
Result<Name> NoZero(NodeExport& n, DType to) {
  const Type& scale = n.TypeOf(1);
  if (!scale.ranked() || !scale.tensor().is_static()) {
    return n.LacksForm("the zero point's shape is that of the scale, which is not known");
  }
  Dims dims;
  for (const Dim& d : scale.shape()) dims.push_back(d.value());
  TRY(Tensor zeros, Tensor::Make(to, std::move(dims)));
  std::fill_n(zeros.mutable_raw(), zeros.bytes(), std::byte{0});
  return n.Const(std::move(zeros));
}

// ONNX rounds halves to even, other runtimes away from zero. Means of stored integers are halves often, others next to
// never: these are moved off the half, by less than any other fraction of theirs is away from it.
constexpr double kOffTheHalf = 1 + 0x1p-19;

bool GivesHalves(NodeExport& n) {
  if (n.attrs().Str("rounding") != "away") return false;
  if (n.Maker(n.Operand(0), ops::kAvgPool) != nullptr) return true;
  const Node* reduce = n.Maker(n.Operand(0), ops::kReduce);
  return reduce != nullptr && reduce->attrs.Str("mode") == "mean";
}

Status EmitQuantize(NodeExport& n) {
  const bool microsoft = !n.row().domain.empty();
  const int opset = microsoft ? 0 : n.opset();
  OnnxAttrs attrs;
  RETURN_IF_ERROR(SetGrain(n, &attrs));
  const DType to = n.attrs().Dtype("to");
  Names in = n.Ins();
  if (!n.Has(2) && to != DType::kU8) {
    if (opset >= 21) {
      attrs.Set("output_dtype", to);
    } else {
      TRY(const Name zero, NoZero(n, to));
      in.push_back(zero);
    }
  }
  if (!n.attrs().Flag("saturate", true)) {
    if (opset < 19) return n.LacksForm("what does not saturate is of opset 19 and later");
    attrs.Set("saturate", int64_t{0});
  }
  const DType precision = n.attrs().Dtype("precision", n.DtypeOf(1));
  if (precision != n.DtypeOf(1)) {
    if (opset < 23) return n.LacksForm("the precision can be stated from opset 23 on");
    attrs.Set("precision", precision);
  }
  if (GivesHalves(n)) {
    in[0] = n.Temp("Mul", {in[0], n.Number(n.DtypeOf(0), kOffTheHalf)});
  }
  n.set_domain(n.row().domain);
  n.Emit("QuantizeLinear", std::move(in), attrs);
  return Ok{};
}

// Elements in the order they have, of bytes where they are smaller.
Tensor AsBytes(const Tensor& from, Dims dims) {
  const DType to = from.dtype() == DType::kI4 || from.dtype() == DType::kI2   ? DType::kI8
                   : from.dtype() == DType::kU4 || from.dtype() == DType::kU2 ? DType::kU8
                                                                              : from.dtype();
  Tensor out(to, std::move(dims));
  const std::vector<int64_t> values = ToI64(from);
  for (size_t i = 0; i < values.size(); ++i) StoreI64(to, values[i], out.mutable_raw() + i * ByteSize(to));
  return out;
}

// Weights in blocks along their last axis are as many rows as there are blocks, each with a scale of its own.
Status EmitRowsOfBlocks(NodeExport& n) {
  const int64_t block = n.attrs().Int("block", 0);
  const std::optional<Tensor> x = n.Loaded(0), scale = n.Loaded(1), zero = n.Loaded(2);
  const auto last = x ? static_cast<int64_t>(x->dims().size()) - 1 : -1;
  const int64_t axis = n.attrs().Int("axis", 1);
  const bool fits = last >= 0 && scale && (zero || !n.Has(2)) && n.opset() >= 13 &&
                    (axis < 0 ? axis + last + 1 : axis) == last && x->dims()[static_cast<size_t>(last)] % block == 0 &&
                    IsInteger(x->dtype()) && Info(x->dtype()).bits <= 8 && scale->dtype() == DType::kF32 &&
                    scale->size() * block == x->size() && n.attrs().Dtype("to") == DType::kF32;
  if (!fits) return n.LacksForm("scales for blocks are of opset 21 and later");
  const int64_t rows = x->size() / block;
  Names in = {n.Const(AsBytes(*x, {rows, block})), n.Const(scale->Reshaped({rows}))};
  if (zero) in.push_back(n.Const(AsBytes(*zero, {rows})));
  const Name flat = n.Temp("DequantizeLinear", std::move(in), {{"axis", int64_t{0}}});
  n.Emit("Reshape", {flat, n.I64s(x->dims())});
  return Ok{};
}

Status EmitDequantize(NodeExport& n) {
  if (n.row().domain.empty() && n.opset() < 21 && n.attrs().Int("block", 0) != 0) return EmitRowsOfBlocks(n);
  OnnxAttrs attrs;
  RETURN_IF_ERROR(SetGrain(n, &attrs));
  const DType to = n.attrs().Dtype("to");
  if (to != n.DtypeOf(1)) {
    if (!n.row().domain.empty() || n.opset() < 23) return n.LacksForm("the result is of the scale's type");
    attrs.Set("output_dtype", to);
  }
  n.set_domain(n.row().domain);
  n.Emit("DequantizeLinear", n.Ins(), attrs);
  return Ok{};
}

Status EmitDynamicQuantize(NodeExport& n) {
  n.EmitAs("DynamicQuantizeLinear", n.Ins(), {n.Out(0), n.Out(1), n.Out(2)});
  return Ok{};
}

Status EmitMatMulInteger(NodeExport& n) {
  if (n.OutType().dtype() != DType::kI32 || n.DtypeOf(0) == DType::kI32) {
    return n.LacksForm("MatMulInteger is of 8-bit integers");
  }
  TRY(const Name a, n.InSwapped(0, "transpose_a"));
  TRY(const Name b, n.InSwapped(1, "transpose_b"));
  Names in = {a, b};
  if (n.Has(2) || n.Has(3)) in.push_back(n.In(2));
  if (n.Has(3)) in.push_back(OneZero(n, n.Operand(3)));
  n.Emit("MatMulInteger", std::move(in));
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kDequantize, "DequantizeLinear", 10, EmitDequantize},
    {&ops::kDequantize, "DequantizeLinear", 1, EmitDequantize, 99, "com.microsoft"},
    {&ops::kDynamicQuantize, "DynamicQuantizeLinear", 11, EmitDynamicQuantize},
    {&ops::kMatMul, "MatMulInteger", 10, EmitMatMulInteger},
    {&ops::kQuantize, "QuantizeLinear", 10, EmitQuantize},
    {&ops::kQuantize, "QuantizeLinear", 1, EmitQuantize, 99, "com.microsoft"},
};

}  // namespace

extern const RowSet kQuantizeRows{kRows};

}  // namespace godwit::to_onnx
