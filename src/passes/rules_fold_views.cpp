// Transposes between views shed dims of extent 1, which the views then place.
#include <algorithm>

#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

bool IsView(const OpDef* op) {
  return op == &ops::kReshape || op == &ops::kFlatten || op == &ops::kSqueeze || op == &ops::kUnsqueeze;
}

// The shape as a reshape states it; nullopt where more than one dim is no number, or one is zero.
std::optional<std::vector<int64_t>> Stated(const Shape& shape) {
  std::vector<int64_t> out;
  for (const Dim& d : shape) {
    if (d == Dim(0)) return std::nullopt;
    out.push_back(d.is_static() ? d.value() : -1);
  }
  if (std::count(out.begin(), out.end(), -1) > 1) return std::nullopt;
  return out;
}

Result<bool> ShedOnes(RewriteCtx& ctx) {
  if (!ctx.Ranked(ctx.In(0)) || !ctx.Ranked(ctx.Out())) return false;
  const Node* before = ctx.Def(ctx.In(0));
  if (before == nullptr || !IsView(before->op) || !ctx.SingleUse(ctx.In(0))) return false;
  const std::vector<UseSite>& uses = ctx.editor().Uses(ctx.Out());
  const bool views = std::all_of(uses.begin(), uses.end(), [&](const UseSite& use) {
    return use.node && use.index == 0 && IsView(ctx.graph().node(use.node).op);
  });
  if (!views) return false;
  const Shape& shape = ctx.ShapeOf(ctx.In(0));
  const auto perm = PermOf(ctx.node(), static_cast<int>(shape.size()));
  if (!perm) return false;
  Shape dense;
  std::vector<int64_t> place(shape.size(), -1);
  for (size_t k = 0; k < shape.size(); ++k) {
    if (shape[k] == Dim(1)) continue;
    place[k] = static_cast<int64_t>(dense.size());
    dense.push_back(shape[k]);
  }
  if (dense.size() == shape.size() || dense.empty()) return false;
  Perm rest;
  for (int64_t p : *perm) {
    if (place[static_cast<size_t>(p)] >= 0) rest.push_back(place[static_cast<size_t>(p)]);
  }
  const auto to = Stated(dense);
  const auto back = Stated(ctx.ShapeOf(ctx.Out()));
  if (!to || !back) return false;
  TRY(ValueId x, ctx.Emit(ops::kReshape, {ctx.In(0), ctx.I64s(*to)}));
  if (!IsIdentity(rest)) {
    TRY(x, ctx.Emit(ops::kTranspose, {x}, {{"perm", std::move(rest)}}));
  }
  return ctx.Rebuild(ops::kReshape, {x, ctx.I64s(*back)});
}

const OpDef* const kTransposes[] = {&ops::kTranspose};

const Rule kRules[] = {
    {"shed-ones", "A transpose between views moves no dims of extent 1.", Numerics::kExact, kTransposes, ShedOnes},
};

}  // namespace

RuleTable FoldViewsRules() { return kRules; }

}  // namespace godwit
