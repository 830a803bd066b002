// Activations written out in simpler operators, recognised in all their spellings: gelu, silu, mish, hard_swish,
// hard_sigmoid, sigmoid, softplus.
#include <cmath>

#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "passes/rules_fuse_cone.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

using fuse::Affine;
using fuse::Cone;
using fuse::Near;
using fuse::Poly;
using fuse::Product;

constexpr double kSqrtHalf = 0.70710678118654752440;
constexpr double kSqrtTwoOverPi = 0.79788456080286535588;
constexpr double kCubic = 0.044715;

/// Gives the cone's place to a node of one operand, if all of the cone goes.
Result<bool> Put(const Cone& cone, const OpDef& op, ValueId x, Attrs attrs = {}) {
  RewriteCtx& ctx = cone.ctx();
  if (!cone.Closed() || cone.size() < 2) return false;
  if (!IsFloat(ctx.DtypeOf(x)) || ctx.DtypeOf(x) != ctx.DtypeOf(ctx.Out())) return false;
  if (ctx.Ranked(x) != ctx.Ranked(ctx.Out())) return false;
  if (ctx.Ranked(x) && !SameShape(ctx.TypeOf(x), ctx.TypeOf(ctx.Out()))) return false;
  return ctx.Rebuild(op, {x}, std::move(attrs));
}

/// x * gate * number, tried with either factor as x.
template <class Fn>
Result<bool> Gated(RewriteCtx& ctx, Fn match) {
  Cone taken(ctx);
  const Product product = fuse::TakeProduct(taken, ctx.Out());
  if (product.factors.size() != 2) return false;
  for (size_t i = 0; i < 2; ++i) {
    Cone cone = taken;
    TRY(const bool done, match(cone, product.number, product.factors[i], product.factors[1 - i]));
    if (done) return true;
    ctx.Undo();
  }
  return false;
}

// x * (1 + erf(x / sqrt 2)) / 2, and with tanh the approximation.
Result<bool> MatchGelu(Cone& cone, double number, ValueId x, ValueId gate) {
  const DType dtype = cone.ctx().DtypeOf(x);
  const Affine a = fuse::TakeAffine(cone, gate);
  if (!Near(dtype, number * a.slope, 0.5) || !Near(dtype, number * a.offset, 0.5)) return false;
  if (const Node* erf = cone.Take(a.x, ops::kErf)) {
    const auto inner = fuse::TakePoly(cone, erf->in[0], x);
    if (!inner || !Near(dtype, *inner, Poly{0, kSqrtHalf, 0, 0})) return false;
    return Put(cone, ops::kGelu, x);
  }
  const Node* tanh = cone.Take(a.x, ops::kTanh);
  if (tanh == nullptr) return false;
  const auto inner = fuse::TakePoly(cone, tanh->in[0], x);
  if (!inner || !Near(dtype, *inner, Poly{0, kSqrtTwoOverPi, 0, kSqrtTwoOverPi * kCubic})) return false;
  return Put(cone, ops::kGelu, x, {{"approximate", std::string("tanh")}});
}

// x * sigmoid(2 u) is x * (1 + tanh(u)) / 2.
Result<bool> MatchGeluSigmoid(Cone& cone, double number, ValueId x, ValueId gate) {
  const DType dtype = cone.ctx().DtypeOf(x);
  const Node* sigmoid = cone.Take(gate, ops::kSigmoid);
  if (sigmoid == nullptr || number != 1) return false;
  const auto inner = fuse::TakePoly(cone, sigmoid->in[0], x);
  if (!inner || !Near(dtype, *inner, Poly{0, 2 * kSqrtTwoOverPi, 0, 2 * kSqrtTwoOverPi * kCubic})) return false;
  return Put(cone, ops::kGelu, x, {{"approximate", std::string("tanh")}});
}

Result<bool> Gelu(RewriteCtx& ctx) {
  TRY(const bool done, Gated(ctx, MatchGelu));
  return done ? Result<bool>(true) : Gated(ctx, MatchGeluSigmoid);
}

