// Shapes of convolutions, worked out once for inference and evaluation.
#pragma once

#include <string_view>
#include <vector>

#include "ops/window.h"

namespace godwit::ops {

struct ConvGeometry {
  DataAxes axes;
  WeightAxes weights;
  WindowAttrs window;
  int64_t group = 1;
  Shape out;
};

/// Whether two dims can be equal: false only when both are numbers and differ.
inline bool MayEqual(const Dim& a, const Dim& b) { return !a.is_static() || !b.is_static() || a.value() == b.value(); }

/// Checks c1 to c5 of `conv` (deform_conv numbers its constraints alike) and gives the result's shape.
template <class Ctx>
Result<ConvGeometry> ResolveConv(const Ctx& ctx, const Shape& x, const Shape& w, std::string_view layout);

/// The windows of concrete operands.
Result<std::vector<Slide>> ConvSlides(const EvalCtx& ctx, const ConvGeometry& g, const Tensor& x, const Tensor& w);

/// The axes of a transposed convolution of concrete operands: `in` is the side of x, `pad_begin` what is cut from y.
Result<std::vector<Slide>> ConvTransposeSlides(const EvalCtx& ctx, const Tensor& x, const Tensor& w);

/// Offsets, within one image and channel, of all spatial positions in row-major order.
std::vector<int64_t> PositionOffsets(const Dims& dims, const DataAxes& axes);

}  // namespace godwit::ops
