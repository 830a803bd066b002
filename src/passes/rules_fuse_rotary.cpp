// Rotary embedding as transformers write it: x * cos + concat(-x2, x1) * sin, where x1 and x2 are the halves of x, and
// those of cos and sin are alike. The operator takes one half of either, and tables with positions where there are any.
#include <cstring>

#include "ops/ops.h"
#include "passes/part_read.h"
#include "passes/rule_tables.h"
#include "passes/rules_fuse_cone.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

using fuse::Cone;

/// What lies between the model's tables and the product.
constexpr int kMostSteps = 12;
/// Tables that are looked into.
constexpr uint64_t kMostBytes = uint64_t{1} << 24;

/// Whether both halves of each row of a constant are the same.
bool HalvesAgree(RewriteCtx& ctx, ValueId v) {
  const Graph& graph = ctx.graph();
  const Constant& constant = graph.constant(graph.value(v).constant);
  if (constant.stored_bytes() > kMostBytes) return false;
  const auto tensor = constant.Load();
  if (!tensor.ok() || tensor->rank() < 1 || !IsFloat(tensor->dtype())) return false;
  const auto half = static_cast<size_t>(tensor->dim(-1) / 2) * ByteSize(tensor->dtype());
  for (size_t at = 0; half > 0 && at < tensor->bytes(); at += 2 * half) {
    if (std::memcmp(tensor->raw() + at, tensor->raw() + at + half, half) != 0) return false;
  }
  return true;
}

/// The first half of the last axis, the other being the same; not even asked for the whole. Invalid where that cannot
/// be seen.
Result<ValueId> Half(RewriteCtx& ctx, ValueId v, int steps) {
  const ValueId none;
  if (!v || steps > kMostSteps || !ctx.Ranked(v) || ctx.Rank(v) < 1) return none;
  const auto width = ctx.ShapeOf(v).back().known();
  if (!width || *width < 2 || *width % 2 != 0) return none;
  const int64_t last = ctx.Rank(v) - 1;
  if (ctx.IsConstant(v)) {
    if (!HalvesAgree(ctx, v)) return none;
    return ctx.Emit(ops::kSlice, {v, ctx.I64s({0}), ctx.I64s({*width / 2}), ctx.I64s({last})});
  }
  const Node* def = ctx.Def(v);
  if (def == nullptr) return none;
  const Attrs attrs = def->attrs;
  std::vector<ValueId> in = def->in;
  if (def->op == &ops::kConcat) {
    const bool twice = in.size() == 2 && in[0] == in[1] && AxisOf(attrs.Int("axis"), ctx.Rank(v)) == last;
    return twice ? in[0] : none;
  }
  const bool each = def->op == &ops::kCos || def->op == &ops::kSin || def->op == &ops::kCast || def->op == &ops::kNeg;
  bool along = each;
  size_t source = 0;
  if (def->op == &ops::kUnsqueeze) {
    const auto axes = ctx.Ints(in[1]);
    along = axes && axes->size() == 1 && AxisOf((*axes)[0], ctx.Rank(v)) != last;
  } else if (def->op == &ops::kGather) {
    along = ctx.Ranked(in[0]) && AxisOf(attrs.Int("axis"), ctx.Rank(in[0])) != ctx.Rank(in[0]) - 1;
  } else if (def->op == &ops::kSlice) {
    const auto axes = in.size() > 3 && in[3] ? ctx.Ints(in[3]) : std::nullopt;
    along = axes && axes->size() == 1 && AxisOf((*axes)[0], ctx.Rank(v)) != last;
  } else if (def->op == &ops::kMul) {
    for (size_t i = 0; i < 2; ++i) {
      if (!ctx.Splat(in[i]) || ctx.TypeOf(in[i]).rank() != 0) continue;
      source = 1 - i;
      along = true;
    }
  }
  if (!along) return none;
  const OpDef& op = *def->op;
  TRY(in[source], Half(ctx, in[source], steps + 1));
  return in[source] ? ctx.Emit(op, std::move(in), attrs) : Result<ValueId>(none);
}

struct Turned {
  ValueId x, cos, sin;
};

/// The pattern, all of which goes.
std::optional<Turned> Read(RewriteCtx& ctx, size_t plain_at) {
  Cone cone(ctx);
  const Node* plain = cone.Take(ctx.In(plain_at), ops::kMul);
  const Node* turned = cone.Take(ctx.In(1 - plain_at), ops::kMul);
  if (plain == nullptr || turned == nullptr || plain == turned) return std::nullopt;
  const size_t at = ctx.Def(turned->in[0], ops::kConcat) != nullptr ? 0 : 1;
  const Node* concat = cone.Take(turned->in[at], ops::kConcat);
  if (concat == nullptr || concat->in.size() != 2) return std::nullopt;
  const Node* neg = cone.Take(concat->in[0], ops::kNeg);
  if (neg == nullptr) return std::nullopt;
  const Node* of_second = cone.Take(neg->in[0]);
  const Node* of_first = cone.Take(concat->in[1]);
  if (of_second == nullptr || of_first == nullptr || !cone.Closed()) return std::nullopt;
  const auto second = AsPartRead(ctx, *of_second, neg->in[0]), first = AsPartRead(ctx, *of_first, concat->in[1]);
  if (!second || !first || first->source != second->source) return std::nullopt;
  const ValueId x = first->source;
  if (ctx.Rank(x) != 4 || AxisOf(concat->attrs.Int("axis"), 4) != 3 ||
      !SameShape(ctx.TypeOf(x), ctx.TypeOf(ctx.Out()))) {
    return std::nullopt;
  }
  const auto is_half = [](const PartRead& part, int64_t from) {
    return part.axis == 3 && !part.drops_axis && part.first == from && 2 * part.count == part.extent;
  };
  if (!is_half(*first, 0) || !is_half(*second, first->extent / 2)) return std::nullopt;
  if (plain->in[0] != x && plain->in[1] != x) return std::nullopt;
  return Turned{x, plain->in[plain->in[0] == x ? 1 : 0], turned->in[1 - at]};
}

