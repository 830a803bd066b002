// Slices, splits and concats: those that take or join everything, that follow one another, or that undo each other.
#include <algorithm>
#include <limits>

#include "ir/convert.h"
#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "passes/vector_nodes.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

// A slice whose positions are constants, with one entry for each axis it cuts.
struct Cuts {
  std::vector<int64_t> starts, ends, axes, steps;
};

std::optional<Cuts> CutsOf(RewriteCtx& ctx, const Node& slice) {
  const auto operand = [&](size_t i) { return i < slice.in.size() ? slice.in[i] : ValueId(); };
  if (!ctx.Ranked(slice.in[0])) return std::nullopt;
  Cuts cuts;
  const auto starts = ctx.Ints(operand(1));
  const auto ends = ctx.Ints(operand(2));
  if (!starts || !ends || starts->size() != ends->size()) return std::nullopt;
  cuts.starts = *starts;
  cuts.ends = *ends;
  cuts.steps.assign(starts->size(), 1);
  for (size_t i = 0; i < starts->size(); ++i) cuts.axes.push_back(static_cast<int64_t>(i));
  if (operand(4)) {
    const auto steps = ctx.Ints(operand(4));
    if (!steps || steps->size() != starts->size()) return std::nullopt;
    cuts.steps = *steps;
  }
  if (operand(3)) {
    const auto axes = ctx.Ints(operand(3));
    if (!axes || axes->size() != starts->size()) return std::nullopt;
    for (size_t i = 0; i < axes->size(); ++i) {
      const auto axis = AxisOf((*axes)[i], ctx.Rank(slice.in[0]));
      if (!axis) return std::nullopt;
      cuts.axes[i] = *axis;
    }
  }
  return cuts;
}

Result<bool> Rebuild(RewriteCtx& ctx, ValueId data, const Cuts& cuts) {
  return ctx.Rebuild(ops::kSlice,
                     {data, ctx.I64s(cuts.starts), ctx.I64s(cuts.ends), ctx.I64s(cuts.axes), ctx.I64s(cuts.steps)});
}

// The same extent forwards is the same elements.
Result<bool> DropSlice(RewriteCtx& ctx) {
  if (!SameShape(ctx.TypeOf(ctx.In(0)), ctx.TypeOf(ctx.Out()))) return false;
  if (ctx.Has(4)) {
    const auto steps = ctx.Ints(ctx.In(4));
    if (!steps || std::any_of(steps->begin(), steps->end(), [](int64_t s) { return s < 1; })) return false;
  }
  return ctx.Replace(ctx.In(0));
}

// Slices of slices along different axes are one; along one axis, when the positions of both are plain (not counted from
// the end) and the inner one leaves enough.
Result<bool> MergeSlices(RewriteCtx& ctx) {
  const Node* inner = ctx.Def(ctx.In(0), ops::kSlice);
  if (inner == nullptr || !ctx.SingleUse(ctx.In(0))) return false;
  auto first = CutsOf(ctx, *inner);
  const auto second = CutsOf(ctx, ctx.node());
  if (!first || !second) return false;
  for (size_t i = 0; i < second->axes.size(); ++i) {
    const auto same = std::find(first->axes.begin(), first->axes.end(), second->axes[i]);
    if (same == first->axes.end()) {
      first->axes.push_back(second->axes[i]);
      first->starts.push_back(second->starts[i]);
      first->ends.push_back(second->ends[i]);
      first->steps.push_back(second->steps[i]);
      continue;
    }
    const auto at = static_cast<size_t>(same - first->axes.begin());
    const Dim& extent = ctx.ShapeOf(ctx.In(0))[static_cast<size_t>(second->axes[i])];
    const auto known = extent.known();
    const bool plain = first->starts[at] >= 0 && first->steps[at] > 0 && second->steps[i] > 0;
    if (!plain || !known || first->steps[at] > (int64_t{1} << 31) || second->steps[i] > (int64_t{1} << 31))
      return false;
    const auto place = [&](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + *known : v, 0, *known); };
    const int64_t begin = place(second->starts[i]);
    const int64_t end = std::max(begin, place(second->ends[i]));
    const int64_t start = first->starts[at];
    first->starts[at] = start + begin * first->steps[at];
    first->ends[at] = end == begin ? first->starts[at] : start + (end - 1) * first->steps[at] + 1;
    first->steps[at] *= second->steps[i];
  }
  return Rebuild(ctx, inner->in[0], *first);
}

