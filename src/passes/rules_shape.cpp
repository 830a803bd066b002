// Views of the same elements: chains of reshapes, squeezes and flattens become one, shapes that are computed at run
// time become constants wherever one unknown dim at most has to be found, and what changes nothing goes.
#include <algorithm>

#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

// The same elements in the same order: also a transpose that moves dims of 1 alone.
bool IsView(const RewriteCtx& ctx, const Node* node) {
  static const OpDef* const kOps[] = {&ops::kReshape, &ops::kSqueeze, &ops::kUnsqueeze, &ops::kFlatten};
  if (node == nullptr) return false;
  if (node->op == &ops::kTranspose && ctx.Ranked(node->in[0])) {
    const auto perm = PermOf(*node, ctx.Rank(node->in[0]));
    return perm && MovesNothing(*perm, ctx.ShapeOf(node->in[0]));
  }
  return std::find(std::begin(kOps), std::end(kOps), node->op) != std::end(kOps);
}

Result<bool> DropNoOp(RewriteCtx& ctx) {
  if (!SameShape(ctx.TypeOf(ctx.In(0)), ctx.TypeOf(ctx.Out()))) return false;
  return ctx.Replace(ctx.In(0));
}

// A constant for reshape from one shape to another: dims as they are, 0 where the operand's dim is copied, -1 at most
// once. nullopt where more would have to be found at run time.
std::optional<std::vector<int64_t>> ConstantTarget(const Shape& from, const Shape& to) {
  std::vector<int64_t> target;
  bool hole = false;
  for (size_t i = 0; i < to.size(); ++i) {
    if (to[i].is_static()) {
      if (to[i].value() == 0) return std::nullopt;  // 0 would copy
      target.push_back(to[i].value());
    } else if (i < from.size() && from[i] == to[i]) {
      target.push_back(0);
    } else if (!hole) {
      hole = true;
      target.push_back(-1);
    } else {
      return std::nullopt;
    }
  }
  return target;
}

// One unknown dim alone is always written as -1: then the constant says all that there is to know.
std::optional<std::vector<int64_t>> TargetOf(const Type& from, const Type& to) {
  if (!from.ranked() || !to.ranked()) return std::nullopt;
  auto target = ConstantTarget(from.shape(), to.shape());
  if (!target) return std::nullopt;
  const bool hole = std::find(target->begin(), target->end(), -1) != target->end();
  const auto copies = std::count(target->begin(), target->end(), 0);
  const bool empty = std::any_of(to.shape().begin(), to.shape().end(), [](const Dim& d) { return d == Dim(0); });
  if (!hole && copies == 1 && !empty) *std::find(target->begin(), target->end(), 0) = -1;
  return target;
}

// Where the sizes of the result are known, shape arithmetic in front of a reshape is for nothing.
Result<bool> ConstantShape(RewriteCtx& ctx) {
  const auto target = TargetOf(ctx.TypeOf(ctx.In(0)), ctx.TypeOf(ctx.Out()));
  if (!target) return false;
  const Tensor* have = ctx.Small(ctx.In(1));
  if (have != nullptr && (!ctx.attrs().Flag("allow_zero") || ctx.Ints(ctx.In(1)) == target)) return false;
  return ctx.Rebuild(ops::kReshape, {ctx.In(0), ctx.I64s(*target)});
}

// The elements stay in order through any chain of views, so the last one can start from the first operand.
Result<bool> MergeViews(RewriteCtx& ctx) {
  const Node* inner = ctx.Def(ctx.In(0));
  if (!IsView(ctx, inner) || !IsView(ctx, &ctx.node())) return false;
  const ValueId source = inner->in[0];
  const Type& from = ctx.TypeOf(source);
  const Type& to = ctx.TypeOf(ctx.Out());
  if (SameShape(from, to)) return ctx.Replace(source);
  if (const auto target = TargetOf(from, to)) return ctx.Rebuild(ops::kReshape, {source, ctx.I64s(*target)});
  // The shape itself, where it does not speak of the inner result's dims.
  if (ctx.node().op == &ops::kReshape) {
    const auto dims = ctx.Dims(ctx.In(1));
    const bool copies =
        !ctx.attrs().Flag("allow_zero") && (!dims || std::find(dims->begin(), dims->end(), Dim(0)) != dims->end());
    if (!copies) return ctx.Rebuild(ops::kReshape, {source, ctx.In(1)}, ctx.attrs());
  }
  return false;
}

