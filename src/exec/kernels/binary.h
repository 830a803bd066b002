// Elementwise functions of two operands with broadcasting.
#pragma once

#include <cstdint>
#include <span>

#include "base/threads.h"

namespace godwit::kernels {

enum class BinaryOp : std::uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMax,    // NaN if either is
  kMin,    // NaN if either is
  kPrelu,  // a < 0 ? a * b : a
  kPow,    // f32: one rounding of mathfn's; exponents 1, 2, 3, -1 and 1/2 by products, quotient and root
};

/// One operand: its step along each axis of the result, 0 where it is broadcast.
template <class T>
struct Operand {
  const T* data;
  std::span<const std::int64_t> steps;
};

/// y = f(a, b) over a dense result of `shape`. y may be an operand that is dense too.
template <class T>
void ApplyBinary(BinaryOp op, const Operand<T>& a, const Operand<T>& b, std::span<const std::int64_t> shape, T* y,
                 ThreadPool* pool = nullptr);

extern template void ApplyBinary<float>(BinaryOp, const Operand<float>&, const Operand<float>&,
                                        std::span<const std::int64_t>, float*, ThreadPool*);
extern template void ApplyBinary<double>(BinaryOp, const Operand<double>&, const Operand<double>&,
                                         std::span<const std::int64_t>, double*, ThreadPool*);

}  // namespace godwit::kernels
