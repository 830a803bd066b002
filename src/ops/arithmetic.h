// Quantised operators of sources that compute in integers (TFLite) are written as dequantize -> operator on f32 ->
// quantize, which says what the operator means. The attribute `arithmetic` of those quantize and dequantize nodes says
// how the source computes it, so that a run can do the same in integers:
//
//   absent          a step of its own: a QUANTIZE or DEQUANTIZE of the file, or of an ONNX model
//   litert          one side of an operator that LiteRT computes in integers
//   litert_hybrid   dequantize of a weight whose operator has f32 activations: LiteRT makes i8 of them while it runs,
//   with
//                   one symmetric scale for each batch row
//   litert_hybrid_asymmetric   the same with a zero point
//
// The nodes of one source operator share one OriginId: its dequantize nodes (one for each quantised operand; weights
// and biases are dequantize nodes of constants), the operator with its fused activation, its quantize nodes. One
// dequantize followed by a quantize of the same origin is a change of scale. Operators that only move data, or compare
// within one scale, act on the integers themselves and carry no mark.
#pragma once

#include <string_view>

namespace godwit::ops {

inline constexpr std::string_view kArithmetic = "arithmetic";
inline constexpr std::string_view kLitert = "litert";
inline constexpr std::string_view kLitertHybrid = "litert_hybrid";
inline constexpr std::string_view kLitertHybridAsymmetric = "litert_hybrid_asymmetric";

}  // namespace godwit::ops