// Dims of 1 are placed once the slice is taken: views that follow go together with that.
Result<bool> SliceBeforeView(RewriteCtx& ctx) {
  const Node* view = ctx.Def(ctx.In(0));
  const bool views = view != nullptr && (view->op == &ops::kReshape || view->op == &ops::kSqueeze ||
                                         view->op == &ops::kUnsqueeze || view->op == &ops::kFlatten);
  if (!views || !ctx.SingleUse(ctx.In(0)) || !ctx.Ranked(view->in[0]) || !ctx.Ranked(ctx.Out())) return false;
  auto cuts = CutsOf(ctx, ctx.node());
  if (!cuts) return false;
  const Shape &from = ctx.ShapeOf(view->in[0]), &to = ctx.ShapeOf(ctx.In(0)), &out = ctx.ShapeOf(ctx.Out());
  // Where each dim of the view is in what it views; -1: one of 1 that is only placed.
  std::vector<int64_t> place;
  size_t next = 0;
  const auto skip = [&] {
    while (next < from.size() && from[next] == Dim(1)) ++next;
  };
  for (const Dim& d : to) {
    if (d != Dim(1)) skip();
    const bool same = next < from.size() && from[next] == d;
    if (!same && d != Dim(1)) return false;
    place.push_back(same ? static_cast<int64_t>(next++) : -1);
  }
  skip();
  if (next != from.size()) return false;
  for (int64_t& axis : cuts->axes) {
    axis = place[static_cast<size_t>(axis)];
    if (axis < 0) return false;
  }
  std::vector<int64_t> shape;
  for (const Dim& d : out) shape.push_back(d.is_static() ? d.value() : -1);
  if (std::count(shape.begin(), shape.end(), -1) > 1 || std::count(shape.begin(), shape.end(), 0) > 0) return false;
  std::vector<ValueId> in = {view->in[0], ctx.I64s(cuts->starts), ctx.I64s(cuts->ends), ctx.I64s(cuts->axes),
                             ctx.I64s(cuts->steps)};
  TRY(const ValueId part, ctx.Emit(ops::kSlice, std::move(in)));
  return ctx.Rebuild(ops::kReshape, {part, ctx.I64s(shape)});
}

Result<bool> SingleConcat(RewriteCtx& ctx) {
  if (ctx.n_in() != 1) return false;
  return ctx.Replace(ctx.In(0));
}

// Parts without elements add nothing; one part is kept where all are empty.
Result<bool> EmptyParts(RewriteCtx& ctx) {
  if (!ctx.Ranked(ctx.Out())) return false;
  const auto axis = AxisOf(ctx.attrs().Int("axis"), ctx.Rank(ctx.Out()));
  if (!axis) return false;
  std::vector<ValueId> parts;
  for (ValueId v : ctx.node().in) {
    if (!ctx.Ranked(v) || !(ctx.ShapeOf(v)[static_cast<size_t>(*axis)] == Dim(0))) parts.push_back(v);
  }
  if (parts.empty() || parts.size() == ctx.n_in()) return false;
  return ctx.Rebuild(ops::kConcat, std::move(parts), ctx.attrs());
}

