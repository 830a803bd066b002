// com.microsoft's operators on quantised tensors: the plain operator between dequantize and quantize.
#include <fmt/format.h>

#include "frontends/onnx/quantized_import.h"
#include "frontends/onnx/window_import.h"

namespace godwit::from_onnx {

namespace {

template <const OpDef& Op>
Status ImportBinary(NodeImport& n) {
  Calc c(n);
  const Quantized a = QuantizedAt(n, c, 0);
  const Quantized b = QuantizedAt(n, c, 3);
  RETURN_IF_ERROR(c.status());
  n.Out(0, Requantized(n, c, c.Op(Op, {Dequantized(n, c, a), Dequantized(n, c, b)}), 6, n.DtypeOf(a.values)));
  return c.status();
}

// X, its scale and zero point, those of Y.
Status Unary(NodeImport& n, const OpDef& op, std::vector<ValueId> more, Attrs attrs) {
  Calc c(n);
  const Quantized x = QuantizedAt(n, c, 0);
  RETURN_IF_ERROR(c.status());
  std::vector<ValueId> in{Dequantized(n, c, x)};
  in.insert(in.end(), more.begin(), more.end());
  n.Out(0, Requantized(n, c, c.Op(op, std::move(in), std::move(attrs)), 3, n.DtypeOf(x.values)));
  return c.status();
}

Status ImportSigmoid(NodeImport& n) { return Unary(n, ops::kSigmoid, {}, {}); }

Status ImportLeakyRelu(NodeImport& n) {
  TRY(const double alpha, n.Float("alpha", 0.01F));
  return Unary(n, ops::kLeakyRelu, {}, {{"alpha", alpha}});
}

Status ImportAveragePool(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  Attrs attrs;
  RETURN_IF_ERROR(ReadKernel(n, &attrs));
  RETURN_IF_ERROR(ReadWindow(n, &attrs));
  RETURN_IF_ERROR(CopyInt(n, "count_include_pad", "count_pads", 0, &attrs));
  TRY(const int64_t channels_last, n.Int("channels_last", 0));
  if (channels_last != 0) {
    TRY(const int rank, n.Rank(x));
    attrs.Set("channel_axis", static_cast<int64_t>(rank - 1));
  }
  return Unary(n, ops::kAvgPool, {}, std::move(attrs));
}

Status ImportGlobalAveragePool(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(const int64_t channels_last, n.Int("channels_last", 0));
  TRY(const int rank, n.Rank(x));
  std::vector<int64_t> axes;
  for (int64_t k = 1; k < rank; ++k) {
    if (k != (channels_last != 0 ? rank - 1 : 1)) axes.push_back(k);
  }
  return Unary(n, ops::kReduce, {n.I64s(axes)}, {{"mode", std::string("mean")}});
}

Status ImportReduceMean(NodeImport& n) {
  TRY(std::vector<int64_t> axes, n.Ints("axes"));
  TRY(const int64_t keep, n.Int("keepdims", 1));
  return Unary(n, ops::kReduce, {axes.empty() ? ValueId() : n.I64s(axes)},
               {{"mode", std::string("mean")}, {"keep_dims", int64_t{keep != 0}}});
}

// Before operator set 13 all dims from the axis on are one.
Status ImportSoftmax(NodeImport& n) {
  TRY(ValueId values, n.In(0));
  TRY(int64_t axis, n.Int("axis", -1));
  TRY(const int64_t opset, n.Int("opset"));
  if (opset >= 13) return Unary(n, ops::kSoftmax, {}, {{"axis", axis}});
  Calc c(n);
  const Quantized x = QuantizedAt(n, c, 0);
  const ValueId flat = c.Op(ops::kFlatten, {Dequantized(n, c, x)}, {{"axis", axis}});
  const ValueId y = c.Op(ops::kSoftmax, {flat}, {{"axis", int64_t{1}}});
  const ValueId shaped = c.Op(ops::kReshape, {y, c.Op(ops::kShapeOf, {values})}, {{"allow_zero", int64_t{1}}});
  n.Out(0, Requantized(n, c, shaped, 3, n.DtypeOf(values)));
  return c.status();
}

// Y_scale, Y_zero_point, then three operands for each part.
Status ImportConcat(NodeImport& n) {
  TRY(const int64_t axis, n.Int("axis"));
  if (n.n_in() < 5 || (n.n_in() - 2) % 3 != 0) {
    return Diag(diag::kOnnxInputMissing, "QLinearConcat takes a scale, a zero point and three inputs for each part");
  }
  Calc c(n);
  std::vector<ValueId> parts;
  for (size_t i = 2; i < n.n_in(); i += 3) parts.push_back(Dequantized(n, c, QuantizedAt(n, c, i)));
  RETURN_IF_ERROR(c.status());
  const DType dtype = n.DtypeOf(n.InOrNone(2));
  n.Out(0, Requantized(n, c, c.Op(ops::kConcat, std::move(parts), {{"axis", axis}}), 0, dtype));
  return c.status();
}

// The condition, then X and Y with scales and zero points, then those of Z.
Status ImportWhere(NodeImport& n) {
  Calc c(n);
  const Quantized x = QuantizedAt(n, c, 1);
  const Quantized y = QuantizedAt(n, c, 4);
  RETURN_IF_ERROR(c.status());
  const ValueId z = c.Op(ops::kWhere, {c.In(0), Dequantized(n, c, x), Dequantized(n, c, y)});
  n.Out(0, Requantized(n, c, z, 7, n.DtypeOf(x.values)));
  return c.status();
}

constexpr Rule kRules[] = {
    {"QLinearAdd", 1, ImportBinary<ops::kAdd>}, {"QLinearAveragePool", 1, ImportAveragePool},
    {"QLinearConcat", 1, ImportConcat},         {"QLinearGlobalAveragePool", 1, ImportGlobalAveragePool},
    {"QLinearLeakyRelu", 1, ImportLeakyRelu},   {"QLinearMul", 1, ImportBinary<ops::kMul>},
    {"QLinearReduceMean", 1, ImportReduceMean}, {"QLinearSigmoid", 1, ImportSigmoid},
    {"QLinearSoftmax", 1, ImportSoftmax},       {"QLinearWhere", 1, ImportWhere},
};

}  // namespace

extern const RuleSet kQuantizedRules{"com.microsoft", kRules};

}  // namespace godwit::from_onnx
