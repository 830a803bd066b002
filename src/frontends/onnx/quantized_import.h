// Quantised operators as the plain ones between dequantize and quantize, or as integer products that are scaled.
#pragma once

#include "frontends/onnx/calc.h"

namespace godwit::from_onnx {

/// A quantised tensor's three operands: values, scale and, absent for none, zero point.
struct Quantized {
  ValueId values, scale, zero;
};

/// Operands first, first + 1, first + 2.
Quantized QuantizedAt(NodeImport& n, Calc& c, size_t first);
/// Real numbers, as f32.
ValueId Dequantized(NodeImport& n, Calc& c, const Quantized& q);
/// `real` in the quantisation of operands `scale` and `scale` + 1; `like` gives the type where there is no zero point.
ValueId Requantized(NodeImport& n, Calc& c, ValueId real, size_t scale, DType like, int64_t axis = 1);

/// An i32 product as f32: times the scales of both sides. A scale of one number, or (axis from the end: 2 rows, 1
/// columns) one for each row or column.
ValueId ScaledProduct(NodeImport& n, Calc& c, ValueId product, ValueId a_scale, ValueId b_scale);

}  // namespace godwit::from_onnx