// concat(a, concat(b, c)) = concat(a, b, c).
Result<bool> FlattenConcat(RewriteCtx& ctx) {
  if (!ctx.Ranked(ctx.Out())) return false;
  const int rank = ctx.Rank(ctx.Out());
  const auto axis = AxisOf(ctx.attrs().Int("axis"), rank);
  std::vector<ValueId> parts;
  bool found = false;
  for (ValueId v : ctx.node().in) {
    const Node* inner = ctx.Def(v, ops::kConcat);
    if (inner != nullptr && ctx.SingleUse(v) && AxisOf(inner->attrs.Int("axis"), rank) == axis) {
      parts.insert(parts.end(), inner->in.begin(), inner->in.end());
      found = true;
    } else {
      parts.push_back(v);
    }
  }
  if (!found) return false;
  return ctx.Rebuild(ops::kConcat, std::move(parts), ctx.attrs());
}

// concat of all parts of a split, in order.
Result<bool> ConcatOfSplit(RewriteCtx& ctx) {
  const Node* split = ctx.Def(ctx.In(0), ops::kSplit);
  if (split == nullptr || split->out != ctx.node().in || !ctx.Ranked(ctx.Out())) return false;
  const int rank = ctx.Rank(ctx.Out());
  if (AxisOf(split->attrs.Int("axis"), rank) != AxisOf(ctx.attrs().Int("axis"), rank)) return false;
  return ctx.Replace(split->in[0]);
}

// split of a concat that cuts where the parts meet.
Result<bool> SplitOfConcat(RewriteCtx& ctx) {
  const Node* concat = ctx.Def(ctx.In(0), ops::kConcat);
  if (concat == nullptr || concat->in.size() != ctx.node().out.size() || !ctx.Ranked(ctx.In(0))) return false;
  const int rank = ctx.Rank(ctx.In(0));
  const auto axis = AxisOf(ctx.attrs().Int("axis"), rank);
  if (!axis || AxisOf(concat->attrs.Int("axis"), rank) != axis) return false;
  for (size_t i = 0; i < concat->in.size(); ++i) {
    const ValueId part = ctx.Out(i);
    if (!part) continue;
    if (!ctx.Ranked(concat->in[i]) || !ctx.Ranked(part)) return false;
    if (!(ctx.ShapeOf(concat->in[i])[static_cast<size_t>(*axis)] == ctx.ShapeOf(part)[static_cast<size_t>(*axis)])) {
      return false;
    }
  }
  return ctx.Replace(concat->in);
}

Result<bool> SinglePart(RewriteCtx& ctx) {
  if (ctx.node().out.size() != 1) return false;
  return ctx.Replace(ctx.In(0));
}

// Parts that nobody uses, at either end, are cut off by a slice when only one part is left; a part in the middle too.
Result<bool> OnePartOfSplit(RewriteCtx& ctx) {
  if (!ctx.Ranked(ctx.In(0))) return false;
  const auto axis = AxisOf(ctx.attrs().Int("axis"), ctx.Rank(ctx.In(0)));
  if (!axis) return false;
  ValueId wanted;
  size_t place = 0;
  int64_t start = 0;
  int64_t position = 0;
  for (size_t i = 0; i < ctx.node().out.size(); ++i) {
    const ValueId part = ctx.Out(i);
    if (!part || !ctx.Ranked(part)) return false;
    const auto extent = ctx.ShapeOf(part)[static_cast<size_t>(*axis)].known();
    if (!extent) return false;
    if (ctx.editor().Used(part)) {
      if (wanted) return false;
      wanted = part;
      place = i;
      start = position;
    }
    position += *extent;
  }
  if (!wanted) return false;
  const int64_t end = start + ctx.ShapeOf(wanted)[static_cast<size_t>(*axis)].value();
  TRY(ValueId cut, ctx.Emit(ops::kSlice, {ctx.In(0), ctx.I64s({start}), ctx.I64s({end}), ctx.I64s({*axis})}));
  std::vector<ValueId> now(ctx.node().out.size());
  now[place] = cut;
  return ctx.Replace(now);
}

