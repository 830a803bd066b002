// Sizes that are not known until the model runs, but known in terms of each other: what depends on them is said by
// constants where that can be, and else by the fewest nodes.
#include <algorithm>
#include <limits>

#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

// Dims that expand leaves as they are are 1 in its shape.
Result<bool> ConstantExpand(RewriteCtx& ctx) {
  if (ctx.IsConstant(ctx.In(1)) || !ctx.Ranked(ctx.In(0)) || !ctx.Ranked(ctx.Out())) return false;
  const Shape& from = ctx.ShapeOf(ctx.In(0));
  const Shape& to = ctx.ShapeOf(ctx.Out());
  std::vector<int64_t> shape;
  for (size_t k = 0; k < to.size(); ++k) {
    const size_t lead = to.size() - from.size();
    if (k >= lead && from[k - lead] == to[k]) {
      shape.push_back(1);
    } else if (to[k].is_static()) {
      shape.push_back(to[k].value());
    } else {
      return false;
    }
  }
  return ctx.Rebuild(ops::kExpand, {ctx.In(0), ctx.I64s(shape)});
}

// A position counted from the end, where it is so and so far from it.
std::optional<int64_t> Position(const Dim& position, const Dim& dim) {
  if (position.is_static()) return position.value();
  const Dim before_end = position - dim;
  if (!before_end.is_static()) return std::nullopt;
  if (before_end.value() >= 0) return std::numeric_limits<int64_t>::max();
  return before_end.value();
}

// Where a dim may be shorter than the distance from its end, clamping would differ: what is cut must be known.
Result<bool> ConstantSlice(RewriteCtx& ctx) {
  if ((ctx.IsConstant(ctx.In(1)) && ctx.IsConstant(ctx.In(2))) || !ctx.Ranked(ctx.In(0))) return false;
  const auto starts = ctx.Dims(ctx.In(1));
  const auto ends = ctx.Dims(ctx.In(2));
  if (!starts || !ends || starts->size() != ends->size()) return false;
  std::vector<int64_t> axes(starts->size());
  for (size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<int64_t>(i);
  if (ctx.Has(3)) {
    const auto named = ctx.Ints(ctx.In(3));
    if (!named || named->size() != axes.size()) return false;
    axes = *named;
  }
  if (ctx.Has(4)) {
    const auto steps = ctx.Ints(ctx.In(4));
    if (!steps || std::any_of(steps->begin(), steps->end(), [](int64_t s) { return s < 1; })) return false;
  }
  std::vector<int64_t> from;
  std::vector<int64_t> to;
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = AxisOf(axes[i], ctx.Rank(ctx.In(0)));
    if (!axis) return false;
    const Dim& dim = ctx.ShapeOf(ctx.In(0))[static_cast<size_t>(*axis)];
    const auto start = Position((*starts)[i], dim);
    const auto end = Position((*ends)[i], dim);
    if (!start || !end) return false;
    // "dim - 3" is -1 where the dim is 2, and then stands for the last element. One and two from the end agree always.
    for (const auto& [symbolic, place] : {std::pair((*starts)[i], *start), std::pair((*ends)[i], *end)}) {
      if (!symbolic.is_static() && place < -2 && !(Dim::Max(dim + Dim(place), Dim(0)) == dim + Dim(place)))
        return false;
    }
    from.push_back(*start);
    to.push_back(*end);
  }
  std::vector<ValueId> in = {ctx.In(0), ctx.I64s(from), ctx.I64s(to), ctx.I64s(axes)};
  if (ctx.Has(4)) in.push_back(ctx.In(4));
  return ctx.Rebuild(ops::kSlice, std::move(in));
}

// Sizes that are whole multiples of the operand's are scales.
Result<bool> ScalesOfSizes(RewriteCtx& ctx) {
  if (!ctx.Has(1) || ctx.IsConstant(ctx.In(1)) || ctx.attrs().Str("keep_aspect", "stretch") != "stretch") return false;
  if (ctx.attrs().Str("coordinates", "half_pixel") == "tf_crop_and_resize" || !ctx.Ranked(ctx.In(0))) return false;
  const auto sizes = ctx.Dims(ctx.In(1));
  if (!sizes) return false;
  std::vector<int64_t> axes = ctx.attrs().Ints("axes");
  if (axes.empty()) {
    for (int64_t k = 0; k < ctx.Rank(ctx.In(0)); ++k) axes.push_back(k);
  }
  if (axes.size() != sizes->size()) return false;
  std::vector<float> scales;
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = AxisOf(axes[i], ctx.Rank(ctx.In(0)));
    if (!axis) return false;
    const Dim& dim = ctx.ShapeOf(ctx.In(0))[static_cast<size_t>(*axis)];
    if (dim == Dim(0)) return false;
    const auto factor = Dim::FloorDiv((*sizes)[i], dim).known();
    if (!factor || *factor < 1 || *factor > 4096 || !(dim * Dim(*factor) == (*sizes)[i])) return false;
    scales.push_back(static_cast<float>(*factor));
  }
  const auto count = static_cast<int64_t>(scales.size());
  return ctx.Rebuild(ops::kResize, {ctx.In(0), ValueId(), ctx.Constant(Tensor::F32({count}, scales))}, ctx.attrs());
}

