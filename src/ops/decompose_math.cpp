// Functions of one number that runtimes lack, in the arithmetic they have. The polynomials are as good as f32 is, so
// what is computed in f64 has none.
#include <cmath>
#include <initializer_list>
#include <limits>
#include <numbers>

#include "ir/convert.h"
#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

constexpr double kPi = std::numbers::pi;

// The operand in f32; fails for f64.
Expr Single(DecomposeCtx& ctx) {
  const Expr x = Operand(ctx, 0);
  if (x.dtype() == DType::kF64) ctx.Fail(ctx.Cannot("the simpler form is not as precise as f64"));
  return Widen(x);
}
Status Give(DecomposeCtx& ctx, const Expr& y) {
  if (!ctx.failed()) Result0(ctx, y, ctx.TypeOfIn(0).dtype());
  return Ok{};
}

// c0 + c1 z + c2 z^2 ...
Expr Polynomial(const Expr& z, std::initializer_list<double> c) {
  const double* last = c.end() - 1;
  Expr y = z * *last;
  while (--last != c.begin()) y = (y + *last) * z;
  return y + *c.begin();
}
// x + x^3 (c0 + c1 x^2 ...)
Expr Odd(const Expr& x, std::initializer_list<double> c) {
  const Expr z = x * x;
  return x + x * z * Polynomial(z, c);
}

Expr Below(const Expr& x, double limit) { return Less(x, ScalarOf(x.ctx(), x.dtype(), limit)); }
Expr WithSignOf(const Expr& x, const Expr& magnitude) { return Where(Below(x, 0), -magnitude, magnitude); }

// log(1 + u) of u >= 0, no number below -1. For small u by 2 artanh(u / (2 + u)), which does not add to 1 first.
Expr Log1p(const Expr& u) {
  const Expr w = u / (u + 2.0);
  const Expr near = Odd(w, {0.33333206, 0.20010885, 0.139989318, 0.14015637}) * 2.0;
  return Where(Below(Abs(u), 1), near, Log(u + 1.0));
}

// The arc whose sine is x, for 0 <= x <= 1/2.
Expr ShortArc(const Expr& x) { return Odd(x, {0.166667539, 0.0749524177, 0.0454770989, 0.0241476011, 0.0422185665}); }
// What is left to a quarter turn, for x > 1/2: 2 arcsin(sqrt((1 - x) / 2)).
Expr LongRest(const Expr& x) { return ShortArc(Sqrt((1.0 - x) * 0.5)) * 2.0; }

}  // namespace

Status DecomposeTan(DecomposeCtx& ctx) {
  const Expr x = Operand(ctx, 0);
  const Expr wide = Widen(x);
  Result0(ctx, Apply(ctx, kSin, {wide}) / Cos(wide), x.dtype());
  return Ok{};
}

Status DecomposeAtan(DecomposeCtx& ctx) {
  const Expr x = Single(ctx);
  const Expr a = Abs(x);
  // tan(pi / 8) and tan(3 pi / 8) bound the middle of three pieces.
  const Expr low = Below(a, 0.41421356), high = Not(Below(a, 2.4142135));
  const Expr middle = (a - 1.0) / (a + 1.0);
  // The quotient of infinities is never chosen, but must not be asked for where it is.
  const Expr reduced = Where(high, -1.0 / Max(a, 1.0), Where(low, a, middle));
  const Expr zero = ScalarOf(ctx, DType::kF32, 0);
  const Expr turned =
      Where(high, ScalarOf(ctx, DType::kF32, kPi / 2), Where(low, zero, ScalarOf(ctx, DType::kF32, kPi / 4)));
  const Expr arc = Odd(reduced, {-0.333329539, 0.199778669, -0.138791516, 0.0805787659});
  return Give(ctx, WithSignOf(x, turned + arc));
}

Status DecomposeAsin(DecomposeCtx& ctx) {
  const Expr x = Single(ctx);
  const Expr a = Abs(x);
  const Expr y = Where(Below(a, 0.5), ShortArc(a), kPi / 2 - LongRest(a));
  return Give(ctx, WithSignOf(x, y));
}