// h + h * erf(x / sqrt 2), h = x / 2.
Result<bool> GeluOfHalves(RewriteCtx& ctx) {
  for (size_t i = 0; i < 2; ++i) {
    Cone cone(ctx);
    const Node* product = cone.Take(ctx.In(1 - i), ops::kMul);
    const Node* half = cone.Take(ctx.In(i), ops::kMul);
    if (half == nullptr) half = cone.Take(ctx.In(i), ops::kDiv);
    if (product == nullptr || half == nullptr) continue;
    const auto by = fuse::ReadByNumber(ctx, *half);
    if (!by || by->number != (half->op == &ops::kMul ? 0.5 : 2.0)) continue;
    const ValueId other = product->in[0] == ctx.In(i) ? product->in[1] : product->in[0];
    if (product->in[0] != ctx.In(i) && product->in[1] != ctx.In(i)) continue;
    const Node* erf = cone.Take(other, ops::kErf);
    if (erf == nullptr) continue;
    const auto inner = fuse::TakePoly(cone, erf->in[0], by->x);
    if (!inner || !Near(ctx.DtypeOf(by->x), *inner, Poly{0, kSqrtHalf, 0, 0})) continue;
    return Put(cone, ops::kGelu, by->x);
  }
  return false;
}

Result<bool> MatchSilu(Cone& cone, double number, ValueId x, ValueId gate) {
  const Node* sigmoid = cone.Take(gate, ops::kSigmoid);
  if (sigmoid == nullptr || number != 1) return false;
  const auto inner = fuse::TakePoly(cone, sigmoid->in[0], x);
  if (!inner || (*inner)[0] != 0 || (*inner)[1] == 0 || (*inner)[2] != 0 || (*inner)[3] != 0) return false;
  Attrs attrs;
  if ((*inner)[1] != 1) attrs.Set("alpha", (*inner)[1]);
  return Put(cone, ops::kSilu, x, std::move(attrs));
}
Result<bool> Silu(RewriteCtx& ctx) { return Gated(ctx, MatchSilu); }

Result<bool> MatchMish(Cone& cone, double number, ValueId x, ValueId gate) {
  const Node* tanh = cone.Take(gate, ops::kTanh);
  if (tanh == nullptr || number != 1) return false;
  const Node* softplus = cone.Take(tanh->in[0], ops::kSoftplus);
  if (softplus == nullptr || softplus->in[0] != x) return false;
  return Put(cone, ops::kMish, x);
}
Result<bool> Mish(RewriteCtx& ctx) { return Gated(ctx, MatchMish); }

/// v = factor * clip(u, lo, hi), u still to be read.
struct Clipped {
  ValueId u;
  double factor = 1, lo = 0, hi = 0;
};
std::optional<Clipped> TakeClipped(Cone& cone, ValueId v) {
  RewriteCtx& ctx = cone.ctx();
  const Affine outer = fuse::TakeAffine(cone, v);
  const Node* clip = cone.Take(outer.x, ops::kClip);
  if (clip == nullptr || outer.offset != 0 || clip->in.size() < 3) return std::nullopt;
  const auto lo = ctx.Splat(clip->in[1]);
  const auto hi = ctx.Splat(clip->in[2]);
  if (!lo || !hi) return std::nullopt;
  return Clipped{clip->in[0], outer.slope, *lo, *hi};
}

Result<bool> MatchHardSwish(Cone& cone, double number, ValueId x, ValueId gate) {
  const DType dtype = cone.ctx().DtypeOf(x);
  if (const Node* hard = cone.Take(gate, ops::kHardSigmoid)) {
    const auto inner = fuse::TakePoly(cone, hard->in[0], x);
    if (!inner || number != 1) return false;
    const double alpha = hard->attrs.Float("alpha", 0.2);
    const double beta = hard->attrs.Float("beta", 0.5);
    const Poly line = {alpha * (*inner)[0] + beta, alpha * (*inner)[1], (*inner)[2], (*inner)[3]};
    if (!Near(dtype, line, Poly{0.5, 1.0 / 6, 0, 0})) return false;
    return Put(cone, ops::kHardSwish, x);
  }
  const auto clipped = TakeClipped(cone, gate);
  if (!clipped) return false;
  const double factor = number * clipped->factor;
  const auto inner = fuse::TakePoly(cone, clipped->u, x);
  if (!inner || clipped->lo != 0 || !Near(dtype, clipped->hi * factor, 1)) return false;
  const Poly line = {factor * (*inner)[0], factor * (*inner)[1], (*inner)[2], (*inner)[3]};
  if (!Near(dtype, line, Poly{0.5, 1.0 / 6, 0, 0})) return false;
  return Put(cone, ops::kHardSwish, x);
}
Result<bool> HardSwish(RewriteCtx& ctx) { return Gated(ctx, MatchHardSwish); }

