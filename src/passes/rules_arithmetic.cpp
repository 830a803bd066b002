// Arithmetic with constants that changes nothing, and constants that follow one another.
#include <cmath>

#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

// Whether leaving the node out would leave its type as it is.
bool SameType(RewriteCtx& ctx, ValueId v) {
  return SameShape(ctx.TypeOf(v), ctx.TypeOf(ctx.Out())) && ctx.DtypeOf(v) == ctx.DtypeOf(ctx.Out());
}

bool IsMinusZero(RewriteCtx& ctx, ValueId v) {
  const auto number = ctx.Splat(v);
  return number && *number == 0 && std::signbit(*number);
}

// x * 1, x / 1, x ^ 1; x + 0 and x - 0 where the sign of a zero comes out right.
Result<bool> Neutral(RewriteCtx& ctx) {
  const OpDef* op = ctx.node().op;
  const DType dtype = ctx.DtypeOf(ctx.In(0));
  const auto drop = [&](size_t keep, size_t constant) {
    if (!ctx.IsConstant(ctx.In(constant)) || !SameType(ctx, ctx.In(keep))) return false;
    const ValueId c = ctx.In(constant);
    if (op == &ops::kMul) return ctx.IsSplat(c, 1);
    if (op == &ops::kAdd) return IsInteger(dtype) ? ctx.IsSplat(c, 0) : IsMinusZero(ctx, c);
    if (keep != 0) return false;
    if (op == &ops::kSub) return ctx.IsSplat(c, 0) && !IsMinusZero(ctx, c);
    return ctx.IsSplat(c, 1);  // div, pow
  };
  if (drop(0, 1)) return ctx.Replace(ctx.In(0));
  if (drop(1, 0)) return ctx.Replace(ctx.In(1));
  return false;
}

// x + 0, which makes +0 of -0.
Result<bool> AddZero(RewriteCtx& ctx) {
  for (size_t i = 0; i < 2; ++i) {
    if (ctx.node().op == &ops::kSub && i == 1) continue;
    if (ctx.IsSplat(ctx.In(1 - i), 0) && SameType(ctx, ctx.In(i))) return ctx.Replace(ctx.In(i));
  }
  return false;
}

// What broadcasting (c1 op c2) against x gives is of x's rank still: small constants only grow to each other's shape.
bool Joinable(RewriteCtx& ctx, ValueId a, ValueId b) {
  const Type& x = ctx.TypeOf(a);
  const Type& y = ctx.TypeOf(b);
  if (!x.ranked() || !y.ranked() || x.dtype() != y.dtype()) return false;
  return SameShape(x, y) || ElementCount(x.shape()) == Dim(1) || ElementCount(y.shape()) == Dim(1);
}

// (x op c1) op c2 = x op (c1 op c2) for add and mul; integers exactly, floats rounded once less.
Result<bool> JoinConstants(RewriteCtx& ctx) {
  const OpDef& op = *ctx.node().op;
  const auto outer = SplitConstant(ctx, ctx.node());
  if (!outer) return false;
  const Node* def = ctx.Def(outer->value, op);
  if (def == nullptr || !ctx.SingleUse(outer->value)) return false;
  const auto inner = SplitConstant(ctx, *def);
  if (!inner || !Joinable(ctx, inner->constant, outer->constant)) return false;
  TRY(ValueId both, ctx.Emit(op, {inner->constant, outer->constant}));
  return ctx.Rebuild(op, {inner->value, both});
}

// (x / c1) * c2 and (x * c1) / c2 are one product.
Result<bool> JoinScales(RewriteCtx& ctx) {
  const Node& node = ctx.node();
  const bool divides = node.op == &ops::kDiv;
  if (!IsFloat(ctx.DtypeOf(ctx.Out()))) return false;
  const auto outer = SplitConstant(ctx, node);
  if (!outer || (divides && outer->constant != node.in[1]) || !ctx.SingleUse(outer->value)) return false;
  const Node* def = ctx.Def(outer->value, divides ? ops::kMul : ops::kDiv);
  if (def == nullptr) return false;
  const auto inner = SplitConstant(ctx, *def);
  if (!inner || (!divides && inner->constant != def->in[1]) || !Joinable(ctx, inner->constant, outer->constant)) {
    return false;
  }
  const ValueId over = divides ? inner->constant : outer->constant;
  const ValueId under = divides ? outer->constant : inner->constant;
  TRY(ValueId scale, ctx.Emit(ops::kDiv, {over, under}));
  return ctx.Rebuild(ops::kMul, {inner->value, scale});
}

