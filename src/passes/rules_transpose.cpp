// Transposes that follow one another, that move nothing, or that move dims of extent 1 alone.
#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

Result<bool> ComposeTransposes(RewriteCtx& ctx) {
  if (!ctx.Ranked(ctx.In(0))) return false;
  const Node* inner = ctx.Def(ctx.In(0), ops::kTranspose);
  if (inner == nullptr) return false;
  const int rank = ctx.Rank(ctx.In(0));
  const auto first = PermOf(*inner, rank);
  const auto second = PermOf(ctx.node(), rank);
  if (!first || !second) return false;
  Perm both = Compose(*first, *second);
  if (IsIdentity(both)) return ctx.Replace(inner->in[0]);
  return ctx.Rebuild(ops::kTranspose, {inner->in[0]}, {{"perm", std::move(both)}});
}

Result<bool> DropIdentity(RewriteCtx& ctx) {
  if (!ctx.Ranked(ctx.In(0))) return false;
  const auto perm = PermOf(ctx.node(), ctx.Rank(ctx.In(0)));
  if (!perm || !IsIdentity(*perm)) return false;
  return ctx.Replace(ctx.In(0));
}

const OpDef* const kTransposes[] = {&ops::kTranspose};

const Rule kRules[] = {
    {"drop-transpose", "A transpose that leaves all dims in place is its operand.", Numerics::kExact, kTransposes,
     DropIdentity},
    {"compose-transposes", "Two transposes are one, or none.", Numerics::kExact, kTransposes, ComposeTransposes},
};

}  // namespace

RuleTable TransposeRules() { return kRules; }

}  // namespace godwit
