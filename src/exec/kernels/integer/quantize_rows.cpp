#include "exec/kernels/integer/quantize_rows.h"

#include <algorithm>
#include <cmath>

namespace godwit::kernels {

namespace {

/// Rounded with ties away from zero, and cut.
int8_t Whole(float v, float low, float high) {
  return static_cast<int8_t>(v != v ? 0.0F : std::round(std::clamp(v, low, high)));
}

}  // namespace

RowScale QuantizeSymmetric(const float* x, int64_t count, int8_t* y) {
  float low = 0, high = 0;
  for (int64_t i = 0; i < count; ++i) {
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
  }
  const float range = std::max(-low, high);
  if (!(range > 0)) {
    std::fill_n(y, count, int8_t{0});
    return {};
  }
  const float inverse = 127 / range;
  for (int64_t i = 0; i < count; ++i) y[i] = Whole(x[i] * inverse, -127, 127);
  return {range / 127, 0};
}

RowScale QuantizeAsymmetric(const float* x, int64_t count, int8_t* y) {
  float least = 0, most = 0;
  for (int64_t i = 0; i < count; ++i) {
    least = std::min(least, x[i]);
    most = std::max(most, x[i]);
  }
  if (!(least < most)) {
    std::fill_n(y, count, int8_t{0});
    return {};
  }
  const auto low = static_cast<double>(least), high = static_cast<double>(most);
  RowScale row;
  const double scale = static_cast<double>(most - least) / 255.0;
  row.scale = static_cast<float>(scale);
  // The zero point from the end that is nearer to zero.
  const double from_low = -128.0 - low / scale, from_high = 127.0 - high / scale;
  const double zero = 128.0 + std::abs(low / scale) < 127.0 + std::abs(high / scale) ? from_low : from_high;
  row.zero = zero <= -128 ? -128 : zero >= 127 ? 127 : static_cast<int32_t>(std::round(zero));
  // The zero point is added to what is rounded already: halves go away from the real zero.
  const float inverse = 1.0F / row.scale;
  const auto zero_point = static_cast<float>(row.zero);
  for (int64_t i = 0; i < count; ++i) {
    const float v = x[i] * inverse;
    const float whole = v != v ? 0.0F : std::round(v) + zero_point;
    y[i] = static_cast<int8_t>(std::clamp(whole, -128.0F, 127.0F));
  }
  return row;
}

}  // namespace godwit::kernels
