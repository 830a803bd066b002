// Elementary functions over vectors. Each is made of fused multiply-adds, divisions and bit moves in a fixed order, so
// that an element's result is the same in every lane of every instruction set. Double precision goes through mathfn.
#include "base/mathfn.h"
#include "exec/kernels/simd-inl.h"

#if defined(GODWIT_EXEC_KERNELS_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GODWIT_EXEC_KERNELS_MATH_INL_H_
#undef GODWIT_EXEC_KERNELS_MATH_INL_H_
#else
#define GODWIT_EXEC_KERNELS_MATH_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

template <class D>
using VecOf = hn::Vec<D>;
using F32 = Tag<float>;
using F64 = Tag<double>;

/// a > x ? a : x, which keeps a NaN and a negative zero in x.
template <class D, class V>
HWY_INLINE V AtLeast(D, V a, V x) {
  return hn::IfThenElse(hn::Gt(a, x), a, x);
}
template <class D, class V>
HWY_INLINE V AtMost(D, V a, V x) {
  return hn::IfThenElse(hn::Lt(a, x), a, x);
}

/// c[0] + x * (c[1] + x * (c[2] + ...)).
template <class D, class V, std::size_t N>
HWY_INLINE V Polynomial(D d, V x, const float (&c)[N]) {
  V sum = hn::Set(d, c[N - 1]);
  GODWIT_UNROLL
  for (std::size_t i = 1; i < N; ++i) sum = Fma(d, sum, x, hn::Set(d, c[N - 1 - i]));
  return sum;
}

/// One call of a double function for each lane.
template <class Function>
HWY_INLINE VecOf<F64> ByLane(Function f, VecOf<F64> x) {
  HWY_ALIGN double lanes[hn::MaxLanes(F64())];
  hn::Store(x, F64(), lanes);
  for (double& lane : lanes) lane = f(lane);
  return hn::Load(F64(), lanes);
}

/// A float function by way of double, for the rare arguments outside a polynomial's reach.
template <class Function>
HWY_INLINE VecOf<F32> ByLane(Function f, VecOf<F32> x) {
  HWY_ALIGN float lanes[hn::MaxLanes(F32())];
  hn::Store(x, F32(), lanes);
  for (float& lane : lanes) lane = static_cast<float>(f(static_cast<double>(lane)));
  return hn::Load(F32(), lanes);
}

// ---- exp

/// 2^n as a float, for n in [-126, 127].
HWY_INLINE VecOf<F32> PowerOfTwo(hn::Vec<hn::RebindToSigned<F32>> n) {
  const hn::RebindToSigned<F32> di;
  return hn::BitCast(F32(), hn::ShiftLeft<23>(hn::Add(n, hn::Set(di, 127))));
}

/// Splits x into n * ln2 + r, |r| <= ln2 / 2, for |x| < 2^20, and gives exp(r).
HWY_INLINE VecOf<F32> ExpReduced(VecOf<F32> x, hn::Vec<hn::RebindToSigned<F32>>& n) {
  const F32 d;
  const hn::RebindToSigned<F32> di;
  const auto magic = hn::Set(d, 0x1.8p23f);
  const auto shifted = Fma(d, x, hn::Set(d, 0x1.715476p+0f), magic);
  n = hn::Sub(hn::BitCast(di, shifted), hn::BitCast(di, magic));
  const auto whole = hn::Sub(shifted, magic);
  auto r = Fma(d, whole, hn::Set(d, -0x1.62e43p-1f), x);
  r = Fma(d, whole, hn::Set(d, 0x1.05c61p-29f), r);
  constexpr float c[] = {0x1.0p-1f, 0x1.555486p-3f, 0x1.555454p-5f, 0x1.12414ap-7f, 0x1.6dbc52p-10f};
  const auto tail = Fma(d, hn::Mul(r, r), Polynomial(d, r, c), r);
  return hn::Add(hn::Set(d, 1.0f), tail);
}

/// exp where the result is known to be a normal number: -87 < x < 88.
HWY_INLINE VecOf<F32> ExpMiddle(VecOf<F32> x) {
  hn::Vec<hn::RebindToSigned<F32>> n;
  const auto y = ExpReduced(x, n);
  return hn::Mul(y, PowerOfTwo(n));
}

HWY_INLINE VecOf<F32> Exp(VecOf<F32> x) {
  const F32 d;
  x = AtMost(d, hn::Set(d, 89.0f), AtLeast(d, hn::Set(d, -105.0f), x));
  hn::Vec<hn::RebindToSigned<F32>> n;
  const auto y = ExpReduced(x, n);
  const auto half = hn::ShiftRight<1>(n);  // two steps, so that neither factor leaves the range
  return hn::Mul(hn::Mul(y, PowerOfTwo(half)), PowerOfTwo(hn::Sub(n, half)));
}
HWY_INLINE VecOf<F64> Exp(VecOf<F64> x) { return ByLane(mathfn::Exp, x); }

// ---- log

