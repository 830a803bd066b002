// Functions of straight pieces, written out with relu, min, max, where and products: relu, clip, leaky_relu, prelu,
// abs.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "passes/rules_fuse_cone.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

using fuse::Cone;
using fuse::Product;

constexpr double kInf = std::numeric_limits<double>::infinity();

bool KeepsType(RewriteCtx& ctx, ValueId x) {
  return IsFloat(ctx.DtypeOf(x)) && SameShape(ctx.TypeOf(x), ctx.TypeOf(ctx.Out()));
}

/// min(max(x, lo), hi), lo <= hi.
struct Bounds {
  double lo = -kInf, hi = kInf;
};

// One node as bounds on its operand; a bound that is a wider constant, or NaN, is none.
std::optional<std::pair<ValueId, Bounds>> ReadBounds(RewriteCtx& ctx, const Node& node) {
  if (node.op == &ops::kRelu) return std::pair(node.in[0], Bounds{0, kInf});
  if (node.op == &ops::kClip) {
    Bounds b;
    for (size_t i = 1; i < node.in.size(); ++i) {
      if (!node.in[i]) continue;
      const auto number = ctx.Splat(node.in[i]);
      if (!number || std::isnan(*number)) return std::nullopt;
      (i == 1 ? b.lo : b.hi) = *number;
    }
    return b.lo <= b.hi ? std::optional(std::pair(node.in[0], b)) : std::nullopt;
  }
  if (node.op != &ops::kMin && node.op != &ops::kMax) return std::nullopt;
  for (size_t i = 0; i < 2; ++i) {
    const auto number = fuse::Number(ctx, node.in[i], node.in[1 - i], node.out[0]);
    if (!number) continue;
    return std::pair(node.in[1 - i], node.op == &ops::kMin ? Bounds{-kInf, *number} : Bounds{*number, kInf});
  }
  return std::nullopt;
}

// A chain of bounds is one relu or one clip.
Result<bool> Clip(RewriteCtx& ctx) {
  Cone cone(ctx);
  const auto first = ReadBounds(ctx, ctx.node());
  if (!first) return false;
  auto [x, bounds] = *first;
  while (ctx.SingleUse(x)) {
    const Node* def = ctx.Def(x);
    const auto inner = def == nullptr ? std::nullopt : ReadBounds(ctx, *def);
    if (!inner) break;
    cone.Take(x);
    x = inner->first;
    bounds = {std::clamp(inner->second.lo, bounds.lo, bounds.hi), std::clamp(inner->second.hi, bounds.lo, bounds.hi)};
  }
  if (!KeepsType(ctx, x)) return false;
  const bool relu = bounds.lo == 0 && bounds.hi == kInf;
  if (cone.size() < 2 && !(relu && ctx.node().op != &ops::kRelu)) return false;
  if (relu) return ctx.Rebuild(ops::kRelu, {x});
  const DType dtype = ctx.DtypeOf(x);
  std::vector<ValueId> in = {x, {}, {}};
  if (bounds.lo != -kInf) in[1] = ctx.Scalar(dtype, bounds.lo);
  if (bounds.hi != kInf) in[2] = ctx.Scalar(dtype, bounds.hi);
  while (!in.back()) in.pop_back();
  return ctx.Rebuild(ops::kClip, std::move(in));
}

// max(x, a * x), 0 <= a <= 1, and max(x, leaky_relu(x)).
Result<bool> LeakyOfMax(RewriteCtx& ctx) {
  for (size_t i = 0; i < 2; ++i) {
    const ValueId x = ctx.In(i);
    const ValueId other = ctx.In(1 - i);
    if (!KeepsType(ctx, x)) return false;
    if (const Node* leaky = ctx.Def(other, ops::kLeakyRelu); leaky != nullptr && leaky->in[0] == x) {
      const double alpha = leaky->attrs.Float("alpha", 0.01);
      if (alpha >= 0 && alpha <= 1) return ctx.Replace(other);
    }
    Cone cone(ctx);
    const Node* mul = cone.Take(other, ops::kMul);
    const auto by = mul == nullptr ? std::nullopt : fuse::ReadByNumber(ctx, *mul);
    if (!by || by->x != x || by->number < 0 || by->number > 1 || !cone.Closed()) continue;
    return ctx.Rebuild(ops::kLeakyRelu, {x}, {{"alpha", by->number}});
  }
  return false;
}

/// x where the condition holds for positive numbers and not for negative ones, or the other way round.
struct Sided {
  ValueId x;
  bool positive = true;
};
std::optional<Sided> TakeSide(Cone& cone, ValueId condition) {
  RewriteCtx& ctx = cone.ctx();
  const Node* cmp = cone.Take(condition, ops::kLess);
  if (cmp == nullptr) cmp = cone.Take(condition, ops::kLessEqual);
  if (cmp == nullptr) return std::nullopt;
  if (ctx.IsSplat(cmp->in[0], 0)) return Sided{cmp->in[1], true};
  if (ctx.IsSplat(cmp->in[1], 0)) return Sided{cmp->in[0], false};
  return std::nullopt;
}