// unsqueeze after unsqueeze, squeeze after squeeze: one with all the axes, whatever the dims.
Result<bool> MergeUnsqueezes(RewriteCtx& ctx) {
  const Node* inner = ctx.Def(ctx.In(0), ops::kUnsqueeze);
  if (inner == nullptr || !ctx.Ranked(ctx.Out())) return false;
  const auto first = AxesOf(ctx, inner->in[1], ctx.Rank(ctx.In(0)));
  const auto second = AxesOf(ctx, ctx.In(1), ctx.Rank(ctx.Out()));
  if (!first || !second) return false;
  std::vector<int64_t> axes;
  int64_t place = 0;  // among the dims of the inner result
  for (int64_t k = 0; k < ctx.Rank(ctx.Out()); ++k) {
    if (std::binary_search(second->begin(), second->end(), k)) {
      axes.push_back(k);
    } else if (std::binary_search(first->begin(), first->end(), place++)) {
      axes.push_back(k);
    }
  }
  return ctx.Rebuild(ops::kUnsqueeze, {inner->in[0], ctx.I64s(axes)});
}

Result<bool> MergeSqueezes(RewriteCtx& ctx) {
  const Node* inner = ctx.Def(ctx.In(0), ops::kSqueeze);
  if (inner == nullptr || !ctx.Has(1) || inner->in.size() < 2 || !inner->in[1]) return false;
  if (!ctx.Ranked(inner->in[0]) || !ctx.Ranked(ctx.In(0))) return false;
  const int rank = ctx.Rank(inner->in[0]);
  const auto first = AxesOf(ctx, inner->in[1], rank);
  const auto second = AxesOf(ctx, ctx.In(1), ctx.Rank(ctx.In(0)));
  if (!first || !second) return false;
  std::vector<int64_t> axes;
  int64_t place = 0;
  for (int64_t k = 0; k < rank; ++k) {
    if (std::binary_search(first->begin(), first->end(), k) ||
        std::binary_search(second->begin(), second->end(), place++)) {
      axes.push_back(k);
    }
  }
  return ctx.Rebuild(ops::kSqueeze, {inner->in[0], ctx.I64s(axes)});
}

// Operators that broadcast their operands need no expand before them that their other operand asks for anyway.
Result<bool> ImplicitExpand(RewriteCtx& ctx) {
  const Node& node = ctx.node();
  for (size_t i = 0; i < node.in.size(); ++i) {
    const Node* expand = ctx.Def(node.in[i], ops::kExpand);
    if (expand == nullptr || !ctx.Ranked(ctx.Out())) continue;
    std::vector<ValueId> in = node.in;
    in[i] = expand->in[0];
    // The result's shape without it: the broadcast of what is left.
    const Shape& want = ctx.ShapeOf(ctx.Out());
    std::vector<bool> covered(want.size());
    for (ValueId v : in) {
      if (!ctx.Ranked(v)) return false;
      const Shape& shape = ctx.ShapeOf(v);
      for (size_t k = 0; k < shape.size(); ++k) {
        const size_t at = want.size() - shape.size() + k;
        if (shape[k] == want[at]) covered[at] = true;
      }
    }
    if (std::find(covered.begin(), covered.end(), false) != covered.end()) continue;
    return ctx.Rebuild(*node.op, std::move(in), ctx.attrs());
  }
  return false;
}

const OpDef* const kShaping[] = {&ops::kReshape, &ops::kSqueeze, &ops::kUnsqueeze, &ops::kFlatten, &ops::kExpand};
const OpDef* const kViews[] = {&ops::kReshape, &ops::kSqueeze, &ops::kUnsqueeze, &ops::kFlatten, &ops::kTranspose};
const OpDef* const kReshapes[] = {&ops::kReshape};
const OpDef* const kUnsqueezes[] = {&ops::kUnsqueeze};
const OpDef* const kSqueezes[] = {&ops::kSqueeze};
const OpDef* const kBroadcasting[] = {&ops::kAdd,        &ops::kSub,       &ops::kMul,       &ops::kDiv,
                                      &ops::kPow,        &ops::kMod,       &ops::kMax,       &ops::kMin,
                                      &ops::kEqual,      &ops::kLess,      &ops::kWhere,     &ops::kLessEqual,
                                      &ops::kLogicalAnd, &ops::kLogicalOr, &ops::kLogicalXor};

const Rule kRules[] = {
    {"drop-reshape", "A reshape, squeeze, flatten or expand to the operand's own shape is its operand.",
     Numerics::kExact, kShaping, DropNoOp},
    {"merge-unsqueezes", "Unsqueezes that follow one another are one.", Numerics::kExact, kUnsqueezes, MergeUnsqueezes},
    {"merge-squeezes", "Squeezes that follow one another are one.", Numerics::kExact, kSqueezes, MergeSqueezes},
    {"merge-views", "Reshapes, squeezes and flattens that follow one another are one reshape, or none.",
     Numerics::kExact, kViews, MergeViews},
    {"constant-shape", "A reshape whose result has one unknown dim at most gets a constant shape.", Numerics::kExact,
     kReshapes, ConstantShape},
    {"implicit-expand", "An expand that broadcasting does anyway is left out.", Numerics::kExact, kBroadcasting,
     ImplicitExpand},
};

}  // namespace

RuleTable ShapeRules() { return kRules; }

}  // namespace godwit