Status DecomposeAcos(DecomposeCtx& ctx) {
  const Expr x = Single(ctx);
  const Expr a = Abs(x);
  const Expr rest = LongRest(a);
  const Expr far = Where(Below(x, 0), kPi - rest, rest);
  return Give(ctx, Where(Below(a, 0.5), kPi / 2 - WithSignOf(x, ShortArc(a)), far));
}

// Half the exponent squared does not overflow before the function does.
Status DecomposeCosh(DecomposeCtx& ctx) {
  const Expr x = Single(ctx);
  const Expr h = Exp(Abs(x) * 0.5);
  return Give(ctx, h * 0.5 * h + 0.5 / h / h);
}

Status DecomposeSinh(DecomposeCtx& ctx) {
  const Expr x = Single(ctx);
  const Expr a = Abs(x);
  const Expr h = Exp(a * 0.5);
  const Expr far = h * 0.5 * h - 0.5 / h / h;
  return Give(ctx, WithSignOf(x, Where(Below(a, 1), Odd(a, {0.166667182, 0.00833021142, 0.000203774044}), far)));
}

Status DecomposeAsinh(DecomposeCtx& ctx) {
  const Expr x = Single(ctx);
  const Expr a = Abs(x);
  // The square of a large number is infinite; there 1 is nothing beside it.
  constexpr double kLarge = 1e9;
  const Expr b = Min(a, kLarge);
  const Expr s = b * b;
  const Expr y = Log1p(b + s / (Sqrt(s + 1.0) + 1.0));
  return Give(ctx, WithSignOf(x, Where(Below(a, kLarge), y, Log(a) + std::numbers::ln2)));
}

Status DecomposeAcosh(DecomposeCtx& ctx) {
  const Expr x = Single(ctx);
  constexpr double kLarge = 1e9;
  const Expr t = Min(x, kLarge) - 1.0;
  return Give(ctx, Where(Below(x, kLarge), Log1p(t + Sqrt(t) * Sqrt(t + 2.0)), Log(x) + std::numbers::ln2));
}

Status DecomposeAtanh(DecomposeCtx& ctx) {
  const Expr x = Single(ctx);
  const Expr a = Abs(x);
  return Give(ctx, WithSignOf(x, Log1p(a * 2.0 / (1.0 - a)) * 0.5));
}

// A polynomial up to 1; from there on 1 less the complement, whose logarithm is one too, as far as it tells from 1.
Status DecomposeErf(DecomposeCtx& ctx) {
  const Expr x = Single(ctx);
  const Expr a = Abs(x);
  const Expr z = x * x;
  const Expr near = x * Polynomial(z, {2 * std::numbers::inv_sqrtpi, -0.376126307, 0.112836299, -0.0268554843,
                                       0.00519129208, -0.000803503408, 7.93311625e-05});
  const Expr tail = Polynomial(Min(a, 4.0), {-0.000256445704, -1.12742609, -0.637600039, -0.103566892, 0.0220519973,
                                             -0.00299954068, 0.000191504135});
  return Give(ctx, Where(Below(a, 1), near, WithSignOf(x, 1.0 - Exp(tail))));
}

// Of integers, which some runtimes do not take.
Status DecomposeAbs(DecomposeCtx& ctx) {
  const Expr x = Operand(ctx, 0);
  if (!IsInteger(x.dtype())) return ctx.Cannot("it is a simple one");
  ctx.Out(0, (IsSigned(x.dtype()) ? Max(x, -x) : Apply(ctx, kIdentity, {x})).id());
  return Ok{};
}

Status DecomposeReciprocal(DecomposeCtx& ctx) {
  const Expr x = Operand(ctx, 0);
  ctx.Out(0, (1.0 / x).id());
  return Ok{};
}

