// Sums of integer products become stored integers: times a real factor for each channel, rounded, plus the zero point,
// cut to the range that the type and the activation leave.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/fixed_point.h"

namespace godwit::kernels {

struct Rescale {
  enum class Rounding : uint8_t {
    kTwice,  ///< by a 32-bit multiplier, as fixed::Multiplier::Apply
    kOnce,   ///< by the factor in double, ties away from zero
    kWide,   ///< by 15 bits of the multiplier, as fixed::Multiplier::ApplyWide: for 64-bit sums
  };
  Rounding rounding = Rounding::kTwice;
  std::vector<double> factors;  ///< one for each channel
  int32_t zero = 0, low = 0, high = 0;

  /// After the factors are set.
  void Prepare();
  /// One sum, by any rounding.
  [[nodiscard]] int32_t Of(int64_t sum, size_t channel) const;

  std::vector<int32_t> significands, lefts, rights;  ///< of the factors as multipliers
};

/// `count` sums of consecutive channels from `channel` on. E is u8, i8 or i16.
template <class E>
void RescaleRow(const Rescale& rescale, int64_t channel, int64_t count, const int32_t* sums, E* y);

extern template void RescaleRow<uint8_t>(const Rescale&, int64_t, int64_t, const int32_t*, uint8_t*);
extern template void RescaleRow<int8_t>(const Rescale&, int64_t, int64_t, const int32_t*, int8_t*);
extern template void RescaleRow<int16_t>(const Rescale&, int64_t, int64_t, const int32_t*, int16_t*);

}  // namespace godwit::kernels
