#include "frontends/onnx/quantized_import.h"

#include "frontends/onnx/elementwise_import.h"

namespace godwit::from_onnx {

Quantized QuantizedAt(NodeImport& n, Calc& c, size_t first) {
  return {c.In(first), c.In(first + 1), n.InOrNone(first + 2)};
}

ValueId Dequantized(NodeImport& n, Calc& c, const Quantized& q) {
  if (!c.ok()) return {};
  const DType scale = n.DtypeOf(q.scale);
  std::vector<ValueId> in{q.values, q.scale};
  if (q.zero) in.push_back(q.zero);
  return c.Op(ops::kDequantize, std::move(in),
              {{"to", scale == DType::kNone ? DType::kF32 : scale}, {"axis", int64_t{1}}});
}

ValueId Requantized(NodeImport& n, Calc& c, ValueId real, size_t scale, DType like, int64_t axis) {
  const ValueId zero = n.InOrNone(scale + 1);
  std::vector<ValueId> in{real, c.Cast(c.In(scale), DType::kF32)};
  if (zero) in.push_back(zero);
  return c.Op(ops::kQuantize, std::move(in), {{"to", zero ? n.DtypeOf(zero) : like}, {"axis", axis}});
}

ValueId ScaledProduct(NodeImport& n, Calc& c, ValueId product, ValueId a_scale, ValueId b_scale) {
  ValueId a = c.Cast(a_scale, DType::kF32);
  if (!c.ok()) return {};
  // One scale for each row stands beside the columns; one for each column broadcasts as it is.
  const Type& type = n.TypeOf(a);
  if (type.ranked() && type.rank() == 1 && !(type.shape()[0] == Dim(1))) {
    a = c.Op(ops::kReshape, {a, n.I64s({-1, 1})});
  }
  const ValueId scale = c.Mul(a, c.Cast(b_scale, DType::kF32));
  const ValueId y = c.Mul(c.Cast(product, DType::kF32), scale);
  return y;
}

}  // namespace godwit::from_onnx