// Which dims of which value a shape_of gives.
struct Span {
  ValueId of;
  int64_t start = 0;
  int64_t end = 0;
};
std::optional<Span> SpanOf(const RewriteCtx& ctx, const Node* shape) {
  if (shape == nullptr || shape->op != &ops::kShapeOf || !ctx.Ranked(shape->in[0])) return std::nullopt;
  const int64_t rank = ctx.Rank(shape->in[0]);
  const auto place = [rank](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank); };
  const int64_t start = place(shape->attrs.Int("start", 0));
  return Span{shape->in[0], start, std::max(start, place(shape->attrs.Int("end", rank)))};
}

Attrs SpanAttrs(const Span& span) { return {{"start", span.start}, {"end", span.end}}; }

// One dim, picked and made a list again.
Result<bool> PickedDim(RewriteCtx& ctx) {
  if (!ctx.Ranked(ctx.Out()) || ctx.Rank(ctx.Out()) != 1) return false;
  const Node* pick = ctx.Def(ctx.In(0), ops::kGather);
  if (pick == nullptr || ctx.Rank(ctx.In(0)) != 0) return false;
  const auto span = SpanOf(ctx, ctx.Def(pick->in[0]));
  const auto index = ctx.Ints(pick->in[1]);
  if (!span || !index || index->size() != 1) return false;
  const auto place = AxisOf((*index)[0], static_cast<int>(span->end - span->start));
  if (!place) return false;
  const Span one{span->of, span->start + *place, span->start + *place + 1};
  return ctx.Rebuild(ops::kShapeOf, {one.of}, SpanAttrs(one));
}

Result<bool> SlicedShape(RewriteCtx& ctx) {
  const auto span = SpanOf(ctx, ctx.Def(ctx.In(0)));
  const auto start = ctx.Ints(ctx.In(1));
  const auto end = ctx.Ints(ctx.In(2));
  if (!span || !start || !end || start->size() != 1 || end->size() != 1) return false;
  if (ctx.Has(4) && ctx.Ints(ctx.In(4)) != std::vector<int64_t>{1}) return false;
  const int64_t count = span->end - span->start;
  const auto place = [count](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + count : v, 0, count); };
  const int64_t from = place((*start)[0]);
  const Span part{span->of, span->start + from, span->start + std::max(from, place((*end)[0]))};
  return ctx.Rebuild(ops::kShapeOf, {part.of}, SpanAttrs(part));
}

// Dims of one value that follow one another in a list are taken together.
Result<bool> AdjacentDims(RewriteCtx& ctx) {
  if (!ctx.Ranked(ctx.Out()) || ctx.Rank(ctx.Out()) != 1) return false;
  const std::vector<ValueId> parts = ctx.node().in;
  std::vector<ValueId> joined;
  std::optional<Span> open;
  bool found = false;
  for (ValueId v : parts) {
    const auto span = SpanOf(ctx, ctx.Def(v));
    if (open && span && open->of == span->of && open->end == span->start && span->end > span->start) {
      open->end = span->end;
      TRY(joined.back(), ctx.Emit(ops::kShapeOf, {open->of}, SpanAttrs(*open)));
      found = true;
      continue;
    }
    open = span;
    joined.push_back(v);
  }
  if (!found) return false;
  if (joined.size() == 1) return ctx.Replace(joined[0]);
  return ctx.Rebuild(ops::kConcat, std::move(joined), ctx.attrs());
}

const OpDef* const kExpands[] = {&ops::kExpand};
const OpDef* const kSlices[] = {&ops::kSlice};
const OpDef* const kResizes[] = {&ops::kResize};
const OpDef* const kListing[] = {&ops::kUnsqueeze, &ops::kReshape};
const OpDef* const kConcats[] = {&ops::kConcat};
const Rule kRules[] = {
    {"constant-expand", "An expand of which each dim is kept or known gets a constant shape.", Numerics::kExact,
     kExpands, ConstantExpand},
    {"constant-slice", "Positions that are known from the end are constants.", Numerics::kExact, kSlices,
     ConstantSlice},
    {"scales-of-sizes", "A resize to whole multiples of sizes that are not known gets constant scales.",
     Numerics::kExact, kResizes, ScalesOfSizes},
    {"picked-dim", "A dim that is picked from a shape and made a list is a part of the shape.", Numerics::kExact,
     kListing, PickedDim},
    {"sliced-shape", "A slice of a shape is a part of the shape.", Numerics::kExact, kSlices, SlicedShape},
    {"adjacent-dims", "Parts of one shape that follow one another are one part.", Numerics::kExact, kConcats,
     AdjacentDims},
};

}  // namespace

RuleTable DynamicRules() { return kRules; }

}  // namespace godwit
