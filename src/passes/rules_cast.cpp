// Casts that lose nothing on the way, and choices whose outcome is known.
#include <algorithm>

#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

// Bits of a whole number that a float type holds exactly.
int Significand(DType dtype) {
  switch (dtype) {
    case DType::kF64: return 53;
    case DType::kF32: return 24;
    case DType::kF16: return 11;
    case DType::kBF16: return 8;
    default: return 0;
  }
}

int ExponentBits(DType dtype) {
  switch (dtype) {
    case DType::kF64: return 11;
    case DType::kF32:
    case DType::kBF16: return 8;
    case DType::kF16: return 5;
    default: return 0;
  }
}

int Width(DType dtype) { return dtype == DType::kBool ? 1 : Info(dtype).bits; }

// Whether every number of `from` is one of `to`.
bool Holds(DType to, DType from) {
  if (to == from) return true;
  if (from == DType::kBool || IsUnsigned(from)) {
    if (IsUnsigned(to)) return Width(to) >= Width(from);
    if (IsSigned(to)) return Width(to) > Width(from);
    // f16 ends at 65504, and so does not hold all of what its exponent seems to allow.
    return Significand(to) >= Width(from) && (to != DType::kF16 || Width(from) < 16);
  }
  if (IsSigned(from)) {
    if (IsSigned(to)) return Width(to) >= Width(from);
    return Significand(to) >= Width(from) - 1 && (to != DType::kF16 || Width(from) <= 16);
  }
  if (Significand(from) == 0) return false;
  return Significand(to) >= Significand(from) && ExponentBits(to) >= ExponentBits(from);
}

// A cast of a cast that lost nothing.
Result<bool> MergeCasts(RewriteCtx& ctx) {
  const Node* inner = ctx.Def(ctx.In(0), ops::kCast);
  if (inner == nullptr) return false;
  const DType from = ctx.DtypeOf(inner->in[0]);
  const DType through = ctx.DtypeOf(ctx.In(0));
  const DType to = ctx.attrs().Dtype("to");
  if (from == DType::kNone || to == DType::kString || from == DType::kString || !Holds(through, from)) return false;
  if (from == to) return ctx.Replace(inner->in[0]);
  return ctx.Rebuild(ops::kCast, {inner->in[0]}, ctx.attrs());
}

// What sorts numbers or tells them apart does so in the narrower type as well.
Result<bool> KnownCondition(RewriteCtx& ctx) {
  const auto truth = ctx.Splat(ctx.In(0));
  if (!truth) return false;
  const ValueId chosen = ctx.In(*truth != 0 ? 1 : 2);
  if (SameShape(ctx.TypeOf(chosen), ctx.TypeOf(ctx.Out()))) return ctx.Replace(chosen);
  return false;
}

Result<bool> SameChoice(RewriteCtx& ctx) {
  if (ctx.In(1) != ctx.In(2) || !SameShape(ctx.TypeOf(ctx.In(1)), ctx.TypeOf(ctx.Out()))) return false;
  return ctx.Replace(ctx.In(1));
}

Result<bool> NegatedCondition(RewriteCtx& ctx) {
  const Node* negation = ctx.Def(ctx.In(0), ops::kLogicalNot);
  if (negation == nullptr) return false;
  return ctx.Rebuild(ops::kWhere, {negation->in[0], ctx.In(2), ctx.In(1)});
}

// x and true, x or false; what does not depend on x is left to folding where its shape is known.
Result<bool> LogicWithConstant(RewriteCtx& ctx) {
  const auto split = SplitConstant(ctx, ctx.node());
  if (!split || !SameShape(ctx.TypeOf(split->value), ctx.TypeOf(ctx.Out()))) return false;
  const double neutral = ctx.node().op == &ops::kLogicalAnd ? 1 : 0;
  if (!ctx.IsSplat(split->constant, neutral)) return false;
  return ctx.Replace(split->value);
}

// x and x, x or x, max(x, x), min(x, x).
Result<bool> SameOperands(RewriteCtx& ctx) {
  const std::vector<ValueId>& in = ctx.node().in;
  if (in.empty() || !std::all_of(in.begin(), in.end(), [&](ValueId v) { return v == in[0]; })) return false;
  return ctx.Replace(in[0]);
}

const OpDef* const kCasts[] = {&ops::kCast};
const OpDef* const kWheres[] = {&ops::kWhere};
const OpDef* const kLogic[] = {&ops::kLogicalAnd, &ops::kLogicalOr, &ops::kLogicalXor};
const OpDef* const kIdempotent[] = {&ops::kLogicalAnd, &ops::kLogicalOr, &ops::kMax, &ops::kMin};

const Rule kRules[] = {
    {"merge-casts", "A cast of a cast that loses nothing is one cast, or none.", Numerics::kExact, kCasts, MergeCasts},
    {"known-condition", "A choice by a constant that is the same everywhere is what it chooses.", Numerics::kExact,
     kWheres, KnownCondition},
    {"same-choice", "A choice between a value and itself is that value.", Numerics::kExact, kWheres, SameChoice},
    {"negated-condition", "A choice by a negated condition is the choice the other way round.", Numerics::kExact,
     kWheres, NegatedCondition},
    {"neutral-logic", "x and true, x or false, x xor false are x.", Numerics::kExact, kLogic, LogicWithConstant},
    {"same-operands", "x and x, x or x, max(x, x) and min(x, x) are x.", Numerics::kExact, kIdempotent, SameOperands},
};

}  // namespace

RuleTable CastRules() { return kRules; }

}  // namespace godwit