Status DecomposeSign(DecomposeCtx& ctx) {
  const Expr x = Operand(ctx, 0);
  const Expr zero = ScalarOf(ctx, x.dtype(), 0), one = ScalarOf(ctx, x.dtype(), 1);
  // Zeros and what is no number stay what they are.
  const Expr low =
      IsSigned(x.dtype()) || IsFloat(x.dtype()) ? Where(Less(x, zero), ScalarOf(ctx, x.dtype(), -1), x) : x;
  ctx.Out(0, Where(Less(zero, x), one, low).id());
  return Ok{};
}

Status DecomposeIsNan(DecomposeCtx& ctx) {
  const Expr given = Operand(ctx, 0);
  const Expr x = kFloats.Has(given.dtype()) ? given : Cast(given, DType::kF32);
  ctx.Out(0, Not(Equal(x, x)).id());
  return Ok{};
}

Status DecomposeIsInf(DecomposeCtx& ctx) {
  const Expr given = Operand(ctx, 0);
  const Expr x = kFloats.Has(given.dtype()) ? given : Cast(given, DType::kF32);
  const bool positive = ctx.attrs.Flag("positive", true), negative = ctx.attrs.Flag("negative", true);
  const Expr infinity = ScalarOf(ctx, x.dtype(), std::numeric_limits<double>::infinity());
  const Expr side = positive && negative ? Abs(x) : positive ? x : -x;
  Expr y = Equal(side, infinity);
  if (!positive && !negative) y = And(y, Not(y));
  ctx.Out(0, y.id());
  return Ok{};
}

// The remainder that has the dividend's sign, of one that has the divisor's.
Status DecomposeMod(DecomposeCtx& ctx) {
  if (!ctx.attrs.Flag("fmod")) return ctx.Cannot("it is a simple one");
  const Expr given = Operand(ctx, 0);
  const Expr a = Widen(given), b = Widen(Operand(ctx, 1));
  const Expr zero = ScalarOf(ctx, a.dtype(), 0);
  if (IsFloat(a.dtype())) {
    const Expr rest = Mod(Abs(a), Abs(b));
    Result0(ctx, Where(Less(a, zero), -rest, rest), given.dtype());
    return Ok{};
  }
  const Expr rest = Mod(a, b);
  if (!IsSigned(a.dtype())) {
    ctx.Out(0, rest.id());
    return Ok{};
  }
  const Expr apart = Not(Equal(Less(rest, zero), Less(a, zero)));
  ctx.Out(0, Where(And(apart, Not(Equal(rest, zero))), rest - b, rest).id());
  return Ok{};
}

// As products and remainders by powers of two, in integers of 64 bits.
Status DecomposeBitShift(DecomposeCtx& ctx) {
  const Expr a = Operand(ctx, 0);
  const auto bits = static_cast<int64_t>(8 * ByteSize(a.dtype()));
  if (!IsInteger(a.dtype()) || Info(a.dtype()).bits % 8 != 0 || bits > 32) {
    return ctx.Cannot("there is no wider integer to compute in");
  }
  const Expr x = Cast(a, DType::kI64);
  const Expr by = Cast(Operand(ctx, 1), DType::kI64);
  std::vector<int64_t> powers;
  for (int k = 0; k <= 32; ++k) powers.push_back(int64_t{1} << k);
  const Expr zero = ScalarOf(ctx, DType::kI64, 0);
  // Distances that are negative or too long leave nothing, or the sign.
  const Expr within = And(Less(by, ScalarOf(ctx, DType::kI64, static_cast<double>(bits))), Not(Less(by, zero)));
  const Expr power = Gather(I64s(ctx, powers), Where(within, by, ScalarOf(ctx, DType::kI64, 32)), 0);
  if (ctx.attrs.Str("direction") == "right") {
    ctx.Out(0, Cast((x - Mod(x, power)) / power, a.dtype()).id());
    return Ok{};
  }
  const double values = std::ldexp(1.0, static_cast<int>(bits));
  Expr y = Mod(Where(within, x, zero) * power, ScalarOf(ctx, DType::kI64, values));
  if (IsSigned(a.dtype())) y = Where(Less(y, ScalarOf(ctx, DType::kI64, values / 2)), y, y - values);
  ctx.Out(0, Cast(y, a.dtype()).id());
  return Ok{};
}

}  // namespace godwit::ops
