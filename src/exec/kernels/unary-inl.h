// The functors behind UnaryOp, for the operators that have a vector form.
#include "exec/kernels/math-inl.h"
#include "exec/kernels/unary.h"

#if defined(GODWIT_EXEC_KERNELS_UNARY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GODWIT_EXEC_KERNELS_UNARY_INL_H_
#undef GODWIT_EXEC_KERNELS_UNARY_INL_H_
#else
#define GODWIT_EXEC_KERNELS_UNARY_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

template <UnaryOp op, class T>
struct UnaryFunctor {
  using V = hn::Vec<Tag<T>>;
  T a, b;

  HWY_INLINE V ExpLinear(V x, V alpha, V slope) const {
    const Tag<T> d;
    const auto zero = hn::Zero(d);
    const auto negative = hn::Mul(alpha, Expm1Negative(AtMost(d, zero, hn::Mul(x, slope))));
    return hn::IfThenElse(hn::Lt(x, zero), negative, x);
  }

  HWY_INLINE V HardGate(V x, V slope, V offset) const {
    const Tag<T> d;
    return AtMost(d, hn::Set(d, 1), AtLeast(d, hn::Zero(d), Fma(d, slope, x, offset)));
  }

  HWY_INLINE V Call(V x) const {
    const Tag<T> d;
    const auto zero = hn::Zero(d);
    const auto one = hn::Set(d, 1);
    const auto va = hn::Set(d, a);
    const auto vb = hn::Set(d, b);
    if constexpr (op == UnaryOp::kRelu) return AtLeast(d, zero, x);
    if constexpr (op == UnaryOp::kClip) return AtMost(d, vb, AtLeast(d, va, x));
    if constexpr (op == UnaryOp::kLeakyRelu) return hn::IfThenElse(hn::Lt(x, zero), hn::Mul(x, va), x);
    if constexpr (op == UnaryOp::kThresholdedRelu) return hn::IfThenElse(hn::Gt(x, va), x, zero);
    if constexpr (op == UnaryOp::kSigmoid) return Sigmoid(x);
    if constexpr (op == UnaryOp::kSilu) return hn::Mul(x, Sigmoid(x));
    if constexpr (op == UnaryOp::kSwish) return hn::Mul(x, Sigmoid(hn::Mul(va, x)));
    if constexpr (op == UnaryOp::kHardSigmoid) return HardGate(x, va, vb);
    if constexpr (op == UnaryOp::kHardSwish) {
      return hn::Mul(x, HardGate(x, hn::Set(d, static_cast<T>(1.0 / 6.0)), hn::Set(d, static_cast<T>(0.5))));
    }
    if constexpr (op == UnaryOp::kGelu) {
      const auto half = hn::Mul(x, hn::Set(d, static_cast<T>(0.5)));
      const auto scaled = hn::Mul(x, hn::Set(d, static_cast<T>(0.70710678118654752440)));
      return hn::Mul(half, hn::Add(one, Erf(scaled)));
    }
    if constexpr (op == UnaryOp::kGeluTanh) {
      const auto half = hn::Mul(x, hn::Set(d, static_cast<T>(0.5)));
      const auto cube = hn::Mul(hn::Mul(x, x), x);
      const auto inner = Fma(d, cube, hn::Set(d, static_cast<T>(0.044715)), x);
      const auto scaled = hn::Mul(inner, hn::Set(d, static_cast<T>(0.79788456080286535588)));
      return hn::Mul(half, hn::Add(one, Tanh(scaled)));
    }
    if constexpr (op == UnaryOp::kTanh) return Tanh(x);
    if constexpr (op == UnaryOp::kErf) return Erf(x);
    if constexpr (op == UnaryOp::kElu) return ExpLinear(x, va, one);
    if constexpr (op == UnaryOp::kSelu) return hn::Mul(vb, ExpLinear(x, va, one));
    if constexpr (op == UnaryOp::kCelu) return ExpLinear(x, va, hn::Div(one, va));
    if constexpr (op == UnaryOp::kSoftplus) return Softplus(x);
    if constexpr (op == UnaryOp::kSoftsign) return hn::Div(x, hn::Add(one, hn::Abs(x)));
    if constexpr (op == UnaryOp::kMish) return hn::Mul(x, Tanh(Softplus(x)));
    if constexpr (op == UnaryOp::kAbs) return hn::Abs(x);
    if constexpr (op == UnaryOp::kNeg) return hn::Neg(x);
    if constexpr (op == UnaryOp::kSquare) return hn::Mul(x, x);
    if constexpr (op == UnaryOp::kSqrt) return hn::Sqrt(x);
    if constexpr (op == UnaryOp::kReciprocal) return hn::Div(one, x);
    // Zeros keep the operand's sign, which not every instruction set's rounding does.
    if constexpr (op == UnaryOp::kFloor) return hn::CopySign(hn::Floor(x), x);
    if constexpr (op == UnaryOp::kCeil) return hn::CopySign(hn::Ceil(x), x);
    if constexpr (op == UnaryOp::kRound) return hn::CopySign(hn::Round(x), x);
    if constexpr (op == UnaryOp::kTrunc) return hn::CopySign(hn::Trunc(x), x);
    if constexpr (op == UnaryOp::kSign) return hn::IfThenElse(hn::Gt(hn::Abs(x), zero), hn::CopySign(one, x), x);
    if constexpr (op == UnaryOp::kExp) return Exp(x);
    if constexpr (op == UnaryOp::kLog) return Log(x);
    if constexpr (op == UnaryOp::kSin) return Sin(x);
    if constexpr (op == UnaryOp::kCos) return Cos(x);
  }
};