// The same where there is no hard_swish: x * hard_sigmoid(x).
Result<bool> MatchHardSwishParts(Cone& cone, double number, ValueId x, ValueId gate) {
  RewriteCtx& ctx = cone.ctx();
  const DType dtype = ctx.DtypeOf(x);
  const auto clipped = TakeClipped(cone, gate);
  if (!clipped || cone.size() < 3 || !IsFloat(dtype)) return false;
  const double factor = number * clipped->factor;
  const auto inner = fuse::TakePoly(cone, clipped->u, x);
  if (!inner || clipped->lo != 0 || !Near(dtype, clipped->hi * factor, 1) || !cone.Closed()) return false;
  if ((*inner)[1] == 0 || (*inner)[2] != 0 || (*inner)[3] != 0) return false;
  if (!SameShape(ctx.TypeOf(x), ctx.TypeOf(ctx.Out()))) return false;
  TRY(const ValueId hard,
      ctx.Emit(ops::kHardSigmoid, {x}, {{"alpha", factor * (*inner)[1]}, {"beta", factor * (*inner)[0]}}));
  return ctx.Rebuild(ops::kMul, {x, hard});
}
Result<bool> HardSwishParts(RewriteCtx& ctx) { return Gated(ctx, MatchHardSwishParts); }

// clip(a * x + b, 0, hi) / hi in any order. The slope keeps its sign; a plain clip stays one.
Result<bool> HardSigmoid(RewriteCtx& ctx) {
  Cone cone(ctx);
  const auto clipped = TakeClipped(cone, ctx.Out());
  if (!clipped || clipped->factor <= 0 || clipped->lo != 0) return false;
  if (!Near(ctx.DtypeOf(ctx.Out()), clipped->hi * clipped->factor, 1)) return false;
  const Affine inner = fuse::TakeAffine(cone, clipped->u);
  if (inner.slope == 0) return false;
  return Put(cone, ops::kHardSigmoid, inner.x,
             {{"alpha", inner.slope * clipped->factor}, {"beta", inner.offset * clipped->factor}});
}

// A hard_sigmoid of a scaled or shifted value has it in its numbers.
Result<bool> HardSigmoidOfAffine(RewriteCtx& ctx) {
  Cone cone(ctx);
  const Affine inner = fuse::TakeAffine(cone, ctx.In(0));
  const double alpha = ctx.attrs().Float("alpha", 0.2);
  const double beta = ctx.attrs().Float("beta", 0.5);
  if (inner.slope == 0) return false;
  return Put(cone, ops::kHardSigmoid, inner.x, {{"alpha", alpha * inner.slope}, {"beta", alpha * inner.offset + beta}});
}

// 1 / (1 + exp(-x)).
Result<bool> Sigmoid(RewriteCtx& ctx) {
  Cone cone(ctx);
  ValueId sum = ctx.In(0);
  if (ctx.node().op == &ops::kDiv) {
    if (fuse::Number(ctx, ctx.In(0), ctx.In(1), ctx.Out()) != 1.0) return false;
    sum = ctx.In(1);
  }
  const Affine a = fuse::TakeAffine(cone, sum);
  const Node* exp = cone.Take(a.x, ops::kExp);
  if (exp == nullptr || a.slope != 1 || a.offset != 1) return false;
  const Node* neg = cone.Take(exp->in[0], ops::kNeg);
  if (neg != nullptr) return Put(cone, ops::kSigmoid, neg->in[0]);
  const Node* mul = cone.Take(exp->in[0], ops::kMul);
  const auto by = mul == nullptr ? std::nullopt : fuse::ReadByNumber(ctx, *mul);
  if (!by || by->number != -1) return false;
  return Put(cone, ops::kSigmoid, by->x);
}

// log(1 + exp(x)).
Result<bool> Softplus(RewriteCtx& ctx) {
  Cone cone(ctx);
  const Affine a = fuse::TakeAffine(cone, ctx.In(0));
  const Node* exp = cone.Take(a.x, ops::kExp);
  if (exp == nullptr || a.slope != 1 || a.offset != 1) return false;
  return Put(cone, ops::kSoftplus, exp->in[0]);
}

