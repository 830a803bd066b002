// Integer products: MatMulInteger, ConvInteger, QLinearMatMul, QLinearConv, and com.microsoft's kin.
#include <fmt/format.h>

#include "frontends/onnx/elementwise_import.h"
#include "frontends/onnx/quantized_import.h"
#include "frontends/onnx/window_import.h"

namespace godwit::from_onnx {

namespace {

bool IsByte(DType d) { return d == DType::kI8 || d == DType::kU8; }

// Zero points of the product operators: one, or one for each row or column, in whatever shape says so.
ValueId Flat(NodeImport& n, Calc& c, ValueId zero) {
  if (!c.ok() || !zero) return zero;
  const Type& type = n.TypeOf(zero);
  if (type.ranked() && type.rank() <= 1) return zero;
  return c.Op(ops::kReshape, {zero, n.I64s({-1})});
}

ValueId IntegerProduct(NodeImport& n, Calc& c, ValueId a, ValueId b, ValueId a_zero, ValueId b_zero, Attrs attrs = {}) {
  return c.Op(ops::kMatMul, {a, b, Flat(n, c, a_zero), Flat(n, c, b_zero)}, std::move(attrs));
}

Status ImportMatMulInteger(NodeImport& n) {
  Calc c(n);
  n.Out(0, IntegerProduct(n, c, c.In(0), c.In(1), n.InOrNone(2), n.InOrNone(3)));
  return c.status();
}

Status ImportQLinearMatMul(NodeImport& n) {
  Calc c(n);
  const Quantized a = QuantizedAt(n, c, 0);
  const Quantized b = QuantizedAt(n, c, 3);
  RETURN_IF_ERROR(c.status());
  const DType dtype = n.DtypeOf(a.values);
  ValueId y;
  if (IsByte(dtype) && IsByte(n.DtypeOf(b.values))) {
    y = ScaledProduct(n, c, IntegerProduct(n, c, a.values, b.values, a.zero, b.zero), a.scale, b.scale);
  } else {
    y = c.Op(ops::kMatMul, {Dequantized(n, c, a), Dequantized(n, c, b)});
  }
  n.Out(0, Requantized(n, c, y, 6, dtype));
  return c.status();
}

Result<Attrs> ConvAttrs(NodeImport& n, ValueId w) {
  Attrs attrs;
  RETURN_IF_ERROR(ReadWindow(n, &attrs));
  RETURN_IF_ERROR(CopyInt(n, "group", "group", 1, &attrs));
  RETURN_IF_ERROR(CheckKernel(n, w, 2));
  return attrs;
}

Status ImportConvInteger(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(ValueId w, n.In(1));
  TRY(Attrs attrs, ConvAttrs(n, w));
  TRY(ValueId y, n.Emit(ops::kConv, {x, w, {}, n.InOrNone(2), n.InOrNone(3)}, std::move(attrs)));
  n.Out(0, y);
  return Ok{};
}

Status ImportQLinearConv(NodeImport& n) {
  TRY(const int64_t channels_last, n.Int("channels_last", 0));
  Calc c(n);
  const Quantized x = QuantizedAt(n, c, 0);
  const Quantized w = QuantizedAt(n, c, 3);
  RETURN_IF_ERROR(c.status());
  TRY(Attrs attrs, ConvAttrs(n, w.values));
  TRY(const int rank, n.Rank(w.values));
  if (channels_last != 0) attrs.Set("channel_axis", static_cast<int64_t>(rank - 1));
  const ValueId sum = c.Op(ops::kConv, {x.values, w.values, n.InOrNone(8), x.zero, w.zero}, std::move(attrs));
  ValueId w_scale = w.scale;
  const Type& type = n.TypeOf(w_scale);
  const bool many = type.ranked() && type.rank() == 1 && !(type.shape()[0] == Dim(1));
  if (many && channels_last == 0) {
    TRY(w_scale, AppendOnes(n, w_scale, rank - 2));
  }
  const ValueId scale = c.Mul(x.scale, w_scale);
  const ValueId y = c.Mul(c.Cast(sum, DType::kF32), scale);
  n.Out(0, Requantized(n, c, y, 6, n.DtypeOf(x.values)));
  return c.status();
}

// com.microsoft: a matrix product with an i32 bias, scaled to 8 bits or, without an output scale, to f32.
Status ImportQGemm(NodeImport& n) {
  TRY(const double alpha, n.Float("alpha", 1));
  TRY(const int64_t trans_a, n.Int("transA", 0));
  TRY(const int64_t trans_b, n.Int("transB", 0));
  Calc c(n);
  const Quantized a = QuantizedAt(n, c, 0);
  const Quantized b = QuantizedAt(n, c, 3);
  RETURN_IF_ERROR(c.status());
  ValueId sum = IntegerProduct(n, c, a.values, b.values, a.zero, b.zero,
                               {{"transpose_a", int64_t{trans_a != 0}}, {"transpose_b", int64_t{trans_b != 0}}});
  if (n.Has(6)) sum = c.Add(sum, n.InOrNone(6));
  ValueId y = ScaledProduct(n, c, sum, a.scale, b.scale);
  if (alpha != 1) y = c.Mul(y, c.Number(y, alpha));
  n.Out(0, n.Has(7) ? Requantized(n, c, y, 7, n.DtypeOf(a.values)) : y);
  return c.status();
}

// com.microsoft: A, B, a_scale, b_scale, a_zero_point, b_zero_point, bias.
Status ImportMatMulIntegerToFloat(NodeImport& n) {
  Calc c(n);
  const ValueId product = IntegerProduct(n, c, c.In(0), c.In(1), n.InOrNone(4), n.InOrNone(5));
  const ValueId a_scale = c.In(2);
  ValueId y = ScaledProduct(n, c, product, a_scale, c.In(3));
  RETURN_IF_ERROR(c.status());
  const DType dtype = n.DtypeOf(a_scale);
  if (n.Has(6)) y = c.Add(y, c.Cast(n.InOrNone(6), DType::kF32));
  n.Out(0, c.Cast(y, dtype));
  return c.status();
}

// com.microsoft: A (f32, quantised as it comes), B, b_scale, b_zero_point, bias.
Status ImportDynamicQuantizeMatMul(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(const auto a, n.EmitN(ops::kDynamicQuantize, {x}, 3));
  Calc c(n);
  const ValueId product = IntegerProduct(n, c, a[0], c.In(1), a[2], n.InOrNone(3));
  ValueId y = ScaledProduct(n, c, product, a[1], c.In(2));
  if (n.Has(4)) y = c.Add(y, n.InOrNone(4));
  n.Out(0, y);
  return c.status();
}

constexpr Rule kRules[] = {
    {"ConvInteger", 10, ImportConvInteger},
    {"MatMulInteger", 10, ImportMatMulInteger},
    {"QLinearConv", 10, ImportQLinearConv},
    {"QLinearMatMul", 10, ImportQLinearMatMul},
};
constexpr Rule kMicrosoft[] = {
    {"DynamicQuantizeMatMul", 1, ImportDynamicQuantizeMatMul},
    {"MatMulIntegerToFloat", 1, ImportMatMulIntegerToFloat},
    {"QGemm", 1, ImportQGemm},
    {"QLinearConv", 1, ImportQLinearConv},
};

}  // namespace

extern const RuleSet kIntegerRules{"", kRules};
extern const RuleSet kMicrosoftIntegerRules{"com.microsoft", kMicrosoft};

}  // namespace godwit::from_onnx
