// Bits of the floating-point types narrower than f32: one description each, one encoder and one decoder for all.
#pragma once

#include <bit>
#include <cstdint>

#include "ir/dtype.h"

namespace godwit {

struct MiniFloat {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  uint32_t max_code;   ///< of the largest finite value
  uint32_t inf_code;   ///< 0: there is none
  uint32_t nan_code;   ///< 0: there is none
  bool negative_zero;  ///< false: the code of -0 is the only NaN
};

inline constexpr MiniFloat kF16Bits = {5, 10, 15, 0x7BFF, 0x7C00, 0x7E00, true};
inline constexpr MiniFloat kBF16Bits = {8, 7, 127, 0x7F7F, 0x7F80, 0x7FC0, true};
inline constexpr MiniFloat kF8E4M3FNBits = {4, 3, 7, 0x7E, 0, 0x7F, true};
inline constexpr MiniFloat kF8E4M3FNUZBits = {4, 3, 8, 0x7F, 0, 0x80, false};
inline constexpr MiniFloat kF8E5M2Bits = {5, 2, 15, 0x7B, 0x7C, 0x7E, true};
inline constexpr MiniFloat kF8E5M2FNUZBits = {5, 2, 16, 0x7F, 0, 0x80, false};
inline constexpr MiniFloat kF4E2M1Bits = {2, 1, 1, 0x7, 0, 0, true};

/// Rounds to nearest, ties to even. Beyond the largest finite value: that value where `saturate`, else infinity, else
/// NaN, else the largest value.
constexpr uint32_t EncodeMini(const MiniFloat& f, double value, bool saturate) {
  const auto bits = std::bit_cast<uint64_t>(value);
  const uint64_t magnitude = bits & 0x7FFFFFFFFFFFFFFFU;
  const uint32_t sign = static_cast<uint32_t>(bits >> 63) << (f.exponent_bits + f.mantissa_bits);
  if (magnitude > 0x7FF0000000000000U) return f.negative_zero && f.nan_code != 0 ? sign | f.nan_code : f.nan_code;
  uint32_t code = 0;
  if (magnitude == 0x7FF0000000000000U) {
    code = f.max_code + 1;
  } else if (magnitude >= 0x0010000000000000U) {  // doubles below that are far below half of any smallest value
    const int min_exponent = 1 - f.bias;
    int exponent = static_cast<int>(magnitude >> 52) - 1023;
    const uint64_t mantissa = (magnitude & 0xFFFFFFFFFFFFFU) | 0x10000000000000U;
    const int below = exponent < min_exponent ? min_exponent - exponent : 0;
    const int shift = 52 - f.mantissa_bits + below;
    if (shift <= 53) {
      const uint64_t half = uint64_t{1} << (shift - 1);
      const uint64_t low = mantissa & ((half << 1) - 1);
      uint64_t rounded = mantissa >> shift;
      if (low > half || (low == half && (rounded & 1) != 0)) ++rounded;
      exponent += below;
      // A carry out of the mantissa moves on to the exponent by itself.
      const auto above = static_cast<uint64_t>(exponent - min_exponent) << f.mantissa_bits;
      code = above + rounded > f.max_code ? f.max_code + 1 : static_cast<uint32_t>(above + rounded);
    }
  }
  if (code > f.max_code) {
    if (saturate || (f.inf_code == 0 && f.nan_code == 0)) {
      code = f.max_code;
    } else if (f.inf_code != 0) {
      code = f.inf_code;
    } else {
      return f.negative_zero ? sign | f.nan_code : f.nan_code;
    }
  }
  if (code == 0 && !f.negative_zero) return 0;
  return sign | code;
}

/// Exact. Every value of these types is a normal double.
constexpr double DecodeMini(const MiniFloat& f, uint32_t code) {
  const uint32_t sign_bit = 1U << (f.exponent_bits + f.mantissa_bits);
  const uint64_t sign = (code & sign_bit) != 0 ? uint64_t{1} << 63 : 0;
  const uint32_t magnitude = code & (sign_bit - 1);
  constexpr uint64_t kNan = 0x7FF8000000000000U;
  if (!f.negative_zero && code == f.nan_code) return std::bit_cast<double>(kNan);
  if (magnitude > f.max_code) {
    return std::bit_cast<double>(sign | (magnitude == f.inf_code ? uint64_t{0x7FF0000000000000U} : kNan));
  }
  const uint32_t mantissa = magnitude & ((1U << f.mantissa_bits) - 1);
  const auto exponent = static_cast<int>(magnitude >> f.mantissa_bits);
  if (exponent == 0) {
    if (mantissa == 0) return std::bit_cast<double>(sign);
    const int shift = std::countl_zero(mantissa) - (31 - f.mantissa_bits);
    const auto biased = static_cast<uint64_t>(1 - f.bias - shift + 1023);
    const uint64_t fraction = (static_cast<uint64_t>(mantissa) << shift) & ((1U << f.mantissa_bits) - 1);
    return std::bit_cast<double>(sign | biased << 52 | fraction << (52 - f.mantissa_bits));
  }
  const auto biased = static_cast<uint64_t>(exponent - f.bias + 1023);
  return std::bit_cast<double>(sign | biased << 52 | static_cast<uint64_t>(mantissa) << (52 - f.mantissa_bits));
}

}  // namespace godwit