// Indices of one place each, which were numbers before they were made lists of one.
Result<bool> GatherNdOfOne(RewriteCtx& ctx) {
  const Node* unsqueeze = ctx.Def(ctx.In(1), ops::kUnsqueeze);
  if (unsqueeze == nullptr || ctx.attrs().Int("batch_dims", 0) != 0 || !ctx.Ranked(ctx.In(1))) return false;
  const auto axes = AxesOf(ctx, unsqueeze->in[1], ctx.Rank(ctx.In(1)));
  if (!axes || *axes != std::vector<int64_t>{ctx.Rank(ctx.In(1)) - 1}) return false;
  return ctx.Rebuild(ops::kGather, {ctx.In(0), unsqueeze->in[0]}, {{"axis", int64_t{0}}});
}

// All places of an axis in their order, however they are grouped: exporters write views as such.
Result<bool> GatherAll(RewriteCtx& ctx) {
  const Tensor* indices = ctx.Small(ctx.In(1));
  if (indices == nullptr || !ctx.Ranked(ctx.In(0)) || !ctx.Ranked(ctx.Out())) return false;
  const auto axis = AxisOf(ctx.attrs().Int("axis"), ctx.Rank(ctx.In(0)));
  const auto extent = axis ? ctx.ShapeOf(ctx.In(0))[static_cast<size_t>(*axis)].known() : std::nullopt;
  if (!extent || indices->size() != *extent || !IsExpressible(ctx.ShapeOf(ctx.Out()))) return false;
  const std::vector<int64_t> places = ToI64(*indices);
  for (size_t k = 0; k < places.size(); ++k) {
    if (places[k] != static_cast<int64_t>(k)) return false;
  }
  return ctx.Rebuild(ops::kReshape, {ctx.In(0), ctx.I64s(ReshapeNumbers(ctx.ShapeOf(ctx.Out())))});
}

const OpDef* const kGathers[] = {&ops::kGather};
const OpDef* const kGatherNds[] = {&ops::kGatherNd};
const OpDef* const kSlices[] = {&ops::kSlice};
const OpDef* const kConcats[] = {&ops::kConcat};
const OpDef* const kSplits[] = {&ops::kSplit};

const Rule kRules[] = {
    {"drop-slice", "A slice that takes everything is its operand.", Numerics::kExact, kSlices, DropSlice},
    {"merge-slices", "Slices that follow one another are one.", Numerics::kExact, kSlices, MergeSlices},
    {"slice-before-view", "A slice is taken before dims of 1 are placed.", Numerics::kExact, kSlices, SliceBeforeView},
    {"drop-concat", "A concat of one part is that part.", Numerics::kExact, kConcats, SingleConcat},
    {"empty-parts", "Parts of a concat that have no elements are left out.", Numerics::kExact, kConcats, EmptyParts},
    {"flatten-concat", "A concat within a concat along the same axis is opened.", Numerics::kExact, kConcats,
     FlattenConcat},
    {"concat-of-split", "A concat of all parts of a split is what was split.", Numerics::kExact, kConcats,
     ConcatOfSplit},
    {"split-of-concat", "A split that cuts where a concat joined gives back its parts.", Numerics::kExact, kSplits,
     SplitOfConcat},
    {"drop-split", "A split into one part is its operand.", Numerics::kExact, kSplits, SinglePart},
    {"gather-all", "A gather of all places of an axis in their order is a reshape.", Numerics::kExact, kGathers,
     GatherAll},
    {"gather-nd-of-one", "A gather_nd by indices of one place each is a gather.", Numerics::kExact, kGatherNds,
     GatherNdOfOne},
    {"split-to-slice", "A split of which one part is used is a slice.", Numerics::kExact, kSplits, OnePartOfSplit},
};

}  // namespace

RuleTable SliceRules() { return kRules; }

}  // namespace godwit
