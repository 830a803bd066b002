// Between real numbers and low-precision integers, and between element types, exactly as the operators define them:
// the quotient by the scale is rounded in T, then to an integer, then cut to what the type holds.
#pragma once

#include <cstdint>

#include "base/threads.h"

namespace godwit::kernels {

/// Scales and zero points of a tensor seen as outer x channels x inner, one of each for each channel.
template <class T>
struct Scales {
  std::int64_t outer = 1, channels = 1, inner = 1;
  const T* scale = nullptr;
  const std::int32_t* zero = nullptr;
  bool away = false;  ///< ties go away from zero, to even otherwise
};

/// E is u8, i8, u16 or i16; T is float or double. A NaN becomes the zero point.
template <class T, class E>
void Quantize(const T* x, const Scales<T>& scales, E* y, ThreadPool* pool = nullptr);
/// E may be i32 too.
template <class T, class E>
void Dequantize(const E* x, const Scales<T>& scales, T* y, ThreadPool* pool = nullptr);

/// u8 with the scale and zero point that the range of x (zero included) asks for; NaNs are left out of the range.
void DynamicQuantize(const float* x, std::int64_t count, std::uint8_t* y, float* scale, std::uint8_t* zero,
                     ThreadPool* pool = nullptr);

/// An element of a bool tensor.
struct BoolByte {
  std::uint8_t raw;
  explicit operator bool() const { return raw != 0; }
};

/// From bool, an integer or a real to i32, i64, f32 or f64, as the operator `cast` has it.
template <class From, class To>
void ConvertElements(const From* x, std::int64_t count, To* y, ThreadPool* pool = nullptr);

}  // namespace godwit::kernels