template <UnaryOp op, class T>
HWY_NOINLINE void UnarySpan(const UnaryFunctor<op, T> f, const T* x, T* y, std::int64_t count) {
  const Tag<T> d;
  constexpr int kLanes = LanesOf<T>();
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) hn::StoreU(f.Call(hn::LoadU(d, x + i)), d, y + i);
  if (i < count) StoreFirst(f.Call(LoadFirst(d, x + i, count - i)), d, y + i, count - i);
}

/// False when the operator has no vector form.
template <class T>
bool UnaryVector(const Unary& u, const T* x, T* y, std::int64_t count) {
  switch (u.op) {
#define GODWIT_UNARY(name)                                                                            \
  case UnaryOp::name:                                                                                 \
    UnarySpan(UnaryFunctor<UnaryOp::name, T>{static_cast<T>(u.a), static_cast<T>(u.b)}, x, y, count); \
    return true;
    GODWIT_UNARY(kRelu)
    GODWIT_UNARY(kClip)
    GODWIT_UNARY(kLeakyRelu)
    GODWIT_UNARY(kThresholdedRelu)
    GODWIT_UNARY(kSigmoid)
    GODWIT_UNARY(kSilu)
    GODWIT_UNARY(kSwish)
    GODWIT_UNARY(kHardSigmoid)
    GODWIT_UNARY(kHardSwish)
    GODWIT_UNARY(kGelu)
    GODWIT_UNARY(kGeluTanh)
    GODWIT_UNARY(kTanh)
    GODWIT_UNARY(kErf)
    GODWIT_UNARY(kElu)
    GODWIT_UNARY(kSelu)
    GODWIT_UNARY(kCelu)
    GODWIT_UNARY(kSoftplus)
    GODWIT_UNARY(kSoftsign)
    GODWIT_UNARY(kMish)
    GODWIT_UNARY(kAbs)
    GODWIT_UNARY(kNeg)
    GODWIT_UNARY(kSquare)
    GODWIT_UNARY(kSqrt)
    GODWIT_UNARY(kReciprocal)
    GODWIT_UNARY(kFloor)
    GODWIT_UNARY(kCeil)
    GODWIT_UNARY(kRound)
    GODWIT_UNARY(kTrunc)
    GODWIT_UNARY(kSign)
    GODWIT_UNARY(kExp)
    GODWIT_UNARY(kLog)
    GODWIT_UNARY(kSin)
    GODWIT_UNARY(kCos)
#undef GODWIT_UNARY
    default: return false;
  }
}

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
