// Nodes that give their operand back, or that cancel what made it.
#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

Result<bool> Identity(RewriteCtx& ctx) { return ctx.Replace(ctx.In(0)); }

Result<bool> CastToSame(RewriteCtx& ctx) {
  const DType dtype = ctx.DtypeOf(ctx.In(0));
  if (dtype == DType::kNone || dtype != ctx.attrs().Dtype("to")) return false;
  return ctx.Replace(ctx.In(0));
}

// neg, logical_not and bitwise_not undo themselves; reciprocal and the like round.
Result<bool> DoubleNegation(RewriteCtx& ctx) {
  const Node* inner = ctx.Def(ctx.In(0), *ctx.node().op);
  if (inner == nullptr) return false;
  return ctx.Replace(inner->in[0]);
}

// The magnitude of what is negated is that of what it was.
Result<bool> AbsOfNegation(RewriteCtx& ctx) {
  const Node* inner = ctx.Def(ctx.In(0), ops::kNeg);
  return inner == nullptr ? Result<bool>(false) : ctx.Rebuild(ops::kAbs, {inner->in[0]});
}

// relu, abs, ceil, floor, round, sign: doing it twice is doing it once.
Result<bool> Idempotent(RewriteCtx& ctx) {
  const Node* inner = ctx.Def(ctx.In(0), *ctx.node().op);
  if (inner == nullptr) return false;
  return ctx.Replace(ctx.In(0));
}

const OpDef* const kIdentityOps[] = {&ops::kIdentity};
const OpDef* const kCastOps[] = {&ops::kCast};
const OpDef* const kNegations[] = {&ops::kNeg, &ops::kLogicalNot, &ops::kBitwiseNot};
const OpDef* const kIdempotents[] = {&ops::kRelu, &ops::kAbs, &ops::kCeil, &ops::kFloor, &ops::kSign};

const OpDef* const kAbsOps[] = {&ops::kAbs};

const Rule kRules[] = {
    {"drop-identity", "An identity is its operand.", Numerics::kExact, kIdentityOps, Identity},
    {"drop-cast", "A cast to the type that its operand has is its operand.", Numerics::kExact, kCastOps, CastToSame},
    {"double-negation", "A negation of a negation is the operand of the inner one.", Numerics::kExact, kNegations,
     DoubleNegation},
    {"abs-of-negation", "abs(-x) is abs(x).", Numerics::kExact, kAbsOps, AbsOfNegation},
    {"idempotent", "relu, abs, ceil, floor and sign of themselves are done once.", Numerics::kExact, kIdempotents,
     Idempotent},
};

}  // namespace

RuleTable IdentityRules() { return kRules; }

}  // namespace godwit
