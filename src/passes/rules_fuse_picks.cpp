// What was taken apart along an axis, one place each, and is joined again in the order of the places: a slice of it, or
// all of it, perhaps with the axis elsewhere.
#include <algorithm>
#include <limits>

#include "ops/ops.h"
#include "passes/part_read.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

Shape Without(Shape shape, int64_t axis) {
  shape.erase(shape.begin() + axis);
  return shape;
}

bool IsView(const OpDef* op) { return op == &ops::kUnsqueeze || op == &ops::kSqueeze || op == &ops::kReshape; }

/// One place of a tensor, under views that only drop and add its axis: the part of a concat along `axis`.
std::optional<PartRead> PickOf(RewriteCtx& ctx, ValueId v, int64_t axis) {
  if (!ctx.Ranked(v) || !(ctx.ShapeOf(v)[static_cast<size_t>(axis)] == Dim(1))) return std::nullopt;
  const Shape rest = Without(ctx.ShapeOf(v), axis);
  for (int depth = 0; depth < 4; ++depth) {
    const Node* def = ctx.Def(v);
    if (def == nullptr) return std::nullopt;
    if (!IsView(def->op)) {
      const auto part = AsPartRead(ctx, *def, v);
      if (!part || part->count != 1) return std::nullopt;
      const Shape& shape = ctx.ShapeOf(part->source);
      return Without(shape, part->axis) == rest ? part : std::nullopt;
    }
    v = def->in[0];
    if (!ctx.Ranked(v)) return std::nullopt;
    // The same elements in the same order under dims of which only ones differ.
    Shape a = ctx.ShapeOf(v), b = rest;
    std::erase(a, Dim(1));
    std::erase(b, Dim(1));
    if (a != b) return std::nullopt;
  }
  return std::nullopt;
}

Result<bool> JoinPicks(RewriteCtx& ctx) {
  if (ctx.n_in() < 2 || !ctx.Ranked(ctx.Out())) return false;
  const int rank = ctx.Rank(ctx.Out());
  const auto axis = AxisOf(ctx.attrs().Int("axis"), rank);
  if (!axis) return false;
  std::optional<PartRead> first;
  int64_t stride = 0;
  for (size_t k = 0; k < ctx.n_in(); ++k) {
    const auto pick = PickOf(ctx, ctx.In(k), *axis);
    if (!pick || ctx.Rank(pick->source) != rank || ctx.IsConstant(pick->source)) return false;
    if (!first) {
      first = pick;
      continue;
    }
    if (pick->source != first->source || pick->axis != first->axis) return false;
    if (k == 1) stride = pick->first - first->first;
    if ((stride != 1 && stride != -1) || pick->first != first->first + static_cast<int64_t>(k) * stride) return false;
  }
  ValueId y = first->source;
  const auto count = static_cast<int64_t>(ctx.n_in());
  if (stride < 0) {
    const int64_t end = first->first - count;
    TRY(y, ctx.Emit(ops::kSlice,
                    {y, ctx.I64s({first->first}), ctx.I64s({end < 0 ? std::numeric_limits<int64_t>::min() : end}),
                     ctx.I64s({first->axis}), ctx.I64s({-1})}));
  } else if (count != first->extent) {
    TRY(y, ctx.Emit(ops::kSlice,
                    {y, ctx.I64s({first->first}), ctx.I64s({first->first + count}), ctx.I64s({first->axis})}));
  }
  if (*axis != first->axis) {
    Perm perm;
    for (int64_t k = 0; k < rank; ++k) {
      if (k != first->axis) perm.push_back(k);
    }
    perm.insert(perm.begin() + *axis, first->axis);
    TRY(y, ctx.Emit(ops::kTranspose, {y}, {{"perm", perm}}));
  }
  return ctx.Replace(y);
}

const OpDef* const kConcats[] = {&ops::kConcat};

const Rule kRules[] = {
    {"fuse-picks", "Places of one axis that are taken one by one and joined in their order are a slice.",
     Numerics::kExact, kConcats, JoinPicks},
};

}  // namespace

RuleTable FusePicksRules() { return kRules; }

}  // namespace godwit