/// What takes the place of "x, or slope * x where negative".
Result<bool> PutSloped(const Cone& cone, ValueId x, double number, ValueId slope) {
  RewriteCtx& ctx = cone.ctx();
  if (!cone.Closed() || cone.size() < 2 || !KeepsType(ctx, x)) return false;
  if (!slope) {
    if (number == 0) return ctx.Rebuild(ops::kRelu, {x});
    return ctx.Rebuild(ops::kLeakyRelu, {x}, {{"alpha", number}});
  }
  if (!ctx.Ranked(slope) || ctx.Rank(slope) > ctx.Rank(x) || ctx.DtypeOf(slope) != ctx.DtypeOf(x)) return false;
  if (number == -1 && ctx.IsConstant(slope)) {
    TRY(slope, ctx.Emit(ops::kNeg, {slope}));
  } else if (number != 1) {
    return false;
  }
  return ctx.Rebuild(ops::kPRelu, {x, slope});
}

// where(x > 0, x, slope * x).
Result<bool> SlopedOfWhere(RewriteCtx& ctx) {
  Cone cone(ctx);
  const auto side = TakeSide(cone, ctx.In(0));
  if (!side || ctx.In(side->positive ? 1 : 2) != side->x) return false;
  const ValueId negative = ctx.In(side->positive ? 2 : 1);
  // A comparison with NaN fails: only the second way round lets NaN through, as relu does.
  if (!side->positive && fuse::Number(ctx, negative, side->x, ctx.Out()) == 0.0) return PutSloped(cone, side->x, 0, {});
  const Node* mul = cone.Take(negative, ops::kMul);
  if (mul == nullptr) return false;
  if (const auto by = fuse::ReadByNumber(ctx, *mul)) {
    return by->x == side->x ? PutSloped(cone, side->x, by->number, {}) : Result<bool>(false);
  }
  for (size_t i = 0; i < 2; ++i) {
    if (mul->in[i] == side->x) return PutSloped(cone, side->x, 1, mul->in[1 - i]);
  }
  return false;
}

// The negative part of x, times what is given back: relu(-x), min(x, 0), x - |x|.
std::optional<double> TakeNegativePart(Cone& cone, ValueId v, ValueId x) {
  RewriteCtx& ctx = cone.ctx();
  if (const Node* relu = cone.Take(v, ops::kRelu)) {
    const auto inner = fuse::TakePoly(cone, relu->in[0], x);
    if (!inner || (*inner)[1] != -1 || (*inner)[0] != 0) return std::nullopt;
    return -1;
  }
  if (const Node* clip = cone.Take(v, ops::kMin)) {
    for (size_t i = 0; i < 2; ++i) {
      if (clip->in[i] == x && ctx.IsSplat(clip->in[1 - i], 0)) return 1;
    }
    return std::nullopt;
  }
  if (const Node* sub = cone.Take(v, ops::kSub)) {
    const Node* abs = cone.Take(sub->in[1], ops::kAbs);
    if (abs != nullptr && abs->in[0] == x && sub->in[0] == x) return 2;
  }
  return std::nullopt;
}

// relu(x) + slope * (negative part of x).
Result<bool> SlopedOfSum(RewriteCtx& ctx) {
  const bool sub = ctx.node().op == &ops::kSub;
  for (size_t i = 0; i < (sub ? 1U : 2U); ++i) {
    Cone cone(ctx);
    const Node* relu = cone.Take(ctx.In(i), ops::kRelu);
    if (relu == nullptr) continue;
    const ValueId x = relu->in[0];
    const Product product = fuse::TakeProduct(cone, ctx.In(1 - i));
    if (product.factors.empty() || product.factors.size() > 2) continue;
    for (size_t k = 0; k < product.factors.size(); ++k) {
      Cone with_part = cone;
      const auto part = TakeNegativePart(with_part, product.factors[k], x);
      if (!part) continue;
      const double number = *part * product.number * (sub ? -1 : 1);
      const ValueId slope = product.factors.size() == 2 ? product.factors[1 - k] : ValueId();
      return PutSloped(with_part, x, number, slope);
    }
  }
  return false;
}

// max(x, -x).
Result<bool> Abs(RewriteCtx& ctx) {
  for (size_t i = 0; i < 2; ++i) {
    Cone cone(ctx);
    const Node* neg = cone.Take(ctx.In(1 - i), ops::kNeg);
    if (neg == nullptr || neg->in[0] != ctx.In(i) || !cone.Closed()) continue;
    return ctx.Rebuild(ops::kAbs, {ctx.In(i)});
  }
  return false;
}

const OpDef* const kBounds[] = {&ops::kMin, &ops::kMax, &ops::kClip, &ops::kRelu};
const OpDef* const kMax[] = {&ops::kMax};
const OpDef* const kWhere[] = {&ops::kWhere};
const OpDef* const kSums[] = {&ops::kAdd, &ops::kSub};

const Rule kRules[] = {
    {"fuse-clip", "A chain of min, max, relu and clip by numbers is one relu or clip.", Numerics::kReassociating,
     kBounds, Clip},
    {"fuse-leaky-relu", "max(x, a * x) is leaky_relu.", Numerics::kExact, kMax, LeakyOfMax},
    {"fuse-prelu-where", "where(x > 0, x, slope * x) is relu, leaky_relu or prelu.", Numerics::kExact, kWhere,
     SlopedOfWhere},
    {"fuse-prelu-sum", "relu(x) + slope * min(x, 0) is leaky_relu or prelu.", Numerics::kExact, kSums, SlopedOfSum},
    {"fuse-abs", "max(x, -x) is abs.", Numerics::kExact, kMax, Abs},
};

}  // namespace

RuleTable FusePiecewiseRules() { return kRules; }

}  // namespace godwit