// -log(sigmoid(-x)) is softplus(x) too.
Result<bool> SoftplusOfSigmoid(RewriteCtx& ctx) {
  Cone cone(ctx);
  const Node* log = cone.Take(ctx.In(0), ops::kLog);
  const Node* sigmoid = log == nullptr ? nullptr : cone.Take(log->in[0], ops::kSigmoid);
  const Node* neg = sigmoid == nullptr ? nullptr : cone.Take(sigmoid->in[0], ops::kNeg);
  return neg == nullptr ? Result<bool>(false) : Put(cone, ops::kSoftplus, neg->in[0]);
}

// relu(x) + softplus(-|x|): as it is written out where the exponential must not overflow.
Result<bool> SoftplusOfParts(RewriteCtx& ctx) {
  for (size_t i = 0; i < 2; ++i) {
    Cone cone(ctx);
    const Node* relu = cone.Take(ctx.In(i), ops::kRelu);
    const Node* rest = cone.Take(ctx.In(1 - i), ops::kSoftplus);
    const Node* neg = rest == nullptr ? nullptr : cone.Take(rest->in[0], ops::kNeg);
    const Node* abs = neg == nullptr ? nullptr : cone.Take(neg->in[0], ops::kAbs);
    if (relu != nullptr && abs != nullptr && abs->in[0] == relu->in[0]) return Put(cone, ops::kSoftplus, relu->in[0]);
  }
  return false;
}

// x / (1 + |x|).
Result<bool> Softsign(RewriteCtx& ctx) {
  Cone cone(ctx);
  const Affine a = fuse::TakeAffine(cone, ctx.In(1));
  const Node* abs = cone.Take(a.x, ops::kAbs);
  if (abs == nullptr || a.slope != 1 || a.offset != 1 || abs->in[0] != ctx.In(0)) return false;
  return Put(cone, ops::kSoftsign, ctx.In(0));
}

const OpDef* const kProducts[] = {&ops::kMul, &ops::kDiv};
const OpDef* const kAdd[] = {&ops::kAdd};
const OpDef* const kClips[] = {&ops::kClip, &ops::kMul, &ops::kDiv};
const OpDef* const kHardSigmoids[] = {&ops::kHardSigmoid};
const OpDef* const kQuotients[] = {&ops::kDiv, &ops::kReciprocal};
const OpDef* const kDiv[] = {&ops::kDiv};
const OpDef* const kLog[] = {&ops::kLog};
const OpDef* const kNeg[] = {&ops::kNeg};

const Rule kRules[] = {
    {"fuse-sigmoid", "1 / (1 + exp(-x)) is sigmoid.", Numerics::kReassociating, kQuotients, Sigmoid},
    {"fuse-softplus", "log(1 + exp(x)) is softplus.", Numerics::kReassociating, kLog, Softplus},
    {"fuse-softplus-sigmoid", "-log(sigmoid(-x)) is softplus.", Numerics::kReassociating, kNeg, SoftplusOfSigmoid},
    {"fuse-softplus-parts", "relu(x) + softplus(-|x|) is softplus(x).", Numerics::kReassociating, kAdd,
     SoftplusOfParts},
    {"fuse-softsign", "x / (1 + |x|) is softsign.", Numerics::kExact, kDiv, Softsign},
    {"fuse-gelu", "x * (1 + erf(x / sqrt 2)) / 2 is gelu, and with tanh its approximation.", Numerics::kReassociating,
     kProducts, Gelu},
    {"fuse-gelu-halves", "h + h * erf(x / sqrt 2) with h = x / 2 is gelu.", Numerics::kReassociating, kAdd,
     GeluOfHalves},
    {"fuse-mish", "x * tanh(softplus(x)) is mish.", Numerics::kReassociating, kProducts, Mish},
    {"fuse-hard-swish", "x * clip(x + 3, 0, 6) / 6 is hard_swish.", Numerics::kReassociating, kProducts, HardSwish},
    {"fuse-hard-swish-parts", "x * clip(a * x + b, 0, hi) / hi is x * hard_sigmoid(x).", Numerics::kReassociating,
     kProducts, HardSwishParts},
    {"fuse-hard-sigmoid", "clip(a * x + b, 0, 1) is hard_sigmoid.", Numerics::kReassociating, kClips, HardSigmoid},
    {"fuse-hard-sigmoid-affine", "hard_sigmoid takes in the scale and shift of its operand.", Numerics::kReassociating,
     kHardSigmoids, HardSigmoidOfAffine},
    {"fuse-silu", "x * sigmoid(alpha * x) is silu.", Numerics::kReassociating, kProducts, Silu},
};

}  // namespace

RuleTable FuseActivationRules() { return kRules; }

}  // namespace godwit
