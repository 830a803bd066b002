// Bounds: relu, clip, and min and max with one number are all the same thing, and one of them is enough.
#include <algorithm>
#include <cmath>

#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

// x cut to [low, high], either perhaps absent.
struct Bounds {
  ValueId x;
  std::optional<double> low, high;
};

// As bounds: a relu, a clip with constant bounds, a min or max with one number. Integers past 2^53 are not looked at.
std::optional<Bounds> BoundsOf(RewriteCtx& ctx, const Node& node) {
  if (node.op == &ops::kRelu) return Bounds{node.in[0], 0.0, std::nullopt};
  if (node.op == &ops::kClip) {
    Bounds b{node.in[0], std::nullopt, std::nullopt};
    for (size_t i = 1; i < node.in.size(); ++i) {
      if (!node.in[i]) continue;
      const auto bound = ctx.Splat(node.in[i]);
      if (!bound || std::isnan(*bound)) return std::nullopt;
      (i == 1 ? b.low : b.high) = bound;
    }
    return b;
  }
  if (node.op != &ops::kMin && node.op != &ops::kMax) return std::nullopt;
  const auto split = SplitConstant(ctx, node);
  if (!split || !SameShape(ctx.TypeOf(split->value), ctx.TypeOf(node.out[0]))) return std::nullopt;
  const auto bound = ctx.Splat(split->constant);
  // A zero bound decides which zero comes out: the operators differ there.
  if (!bound || std::isnan(*bound) || (*bound == 0 && IsFloat(ctx.DtypeOf(split->value)))) return std::nullopt;
  if (node.op == &ops::kMin) return Bounds{split->value, std::nullopt, bound};
  return Bounds{split->value, bound, std::nullopt};
}

// First low, then high: cutting again to [low, high] moves both of the inner bounds into it.
Bounds Then(const Bounds& inner, const Bounds& outer) {
  const auto cut = [&](double v) {
    if (outer.low && v < *outer.low) v = *outer.low;
    if (outer.high && v > *outer.high) v = *outer.high;
    return v;
  };
  Bounds out{inner.x, outer.low, outer.high};
  if (inner.low) out.low = cut(*inner.low);
  if (inner.high) out.high = cut(*inner.high);
  // Bounds that cross: the upper one wins.
  if (inner.low && inner.high && *inner.low > *inner.high) out.low = out.high;
  return out;
}

Result<bool> Put(RewriteCtx& ctx, const Bounds& b) {
  const DType dtype = ctx.DtypeOf(b.x);
  if (!b.low && !b.high) return ctx.Replace(b.x);
  const bool plain_zero = b.low && *b.low == 0 && !std::signbit(*b.low);
  if (plain_zero && (!b.high || *b.high == std::numeric_limits<double>::infinity())) {
    return ctx.Rebuild(ops::kRelu, {b.x});
  }
  std::vector<ValueId> in = {b.x, b.low ? ctx.Scalar(dtype, *b.low) : ValueId()};
  if (b.high) in.push_back(ctx.Scalar(dtype, *b.high));
  return ctx.Rebuild(ops::kClip, std::move(in));
}

Result<bool> MergeBounds(RewriteCtx& ctx) {
  const auto outer = BoundsOf(ctx, ctx.node());
  if (!outer || !kNumbers.Has(ctx.DtypeOf(outer->x))) return false;
  const Node* def = ctx.Def(outer->x);
  if (def == nullptr) return false;
  const auto inner = BoundsOf(ctx, *def);
  if (!inner || !SameShape(ctx.TypeOf(inner->x), ctx.TypeOf(ctx.Out()))) return false;
  // A kept inner node gains nothing from being looked through.
  if (!ctx.SingleUse(outer->x) && def->op != &ops::kRelu) return false;
  const Bounds both = Then(*inner, *outer);
  // A single number that may be a zero of either sign is left alone.
  if (both.low && both.high && *both.low >= *both.high) return false;
  return Put(ctx, both);
}

Result<bool> DropClip(RewriteCtx& ctx) {
  const auto b = BoundsOf(ctx, ctx.node());
  if (!b || b->low || b->high) return false;
  return ctx.Replace(b->x);
}

// What is not below zero stays what it is.
Result<bool> ReluOfPositive(RewriteCtx& ctx) {
  static const OpDef* const kPositive[] = {&ops::kSigmoid, &ops::kSoftmax, &ops::kHardSigmoid, &ops::kAbs,
                                           &ops::kExp,     &ops::kSqrt,    &ops::kRelu};
  const Node* def = ctx.Def(ctx.In(0));
  if (def == nullptr || std::find(std::begin(kPositive), std::end(kPositive), def->op) == std::end(kPositive)) {
    return false;
  }
  if (def->op == &ops::kSoftmax && def->attrs.Str("mode", "soft") == "log") return false;
  return ctx.Replace(ctx.In(0));
}

const OpDef* const kBounding[] = {&ops::kRelu, &ops::kClip, &ops::kMin, &ops::kMax};
const OpDef* const kClips[] = {&ops::kClip};
const OpDef* const kRelus[] = {&ops::kRelu};

const Rule kRules[] = {
    {"drop-clip", "A clip without bounds is its operand.", Numerics::kExact, kClips, DropClip},
    {"relu-of-positive", "A relu of what is never negative is its operand.", Numerics::kExact, kRelus, ReluOfPositive},
    {"merge-bounds", "relu, clip, min and max that follow one another are one clip, or one relu.", Numerics::kExact,
     kBounding, MergeBounds},
};

}  // namespace

RuleTable ClampRules() { return kRules; }

}  // namespace godwit