// (x - c1) + c2, (x + c1) - c2, (x - c1) - c2.
Result<bool> JoinOffsets(RewriteCtx& ctx) {
  const auto offset = [&](const Node& node) -> std::optional<WithConstant> {
    const auto split = SplitConstant(ctx, node);
    if (!split || (node.op == &ops::kSub && split->constant != node.in[1])) return std::nullopt;
    return split;
  };
  const Node& node = ctx.node();
  const auto outer = offset(node);
  if (!outer || !ctx.SingleUse(outer->value)) return false;
  const Node* def = ctx.Def(outer->value);
  if (def == nullptr || (def->op != &ops::kAdd && def->op != &ops::kSub)) return false;
  if (def->op == &ops::kAdd && node.op == &ops::kAdd) return false;
  const auto inner = offset(*def);
  if (!inner || !Joinable(ctx, inner->constant, outer->constant)) return false;
  if (def->op == &ops::kSub && node.op == &ops::kSub) {
    TRY(ValueId both, ctx.Emit(ops::kAdd, {inner->constant, outer->constant}));
    return ctx.Rebuild(ops::kSub, {inner->value, both});
  }
  const bool adds = def->op == &ops::kAdd;
  TRY(ValueId both,
      ctx.Emit(ops::kSub, {adds ? inner->constant : outer->constant, adds ? outer->constant : inner->constant}));
  return ctx.Rebuild(ops::kAdd, {inner->value, both});
}

// -x + y = y - x, y + -x = y - x, y - -x = y + x.
Result<bool> AbsorbNegation(RewriteCtx& ctx) {
  const Node& node = ctx.node();
  const Node* right = ctx.Def(node.in[1], ops::kNeg);
  if (right != nullptr && ctx.SingleUse(node.in[1])) {
    return ctx.Rebuild(node.op == &ops::kAdd ? ops::kSub : ops::kAdd, {node.in[0], right->in[0]});
  }
  const Node* left = node.op == &ops::kAdd ? ctx.Def(node.in[0], ops::kNeg) : nullptr;
  if (left == nullptr || !ctx.SingleUse(node.in[0])) return false;
  return ctx.Rebuild(ops::kSub, {node.in[1], left->in[0]});
}

const OpDef* const kNeutral[] = {&ops::kAdd, &ops::kSub, &ops::kMul, &ops::kDiv, &ops::kPow};
const OpDef* const kSums[] = {&ops::kAdd, &ops::kSub};
const OpDef* const kAssociative[] = {&ops::kAdd, &ops::kMul};
const OpDef* const kScales[] = {&ops::kMul, &ops::kDiv};

const Rule kRules[] = {
    {"neutral-element", "x * 1, x / 1, x ^ 1, x - 0 and integer x + 0 are x.", Numerics::kExact, kNeutral, Neutral},
    {"absorb-negation", "A negation that is added is subtracted, and the other way round.", Numerics::kExact, kSums,
     AbsorbNegation},
    {"add-zero", "x + 0 is x, but for the sign of a zero.", Numerics::kReassociating, kSums, AddZero},
    {"join-constants", "Constants that are added, or multiplied, one after the other are one.",
     Numerics::kReassociating, kAssociative, JoinConstants},
    {"join-scales", "A product and a quotient by constants are one product.", Numerics::kReassociating, kScales,
     JoinScales},
    {"join-offsets", "A sum and a difference with constants are one sum.", Numerics::kReassociating, kSums,
     JoinOffsets},
};

}  // namespace

RuleTable ArithmeticRules() { return kRules; }

}  // namespace godwit
