// Activations as arithmetic.
#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

constexpr double kSqrtHalf = 0.70710678118654752440;
constexpr double kSqrtTwoOverPi = 0.79788456080286535588;

// y = formula(x), computed in f32 at least.
template <class Formula>
Status Map(DecomposeCtx& ctx, Formula formula) {
  const Expr x = Operand(ctx, 0);
  Result0(ctx, formula(Widen(x)), x.dtype());
  return Ok{};
}

// The negative side alone, so that exp never overflows; 0 for what is positive.
Expr ExpMinusOne(const Expr& x) { return Exp(Min(x, 0.0)) - 1.0; }

}  // namespace

Status DecomposeGelu(DecomposeCtx& ctx) {
  if (ctx.attrs.Str("approximate", "none") == "tanh") {
    return Map(ctx, [](const Expr& x) {
      const Expr u = (x + x * x * x * 0.044715) * kSqrtTwoOverPi;
      return x * 0.5 * (Tanh(u) + 1.0);
    });
  }
  return Map(ctx, [](const Expr& x) { return x * 0.5 * (Erf(x * kSqrtHalf) + 1.0); });
}

Status DecomposeSilu(DecomposeCtx& ctx) {
  const double alpha = ctx.attrs.Float("alpha", 1);
  return Map(ctx, [=](const Expr& x) { return x * Sigmoid(alpha == 1 ? x : x * alpha); });
}

Status DecomposeHardSwish(DecomposeCtx& ctx) {
  return Map(ctx, [&](const Expr& x) {
    return x * Apply(ctx, kHardSigmoid, {x}, {{"alpha", 1.0 / 6}, {"beta", 0.5}});
  });
}

Status DecomposeHardSigmoid(DecomposeCtx& ctx) {
  const double alpha = ctx.attrs.Float("alpha", 0.2);
  const double beta = ctx.attrs.Float("beta", 0.5);
  return Map(ctx, [=](const Expr& x) { return Min(Max(x * alpha + beta, 0.0), 1.0); });
}

Status DecomposeMish(DecomposeCtx& ctx) {
  return Map(ctx, [](const Expr& x) { return x * Tanh(Softplus(x)); });
}

Status DecomposeSoftplus(DecomposeCtx& ctx) {
  return Map(ctx, [](const Expr& x) { return Relu(x) + Log(Exp(-Abs(x)) + 1.0); });
}

Status DecomposeSoftsign(DecomposeCtx& ctx) {
  return Map(ctx, [](const Expr& x) { return x / (Abs(x) + 1.0); });
}

Status DecomposeElu(DecomposeCtx& ctx) {
  const double alpha = ctx.attrs.Float("alpha", 1);
  return Map(ctx, [=](const Expr& x) { return Relu(x) + ExpMinusOne(x) * alpha; });
}

Status DecomposeSelu(DecomposeCtx& ctx) {
  const double alpha = ctx.attrs.Float("alpha", 1.6732632423543772);
  const double gamma = ctx.attrs.Float("gamma", 1.0507009873554805);
  return Map(ctx, [=](const Expr& x) { return (Relu(x) + ExpMinusOne(x) * alpha) * gamma; });
}

Status DecomposeCelu(DecomposeCtx& ctx) {
  const double alpha = ctx.attrs.Float("alpha", 1);
  return Map(ctx, [&](const Expr& x) {
    const Expr negative = Min(x, 0.0) / alpha;
    // With a negative alpha the exponent is positive, which elu leaves as it is.
    const Expr curve = alpha > 0 ? Apply(ctx, kElu, {negative}) : Exp(negative) - 1.0;
    return Relu(x) + curve * alpha;
  });
}

Status DecomposeThresholdedRelu(DecomposeCtx& ctx) {
  const Expr x = Operand(ctx, 0);
  const double alpha = ctx.attrs.Float("alpha", 1);
  const Expr above = Less(ScalarOf(ctx, x.dtype(), alpha), x);
  Result0(ctx, Where(above, x, ScalarOf(ctx, x.dtype(), 0)), x.dtype());
  return Ok{};
}

Status DecomposeShrink(DecomposeCtx& ctx) {
  if (!kFloats.Has(ctx.TypeOfIn(0).dtype())) return ctx.Cannot("integers are cut as floats are converted");
  const double bias = ctx.attrs.Float("bias", 0);
  const double lambd = ctx.attrs.Float("lambd", 0.5);
  return Map(ctx, [&](const Expr& x) {
    const Expr above = Less(ScalarOf(ctx, x.dtype(), lambd), x);
    const Expr below = Less(x, ScalarOf(ctx, x.dtype(), -lambd));
    return Where(below, x + bias, Where(above, x - bias, ScalarOf(ctx, x.dtype(), 0)));
  });
}

}  // namespace godwit::ops
