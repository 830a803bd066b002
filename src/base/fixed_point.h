// The arithmetic of integer inference: real factors as 32-bit multipliers with a shift, products that keep the high
// half, and the elementary functions on fixed-point numbers. Every rounding is part of the meaning: results are
// compared to the bit with runtimes that compute this way. A fixed-point number in Qm has m bits before the point.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

namespace godwit::fixed {

/// a * b / 2^31, ties up; the one product that does not fit is cut off.
inline int32_t HighMul(int32_t a, int32_t b) {
  constexpr int32_t kMin = std::numeric_limits<int32_t>::min();
  if (a == kMin && b == kMin) return std::numeric_limits<int32_t>::max();
  const int64_t product = static_cast<int64_t>(a) * b;
  return static_cast<int32_t>((product + (int64_t{1} << 30)) >> 31);
}
inline int16_t HighMul(int16_t a, int16_t b) {
  constexpr int16_t kMin = std::numeric_limits<int16_t>::min();
  if (a == kMin && b == kMin) return std::numeric_limits<int16_t>::max();
  return static_cast<int16_t>((static_cast<int32_t>(a) * b + (1 << 14)) >> 15);
}

/// x / 2^exponent, ties away from zero.
template <class T>
inline T ShiftRight(T x, int exponent) {
  const auto mask = static_cast<T>((int64_t{1} << exponent) - 1);
  const auto rest = static_cast<T>(x & mask);
  const auto threshold = static_cast<T>((mask >> 1) + (x < 0 ? 1 : 0));
  return static_cast<T>((x >> exponent) + (rest > threshold ? 1 : 0));
}

/// x * 2^exponent, cut off at the ends of the type.
template <class T>
inline T ShiftLeft(T x, int exponent) {
  const int64_t wide = static_cast<int64_t>(x) << exponent;
  return static_cast<T>(std::clamp<int64_t>(wide, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
}

/// Sums of two's complement that may wrap.
inline int32_t WrapAdd(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
inline int32_t WrapSub(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) - static_cast<uint32_t>(b));
}
inline int32_t WrapMul(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
}

/// A real factor: significand / 2^31 * 2^shift.
struct Multiplier {
  int32_t significand = 0;
  int shift = 0;

  /// The nearest one; factors below 2^-32 are 0, those of 2^31 and more the largest there is.
  static Multiplier Of(double factor);

  /// x * factor, rounded twice: by HighMul, and by ShiftRight.
  [[nodiscard]] int32_t Apply(int32_t x) const {
    const int left = std::clamp(shift, 0, 31), right = std::clamp(-shift, 0, 31);
    const auto shifted = static_cast<int32_t>(static_cast<uint32_t>(x) << left);
    return ShiftRight(HighMul(shifted, significand), right);
  }
  /// The same for wide sums, with 15 bits of the significand and one rounding.
  [[nodiscard]] int32_t ApplyWide(int64_t x) const {
    const int64_t reduced = significand < 0x7fff0000 ? (significand + (1 << 15)) >> 16 : 0x7fff;
    const int total = std::clamp(15 - shift, 1, 62);
    const uint64_t product = static_cast<uint64_t>(x) * static_cast<uint64_t>(reduced);
    return static_cast<int32_t>(static_cast<int64_t>(product + (uint64_t{1} << (total - 1))) >> total);
  }
};

/// Whether log2(x) is a whole number, to about 0.001, and which.
bool IsPowerOfTwo(float x, int* exponent);

/// exp(a) in Q0 for a <= 0 in Qm.
template <int kIntegerBits>
int32_t ExpOnNegative(int32_t a);

/// 1 / (1 + a) in Q0 for a in [0, 1).
int32_t OneOverOnePlus(int32_t a);

/// 1 / x for x > 0 with `integer_bits` before the point, as a number in [1/2, 1] times 2^-bits_over_unit.
int32_t Reciprocal(int32_t x, int integer_bits, int* bits_over_unit);

/// log(x) in Q5 for x >= 1 in Q12.
int32_t LogQ12ToQ5(int32_t x);

/// 1 / sqrt(x) as a multiplier whose shift is to the right.
Multiplier InverseSqrt(int32_t x);

/// 1 / (1 + exp(-a)) and tanh(a) in Q0, for 16-bit numbers in Qm.
template <int kIntegerBits>
int16_t Logistic(int16_t a);
template <int kIntegerBits>
int16_t Tanh(int16_t a);

/// max(|x|) * 2^shift that fits into `total_bits` with `integer_bits` before the point.
int InputRadius(int integer_bits, int left_shift, int total_bits = 31);

}  // namespace godwit::fixed