/// log for positive normal x; `more` is added to the result before its last rounding.
HWY_INLINE VecOf<F32> LogNormal(VecOf<F32> x, VecOf<F32> exponent_offset, VecOf<F32> more) {
  const F32 d;
  const hn::RebindToSigned<F32> di;
  // The exponent is counted from sqrt(1/2), so that the mantissa lies around one.
  const auto bits = hn::Sub(hn::BitCast(di, x), hn::Set(di, 0x3f3504f3));
  const auto e = hn::ShiftRight<23>(bits);
  const auto m = hn::BitCast(d, hn::Sub(hn::BitCast(di, x), hn::ShiftLeft<23>(e)));
  const auto exponent = hn::Add(hn::ConvertTo(d, e), exponent_offset);
  const auto f = hn::Sub(m, hn::Set(d, 1.0f));
  constexpr float c[] = {0x1.555548p-2f,  -0x1.000006p-2f, 0x1.99a4bcp-3f,  -0x1.555c58p-3f, 0x1.2336d6p-3f,
                         -0x1.fc1f82p-4f, 0x1.e6f6c0p-4f,  -0x1.de4f56p-4f, 0x1.146126p-4f};
  const auto square = hn::Mul(f, f);
  auto tail = hn::Mul(hn::Mul(f, square), Polynomial(d, f, c));
  tail = Fma(d, exponent, hn::Set(d, -0x1.05c61p-29f), tail);
  tail = hn::Add(tail, more);
  tail = Fma(d, square, hn::Set(d, -0.5f), tail);
  return Fma(d, exponent, hn::Set(d, 0x1.62e43p-1f), hn::Add(f, tail));
}

HWY_INLINE VecOf<F32> Log(VecOf<F32> x) {
  const F32 d;
  const auto zero = hn::Zero(d);
  const auto infinity = hn::Set(d, HUGE_VALF);
  const auto small = hn::Lt(x, hn::Set(d, 0x1p-126f));
  const auto scaled = hn::IfThenElse(small, hn::Mul(x, hn::Set(d, 0x1p24f)), x);
  auto y = LogNormal(scaled, hn::IfThenElseZero(small, hn::Set(d, -24.0f)), zero);
  y = hn::IfThenElse(hn::Eq(x, infinity), infinity, y);
  y = hn::IfThenElse(hn::Eq(x, zero), hn::Neg(infinity), y);
  const auto valid = hn::Ge(x, zero);
  return hn::IfThenElse(valid, y, hn::Set(d, std::numeric_limits<float>::quiet_NaN()));
}
HWY_INLINE VecOf<F64> Log(VecOf<F64> x) { return ByLane(mathfn::Log, x); }

/// log(1 + y) for y in [0, 1].
HWY_INLINE VecOf<F32> Log1pUnit(VecOf<F32> y) {
  const F32 d;
  const auto one = hn::Set(d, 1.0f);
  const auto u = hn::Add(one, y);
  const auto lost = hn::Div(hn::Sub(y, hn::Sub(u, one)), u);
  return LogNormal(u, hn::Zero(d), lost);
}
HWY_INLINE VecOf<F64> Log1pUnit(VecOf<F64> y) { return ByLane(mathfn::Log1p, y); }

// ---- sigmoid, tanh, erf

template <class V>
HWY_INLINE V Sigmoid(V x) {
  const Tag<hn::TFromV<V>> d;
  const auto one = hn::Set(d, 1);
  const auto e = Exp(hn::Neg(hn::Abs(x)));  // never overflows
  const auto numerator = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one);
  return hn::Div(numerator, hn::Add(one, e));
}

HWY_INLINE VecOf<F32> Tanh(VecOf<F32> x) {
  const F32 d;
  const auto one = hn::Set(d, 1.0f);
  const auto size = hn::Abs(x);
  constexpr float c[] = {-0x1.555532p-2f, 0x1.11070ap-3f, -0x1.b83858p-5f, 0x1.520b4p-6f, -0x1.75629p-8f};
  const auto square = hn::Mul(x, x);
  const auto near = Fma(d, hn::Mul(x, square), Polynomial(d, square, c), x);
  const auto twice = AtMost(d, hn::Set(d, 40.0f), hn::Add(size, size));
  const auto far = hn::Sub(one, hn::Div(hn::Set(d, 2.0f), hn::Add(ExpMiddle(twice), one)));
  return hn::IfThenElse(hn::Lt(size, hn::Set(d, 0.625f)), near, hn::CopySign(far, x));
}
HWY_INLINE VecOf<F64> Tanh(VecOf<F64> x) { return ByLane(mathfn::Tanh, x); }