/// A half table as the operator wants it: [batch, rows, half].
Result<ValueId> Table(RewriteCtx& ctx, ValueId v, const Shape& x) {
  const ValueId none;
  if (!ctx.Ranked(v) || !(ctx.ShapeOf(v).back() == x[3])) return none;
  const Shape shape = ctx.ShapeOf(v);
  const size_t rank = shape.size();
  if (rank < 2 || rank > 4 || !(shape[rank - 2] == x[2])) return none;
  if ((rank == 4 && !(shape[1] == Dim(1))) || (rank == 3 && !(shape[0] == Dim(1)))) return none;
  const Dim batch = rank == 4 ? shape[0] : Dim(1);
  const bool spread = !(batch == x[0]);
  if (spread && !(batch == Dim(1) && x[0].is_static())) return none;
  TRY(ValueId half, Half(ctx, v, 0));
  if (!half) return none;
  if (rank == 4) {
    TRY(half, ctx.Emit(ops::kSqueeze, {half, ctx.I64s({1})}));
  } else if (rank == 2) {
    TRY(half, ctx.Emit(ops::kUnsqueeze, {half, ctx.I64s({0})}));
  }
  if (!spread) return half;
  return ctx.Emit(ops::kExpand, {half, ctx.I64s({x[0].value(), 1, 1})});
}

Result<bool> Rotary(RewriteCtx& ctx) {
  for (size_t i = 0; i < 2; ++i) {
    const auto turned = Read(ctx, i);
    if (!turned || !IsFloat(ctx.DtypeOf(turned->x))) continue;
    const Shape shape = ctx.ShapeOf(turned->x);
    TRY(const ValueId cos, Table(ctx, turned->cos, shape));
    TRY(const ValueId sin, cos ? Table(ctx, turned->sin, shape) : Result<ValueId>(ValueId()));
    if (sin) return ctx.Rebuild(ops::kRotaryEmbedding, {turned->x, cos, sin});
    ctx.Undo();
  }
  return false;
}

/// Rows of a table by the positions of a batch, the same for all heads.
const Node* ByPosition(RewriteCtx& ctx, ValueId v, const Shape& x) {
  const Node* unsqueeze = ctx.Def(v, ops::kUnsqueeze);
  const auto axes = unsqueeze == nullptr ? std::nullopt : ctx.Ints(unsqueeze->in[1]);
  if (!axes || *axes != std::vector<int64_t>{1} || !ctx.Ranked(v) || ctx.Rank(v) != 4) return nullptr;
  const Node* gather = ctx.Def(unsqueeze->in[0], ops::kGather);
  if (gather == nullptr || !ctx.Ranked(gather->in[0]) || ctx.Rank(gather->in[0]) != 2) return nullptr;
  if (AxisOf(gather->attrs.Int("axis"), 2) != 0 || !ctx.Ranked(gather->in[1]) || ctx.Rank(gather->in[1]) != 2) {
    return nullptr;
  }
  const Shape& ids = ctx.ShapeOf(gather->in[1]);
  return ids[0] == x[0] && ids[1] == x[2] && ctx.ShapeOf(v).back() == x[3] ? gather : nullptr;
}

Result<bool> RotaryByPosition(RewriteCtx& ctx) {
  for (size_t i = 0; i < 2; ++i) {
    const auto turned = Read(ctx, i);
    if (!turned || !IsFloat(ctx.DtypeOf(turned->x))) continue;
    const Shape shape = ctx.ShapeOf(turned->x);
    const Node* of_cos = ByPosition(ctx, turned->cos, shape);
    const Node* of_sin = ByPosition(ctx, turned->sin, shape);
    if (of_cos == nullptr || of_sin == nullptr || of_cos->in[1] != of_sin->in[1]) continue;
    const ValueId positions = of_cos->in[1], cosines = of_cos->in[0], sines = of_sin->in[0];
    TRY(const ValueId cos, Half(ctx, cosines, 0));
    TRY(const ValueId sin, cos ? Half(ctx, sines, 0) : Result<ValueId>(ValueId()));
    if (sin) return ctx.Rebuild(ops::kRotaryEmbedding, {turned->x, cos, sin, positions});
    ctx.Undo();
  }
  return false;
}

const OpDef* const kAdd[] = {&ops::kAdd};

const Rule kRules[] = {
    {"fuse-rotary-positions", "x * cos + concat(-x2, x1) * sin with tables by position is rotary_embedding.",
     Numerics::kReassociating, kAdd, RotaryByPosition},
    {"fuse-rotary", "x * cos + concat(-x2, x1) * sin is rotary_embedding.", Numerics::kReassociating, kAdd, Rotary},
};

}  // namespace

RuleTable FuseRotaryRules() { return kRules; }

}  // namespace godwit
