#include "ops/resize_axis.h"

#include <algorithm>
#include <cmath>

namespace godwit::ops {

namespace {

// Distance from the centre of the filter to its first tap.
int64_t FirstTap(double scale, Interpolation mode, bool antialias) {
  const double reach = mode == Interpolation::kCubic ? 2 : 1;
  return static_cast<int64_t>(std::floor(-reach / (antialias ? std::min(scale, 1.0) : 1.0))) + 1;
}

double Filter(Interpolation mode, double a, double x) {
  x = std::fabs(x);
  if (mode == Interpolation::kLinear) return std::max(0.0, 1 - x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

bool IsExtrapolated(const ResizeAxis& axis, double x) {
  return axis.coordinates == Coordinates::kTfCropAndResize && (x < 0 || x > static_cast<double>(axis.in - 1));
}

}  // namespace

double SourceCoordinate(const ResizeAxis& axis, int64_t x_int, bool in_f32) {
  const double x = static_cast<double>(x_int);
  const double in = static_cast<double>(axis.in);
  // The resized length: fractional where the scale does not lead to a whole number of elements.
  const double length =
      axis.from_size ? static_cast<double>(axis.out) : static_cast<double>(static_cast<float>(axis.scale * in));
  const auto unscaled = [&](double v) {
    const double place = axis.from_size ? v * in / static_cast<double>(axis.out) : v / axis.scale;
    return in_f32 ? static_cast<double>(static_cast<float>(place)) : place;
  };
  switch (axis.coordinates) {
    case Coordinates::kHalfPixel: return unscaled(x + 0.5) - 0.5;
    case Coordinates::kHalfPixelSymmetric: {
      const double adjustment = static_cast<double>(axis.out) / length;
      return in / 2 * (1 - adjustment) + unscaled(x + 0.5) - 0.5;
    }
    case Coordinates::kPytorchHalfPixel: return length > 1 ? unscaled(x + 0.5) - 0.5 : 0;
    case Coordinates::kAlignCorners: return length == 1 ? 0 : x * (in - 1) / (length - 1);
    case Coordinates::kAsymmetric: return unscaled(x);
    case Coordinates::kTfHalfPixelForNn: return unscaled(x + 0.5);
    case Coordinates::kTfCropAndResize: {
      const double span = (axis.roi_end - axis.roi_start) * (in - 1);
      const double out = static_cast<double>(axis.out);
      return axis.roi_start * (in - 1) + (axis.out > 1 ? x * span / (out - 1) : span / 2);
    }
  }
  return 0;
}

ResizeTaps NearestTaps(const ResizeAxis& axis, Nearest rounding) {
  ResizeTaps taps;
  taps.index.resize(static_cast<size_t>(axis.out));
  for (int64_t i = 0; i < axis.out; ++i) {
    // Scales are f32: what they bring next to a whole number by their own rounding counts as that number.
    const double x = static_cast<double>(static_cast<float>(SourceCoordinate(axis, i, true)));
    const double low = std::floor(x);
    const double rest = x - low;
    bool up = false;
    switch (rounding) {
      case Nearest::kHalfDown: up = rest > 0.5; break;
      case Nearest::kHalfUp: up = rest >= 0.5; break;
      case Nearest::kDown: break;
      case Nearest::kUp: up = rest > 0; break;
    }
    const double at = std::clamp(low + (up ? 1 : 0), 0.0, static_cast<double>(axis.in - 1));
    taps.index[static_cast<size_t>(i)] = IsExtrapolated(axis, x) ? -1 : static_cast<int64_t>(at);
  }
  return taps;
}

int64_t TapCount(double scale, Interpolation mode, bool antialias) {
  return 2 - 2 * FirstTap(std::max(scale, 1e-9), mode, antialias);
}

ResizeTaps WeightedTaps(const ResizeAxis& axis, Interpolation mode, bool antialias, double cubic_a,
                        bool exclude_outside) {
  const double scale = antialias ? std::min(axis.scale, 1.0) : 1.0;
  const int64_t first = FirstTap(std::max(axis.scale, 1e-9), mode, antialias);
  ResizeTaps taps;
  taps.n = 2 - 2 * first;
  taps.index.resize(static_cast<size_t>(axis.out * taps.n));
  taps.weight.resize(taps.index.size());
  for (int64_t i = 0; i < axis.out; ++i) {
    const double x = SourceCoordinate(axis, i);
    int64_t* index = taps.index.data() + i * taps.n;
    double* weight = taps.weight.data() + i * taps.n;
    // Far outside the source every tap is the edge, and the sums below stay within 64 bits.
    const double limit = static_cast<double>(axis.in) + static_cast<double>(taps.n);
    const double low = std::floor(std::clamp(x, -limit, limit));
    const double ratio = x < -limit || x > limit ? 0 : x - low;
    double sum = 0;
    for (int64_t k = 0; k < taps.n; ++k) {
      const int64_t at = static_cast<int64_t>(low) + first + k;
      weight[k] = Filter(mode, cubic_a, (static_cast<double>(first + k) - ratio) * scale);
      if (exclude_outside && (at < 0 || at >= axis.in)) weight[k] = 0;
      index[k] = std::clamp<int64_t>(at, 0, axis.in - 1);
      sum += weight[k];
    }
    if ((antialias || exclude_outside) && sum != 0) {
      for (int64_t k = 0; k < taps.n; ++k) weight[k] /= sum;
    }
    if (IsExtrapolated(axis, x)) index[0] = -1;
  }
  return taps;
}

}  // namespace godwit::ops