HWY_INLINE VecOf<F32> Erf(VecOf<F32> x) {
  const F32 d;
  const auto size = AtMost(d, hn::Set(d, 4.0f), hn::Abs(x));
  constexpr float near_c[] = {0x1.06eba8p-3f, -0x1.812742p-2f,  0x1.ce2df4p-4f, -0x1.b80cb4p-6f,
                              0x1.54b5dap-8f, -0x1.a99e4ep-11f, 0x1.5ac04ap-14f};
  const auto near = Fma(d, x, Polynomial(d, hn::Mul(x, x), near_c), x);
  // -log(1 - erf) is smooth where erf flattens out.
  constexpr float far_c[] = {0x1.d2e10ap-13f, 0x1.20a818p+0f, 0x1.465512p-1f,  0x1.a90a46p-4f,
                             -0x1.6ae456p-6f, 0x1.8c55acp-9f, -0x1.96c60ep-13f};
  const auto far = hn::Sub(hn::Set(d, 1.0f), ExpMiddle(hn::Neg(Polynomial(d, size, far_c))));
  return hn::IfThenElse(hn::Lt(size, hn::Set(d, 0.9375f)), near, hn::CopySign(far, x));
}
HWY_INLINE VecOf<F64> Erf(VecOf<F64> x) { return ByLane(mathfn::Erf, x); }

// ---- sin, cos

/// sin(x + quarter * pi/2); arguments too large for three-part reduction go lane by lane.
HWY_INLINE VecOf<F32> SinShifted(VecOf<F32> x, int quarter) {
  const F32 d;
  const hn::RebindToSigned<F32> di;
  const auto magic = hn::Set(d, 0x1.8p23f);
  const auto shifted = Fma(d, x, hn::Set(d, 0x1.45f306p-1f), magic);
  const auto n = hn::Add(hn::BitCast(di, shifted), hn::Set(di, quarter));
  const auto whole = hn::Sub(shifted, magic);
  auto r = Fma(d, whole, hn::Set(d, -0x1.921fb6p+0f), x);
  r = Fma(d, whole, hn::Set(d, 0x1.777a5cp-25f), r);
  r = Fma(d, whole, hn::Set(d, 0x1.ee59dap-50f), r);
  const auto square = hn::Mul(r, r);
  constexpr float sin_c[] = {-0x1.555556p-3f, 0x1.111108p-7f, -0x1.a00f74p-13f, 0x1.6ccf68p-19f};
  constexpr float cos_c[] = {0x1.55554ap-5f, -0x1.6c0c28p-10f, 0x1.99e866p-16f};
  const auto sine = Fma(d, hn::Mul(r, square), Polynomial(d, square, sin_c), r);
  const auto high = Fma(d, square, hn::Set(d, -0.5f), hn::Set(d, 1.0f));
  const auto cosine = Fma(d, hn::Mul(square, square), Polynomial(d, square, cos_c), high);
  const auto one = hn::Set(di, 1);
  const auto odd = hn::RebindMask(d, hn::Eq(hn::And(n, one), one));
  const auto value = hn::IfThenElse(odd, cosine, sine);
  const auto sign = hn::ShiftLeft<30>(hn::And(n, hn::Set(di, 2)));
  const auto result = hn::BitCast(d, hn::Xor(hn::BitCast(di, value), sign));
  const auto in_reach = hn::Lt(hn::Abs(x), hn::Set(d, 30000.0f));
  if (hn::AllTrue(d, in_reach)) return result;
  return hn::IfThenElse(in_reach, result, quarter == 0 ? ByLane(mathfn::Sin, x) : ByLane(mathfn::Cos, x));
}
HWY_INLINE VecOf<F32> Sin(VecOf<F32> x) { return SinShifted(x, 0); }
HWY_INLINE VecOf<F32> Cos(VecOf<F32> x) { return SinShifted(x, 1); }
HWY_INLINE VecOf<F64> Sin(VecOf<F64> x) { return ByLane(mathfn::Sin, x); }
HWY_INLINE VecOf<F64> Cos(VecOf<F64> x) { return ByLane(mathfn::Cos, x); }

/// exp(x) - 1 for x <= 0.
HWY_INLINE VecOf<F32> Expm1Negative(VecOf<F32> x) {
  const F32 d;
  hn::Vec<hn::RebindToSigned<F32>> n;
  const auto clamped = AtLeast(d, hn::Set(d, -80.0f), x);
  const auto mantissa = ExpReduced(clamped, n);
  const auto far = hn::Sub(hn::Mul(mantissa, PowerOfTwo(n)), hn::Set(d, 1.0f));
  constexpr float c[] = {0x1.0p-1f, 0x1.555486p-3f, 0x1.555454p-5f, 0x1.12414ap-7f, 0x1.6dbc52p-10f};
  const auto near = Fma(d, hn::Mul(x, x), Polynomial(d, x, c), x);
  return hn::IfThenElse(hn::Gt(x, hn::Set(d, -0.34f)), near, far);
}
HWY_INLINE VecOf<F64> Expm1Negative(VecOf<F64> x) { return ByLane(mathfn::Expm1, x); }

/// log(1 + exp(x)).
template <class V>
HWY_INLINE V Softplus(V x) {
  const Tag<hn::TFromV<V>> d;
  const auto rest = Log1pUnit(Exp(hn::Neg(hn::Abs(x))));
  return hn::Add(AtLeast(d, hn::Zero(d), x), rest);
}

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
