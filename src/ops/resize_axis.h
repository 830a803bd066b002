// One axis of a resize: which elements of the source, with which weights, make each element of the result.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace godwit::ops {

enum class Coordinates : uint8_t {
  kHalfPixel,
  kHalfPixelSymmetric,
  kPytorchHalfPixel,
  kAlignCorners,
  kAsymmetric,
  kTfCropAndResize,
  kTfHalfPixelForNn,
};
enum class Nearest : uint8_t { kHalfDown, kHalfUp, kDown, kUp };
enum class Interpolation : uint8_t { kNearest, kLinear, kCubic };

struct ResizeAxis {
  int64_t in = 0;
  int64_t out = 0;
  double scale = 1;
  bool from_size = false;  ///< the scale is out / in, so coordinates can be worked out without rounding it
  double roi_start = 0;    ///< tf_crop_and_resize only
  double roi_end = 1;
  Coordinates coordinates = Coordinates::kHalfPixel;
};

struct ResizeTaps {
  int64_t n = 1;               ///< source elements for each element of the result
  std::vector<int64_t> index;  ///< out * n, within the source; -1 (first of the n): extrapolated
  std::vector<double> weight;  ///< out * n; empty for nearest
};

/// Where element `x` of the result lies in the source. `in_f32`: as f32 arithmetic places it, to the last bit of the
/// division by the scale.
double SourceCoordinate(const ResizeAxis& axis, int64_t x, bool in_f32 = false);
ResizeTaps NearestTaps(const ResizeAxis& axis, Nearest rounding);
ResizeTaps WeightedTaps(const ResizeAxis& axis, Interpolation mode, bool antialias, double cubic_a,
                        bool exclude_outside);
/// Taps past what memory limits allow are not made; the caller asks first.
int64_t TapCount(double scale, Interpolation mode, bool antialias);

}  // namespace godwit::ops
