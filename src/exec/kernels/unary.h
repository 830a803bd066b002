// Elementwise functions of one operand; also the activations that matrix products and convolutions apply at their end.
//
// A result depends on the operand's value alone: never on its place in the tensor, the vector width or the threads.
#pragma once

#include <cstdint>

#include "base/threads.h"

namespace godwit::kernels {

/// `a` and `b` are the parameters of Unary. In f32 exp, log, tanh, erf, sin, cos and softplus are within 1.7 ULP,
/// sigmoid and elu within 2.5; the gated ones (silu, gelu, mish) are their formula in that many roundings, which near
/// the far negative tail leaves only the error relative to x small (2e-7). In f64 they are made of mathfn's functions.
enum class UnaryOp : std::uint8_t {
  kIdentity,
  kRelu,             // x < 0 ? 0 : x
  kClip,             // a <= x <= b; NaN passes
  kLeakyRelu,        // x < 0 ? a * x : x
  kThresholdedRelu,  // x > a ? x : 0
  kSigmoid,
  kSilu,         // x * sigmoid(x)
  kSwish,        // x * sigmoid(a * x)
  kHardSigmoid,  // clip(fma(a, x, b), 0, 1)
  kHardSwish,    // x * clip(fma(1/6, x, 1/2), 0, 1)
  kGelu,         // (0.5 * x) * (1 + erf(x / sqrt 2))
  kGeluTanh,     // (0.5 * x) * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))
  kTanh,
  kErf,
  kElu,       // x < 0 ? a * (exp(x) - 1) : x
  kSelu,      // b * (x < 0 ? a * (exp(x) - 1) : x)
  kCelu,      // x < 0 ? a * (exp(x / a) - 1) : x
  kSoftplus,  // log(1 + exp(x))
  kSoftsign,  // x / (1 + |x|)
  kMish,      // x * tanh(softplus(x))
  kAbs,
  kNeg,
  kSquare,
  kSqrt,
  kReciprocal,
  kFloor,
  kCeil,
  kRound,  // halves to even
  kTrunc,
  kSign,
  kExp,
  kExpm1,
  kLog,
  kLog1p,
  kSin,
  kCos,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kAsinh,
  kAcosh,
  kAtanh,
};

struct Unary {
  UnaryOp op = UnaryOp::kIdentity;
  double a = 0;
  double b = 0;
};

/// y[i] = f(x[i]). y may be x.
template <class T>
void ApplyUnary(const Unary& f, const T* x, T* y, std::int64_t count, ThreadPool* pool = nullptr);

/// The same in place over `rows` runs of `columns` elements, `row_stride` apart, in the calling thread.
template <class T>
void ApplyUnaryRows(const Unary& f, T* x, std::int64_t rows, std::int64_t columns, std::int64_t row_stride);

extern template void ApplyUnary<float>(const Unary&, const float*, float*, std::int64_t, ThreadPool*);
extern template void ApplyUnary<double>(const Unary&, const double*, double*, std::int64_t, ThreadPool*);
extern template void ApplyUnaryRows<float>(const Unary&, float*, std::int64_t, std::int64_t, std::int64_t);
extern template void ApplyUnaryRows<double>(const Unary&, double*, std::int64_t, std::int64_t, std::int64_t);

}  // namespace godwit::kernels
