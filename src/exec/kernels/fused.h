// The fused multiply-add in portable scalar code: what every kernel computes, for hosts and tails without the
// instruction.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace godwit::kernels {

/// a * b + c with one rounding. The product is exact in double; rounding the sum to odd keeps the second rounding
/// exact.
inline float FusedMulAdd(float a, float b, float c) {
  const double product = static_cast<double>(a) * static_cast<double>(b);
  const double addend = static_cast<double>(c);
  const double sum = product + addend;
  const double from_addend = sum - product;
  const double error = (product - (sum - from_addend)) + (addend - from_addend);
  if (!(error < 0 || error > 0)) return static_cast<float>(sum);
  std::uint64_t bits = std::bit_cast<std::uint64_t>(sum);
  if ((bits & 1) == 0) bits += (error > 0) == (sum > 0) ? 1 : -1;
  return static_cast<float>(std::bit_cast<double>(bits));
}

inline double FusedMulAdd(double a, double b, double c) { return std::fma(a, b, c); }

}  // namespace godwit::kernels
