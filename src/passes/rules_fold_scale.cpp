// Batch normalisation and arithmetic with constants, channel by channel, into the weights around them.
#include "ops/ops.h"
#include "passes/move_scale.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

Result<bool> Put(RewriteCtx& ctx, ScaleMover& mover, ValueId x) {
  if (!Meet(ctx.TypeOf(ctx.Out()), ctx.TypeOf(x))) return false;
  TRY(ValueId now, mover.Apply(x));
  return ctx.Replace(now);
}

// 1 + erf(k x), with its own factor k still there.
bool IsErfSum(const RewriteCtx& ctx, ValueId v) {
  const Node* add = ctx.Def(v, ops::kAdd);
  if (add == nullptr) return false;
  for (ValueId side : add->in) {
    const Node* erf = ctx.Def(side, ops::kErf);
    if (erf == nullptr) continue;
    const Node* factor = ctx.Def(erf->in[0]);
    return factor != nullptr && (factor->op == &ops::kMul || factor->op == &ops::kDiv) && SplitConstant(ctx, *factor);
  }
  return false;
}

// Factors of a GELU that is written out are for the rule that knows it, or for a runtime that does.
bool IsGeluFactor(const RewriteCtx& ctx) {
  const Node& node = ctx.node();
  if (node.op != &ops::kMul && node.op != &ops::kDiv) return false;
  if (const Node* user = ctx.OnlyUser(ctx.Out())) {
    if (user->op == &ops::kErf) return true;
    if (user->op == &ops::kMul && (IsErfSum(ctx, user->in[0]) || IsErfSum(ctx, user->in[1]))) return true;
  }
  for (ValueId side : node.in) {
    if (IsErfSum(ctx, side)) return true;
    const Node* product = ctx.Def(side, ops::kMul);
    if (product != nullptr && (IsErfSum(ctx, product->in[0]) || IsErfSum(ctx, product->in[1]))) return true;
  }
  return false;
}

Result<bool> IntoProducer(RewriteCtx& ctx) {
  if (IsGeluFactor(ctx)) return false;
  const auto map = AsChannelMap(ctx, ctx.node());
  if (!map || ctx.IsConstant(map->x)) return false;
  ScaleMover mover(ctx);
  if (!mover.Up(map->x, map->channels)) return false;
  return Put(ctx, mover, map->x);
}

Result<bool> IntoConsumers(RewriteCtx& ctx) {
  if (IsGeluFactor(ctx)) return false;
  const auto map = AsChannelMap(ctx, ctx.node());
  if (!map || ctx.IsConstant(map->x)) return false;
  ScaleMover mover(ctx);
  if (!mover.Down(ctx.Out(), map->channels, map->x)) return false;
  return Put(ctx, mover, map->x);
}

// pool(s * x + t) - (s * x + t) is s * (pool(x) - x), since the mean of t is t.
Result<bool> OutOfPoolDifference(RewriteCtx& ctx) {
  const Node* pool = ctx.Def(ctx.In(0), ops::kAvgPool);
  const Node* affine = ctx.Def(ctx.In(1));
  if (pool == nullptr || affine == nullptr || pool->in[0] != ctx.In(1)) return false;
  if (!ctx.SingleUse(ctx.In(0)) || ctx.UseCount(ctx.In(1)) != 2) return false;
  const auto map = AsChannelMap(ctx, *affine);
  if (!map || !SameShape(ctx.TypeOf(ctx.In(0)), ctx.TypeOf(ctx.In(1)))) return false;
  if (map->channels.Shifts() && pool->attrs.Flag("count_pads")) return false;
  TRY(ValueId mean, ctx.Emit(ops::kAvgPool, {map->x}, pool->attrs));
  if (!map->channels.Scales()) return ctx.Rebuild(ops::kSub, {mean, map->x});
  TRY(ValueId difference, ctx.Emit(ops::kSub, {mean, map->x}));
  const Channels& channels = map->channels;
  const ValueId scale = ChannelConstant(ctx, ctx.DtypeOf(map->x), channels.scale, channels.axis, ctx.Rank(map->x));
  return ctx.Rebuild(ops::kMul, {difference, scale});
}

// The number that a value is multiplied with, where it is one for all elements.
struct Factor {
  ValueId x;
  double number = 1;
};
std::optional<Factor> UniformFactor(RewriteCtx& ctx, ValueId v) {
  const Node* def = ctx.Def(v);
  if (def == nullptr || (def->op != &ops::kMul && def->op != &ops::kDiv) || !ctx.SingleUse(v)) return std::nullopt;
  const auto map = AsChannelMap(ctx, *def);
  if (!map || !map->channels.uniform()) return std::nullopt;
  return Factor{map->x, map->channels.Scale(0)};
}

// Queries and keys are often scaled by a square root each: one of the two takes both.
Result<bool> JoinFactors(RewriteCtx& ctx) {
  if (ctx.n_in() != 2 || !IsFloat(ctx.DtypeOf(ctx.Out()))) return false;
  const auto a = UniformFactor(ctx, ctx.In(0));
  if (!a) return false;
  ValueId inner = ctx.In(1);
  const Node* turn = ctx.Def(inner, ops::kTranspose);
  if (turn != nullptr && !ctx.SingleUse(inner)) return false;
  if (turn != nullptr) inner = turn->in[0];
  const auto b = UniformFactor(ctx, inner);
  if (!b || a->x == inner) return false;
  ValueId right = b->x;
  if (turn != nullptr) {
    TRY(right, ctx.Emit(ops::kTranspose, {right}, turn->attrs));
  }
  TRY(ValueId left, ctx.Emit(ops::kMul, {a->x, ctx.Scalar(ctx.DtypeOf(a->x), a->number * b->number)}));
  return ctx.Rebuild(ops::kMatMul, {left, right}, ctx.attrs());
}

const OpDef* const kMaps[] = {&ops::kBatchNorm, &ops::kAdd, &ops::kSub, &ops::kMul, &ops::kDiv, &ops::kNeg};
const OpDef* const kSubs[] = {&ops::kSub};
const OpDef* const kMatMuls[] = {&ops::kMatMul};

const Rule kRules[] = {
    {"fold-scale-up",
     "Batch normalisation, and constants added to or multiplied with channels, go into the weights, norms or "
     "constants that make the operand.",
     Numerics::kReassociating, kMaps, IntoProducer},
    {"fold-scale-down", "The same go into the weights of all that reads the result.", Numerics::kReassociating, kMaps,
     IntoConsumers},
    {"fold-pool-difference", "A scale before x -> mean(x) - x goes behind it, a shift goes away.",
     Numerics::kReassociating, kSubs, OutOfPoolDifference},
    {"join-factors", "Numbers that both operands of a product are multiplied with become one.",
     Numerics::kReassociating, kMatMuls, JoinFactors},
};

}  // namespace

RuleTable FoldScaleRules() { return kRules; }

}  // namespace godwit
