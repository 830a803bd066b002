// Operators whose axes or sizes are known only when the model runs, for targets that want them beforehand: every axis
// is treated, and what is not named is put back.
#include <algorithm>
#include <cstdint>

#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

bool IsKnown(DecomposeCtx& ctx, size_t operand) { return !ctx.Has(operand) || ctx.Ints(operand).has_value(); }

// Which of `rank` axes the vector names, as bools.
Expr Named(const Expr& axes, int64_t rank) {
  DecomposeCtx& ctx = axes.ctx();
  const Expr wide = Reshape(Cast(axes, DType::kI64), {-1});
  const Expr zero = ScalarOf(ctx, DType::kI64, 0);
  const Expr positive = Where(Less(wide, zero), wide + static_cast<double>(rank), wide);
  const Expr hits = Cast(Equal(Unsqueeze(positive, {1}), Range(ctx, rank)), DType::kI64);
  return Less(zero, Reduce(hits, "sum", {0}, false));
}

Expr At(const Expr& vector, int64_t k) { return Slice(vector, 0, k, k + 1); }

Expr ShapeOf(const Expr& x) { return Apply(x.ctx(), kShapeOf, {x}); }

// The dims that `kept` says.
Expr Kept(const Expr& shape, const Expr& kept) {
  return Apply(shape.ctx(), kCompress, {shape, kept}, {{"axis", int64_t{0}}});
}

// Each named axis reduced to one element, one after the other.
Expr ReducedByTurns(const Expr& x, const Expr& named, std::string_view mode) {
  DecomposeCtx& ctx = x.ctx();
  Expr y = x;
  for (int64_t k = 0; k < x.rank(); ++k) {
    const Expr here = At(named, k);
    // The reduced element stands before the others, and one or the others are kept.
    const Expr both = Join({Reduce(y, mode, {k}), y}, k);
    const Expr start = Where(here, I64s(ctx, {0}), I64s(ctx, {1}));
    const Expr end = Where(here, I64s(ctx, {1}), I64s(ctx, {INT64_MAX}));
    y = Apply(ctx, kSlice, {both, start, end, I64s(ctx, {k})});
  }
  return y;
}

}  // namespace

Status DecomposeReduce(DecomposeCtx& ctx) {
  if (IsKnown(ctx, 1)) return DecomposeKnownReduce(ctx);
  const Expr given = RankedOperand(ctx, 0);
  const Expr axes = Operand(ctx, 1);
  if (ctx.failed()) return Ok{};
  const std::string_view mode = ctx.attrs.Str("mode");
  const bool plain = mode == "sum" || mode == "max" || mode == "min" || mode == "prod";
  if (!plain && mode != "l1" && mode != "sum_square" && !kFloats.Has(given.dtype())) {
    return ctx.Cannot("means and roots of integers are rounded in their own way");
  }
  const Expr x = Widen(given);
  Expr named = Named(axes, x.rank());
  if (!ctx.attrs.Flag("empty_axes_is_none")) {
    named = Or(named, Equal(Extent::Of(Reshape(axes, {-1}), 0).Get(ctx), I64s(ctx, {0})));
  }
  const auto turns = [&](const Expr& e, std::string_view how) { return ReducedByTurns(e, named, how); };
  Expr y;
  if (plain) {
    y = turns(x, mode);
  } else if (mode == "l1") {
    y = turns(Abs(x), "sum");
  } else if (mode == "sum_square") {
    y = turns(x * x, "sum");
  } else if (mode == "l2") {
    y = Sqrt(turns(x * x, "sum"));
  } else if (mode == "log_sum") {
    y = Log(turns(x, "sum"));
  } else if (mode == "log_sum_exp") {
    const Expr top = turns(x, "max");
    y = Log(turns(Exp(x - top), "sum")) + top;
  } else if (mode == "mean") {
    const Expr sizes = Where(named, ShapeOf(x), ScalarOf(ctx, DType::kI64, 1));
    y = turns(x, "sum") / Cast(Reduce(sizes, "prod", {0}, false), x.dtype());
  } else {
    return ctx.Cannot("the mode is not known");
  }
  if (!ctx.attrs.Flag("keep_dims", true)) y = Apply(ctx, kReshape, {y, Kept(ShapeOf(y), Not(named))});
  Result0(ctx, y, given.dtype());
  return Ok{};
}

// The last of equal elements is the first from the other end.
Status DecomposeArgReduce(DecomposeCtx& ctx) {
  if (!ctx.attrs.Flag("last")) return ctx.Cannot("it is a simple one");
  const Expr x = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  if (x.rank() == 0) return ctx.Cannot("x is a scalar");
  const int64_t axis = ctx.attrs.Int("axis", 0);
  Attrs first = ctx.attrs;
  first.Erase("last");
  const Expr turned = Slice(x, axis, -1, -INT64_MAX, -1);
  const Expr place = Apply(ctx, kArgReduce, {turned}, std::move(first));
  const Expr end = Extent::Of(x, static_cast<int>(axis)).Get(ctx) - 1.0;
  Result0(ctx, (place.rank() == 0 ? Squeeze(end, {0}) : end) - place, DType::kI64);
  return Ok{};
}

Status DecomposeSplit(DecomposeCtx& ctx) {
  if (IsKnown(ctx, 1) && ctx.Has(1)) return ctx.Cannot("it is a simple one");
  int64_t axis = ctx.attrs.Int("axis", 0);
  const Expr x = axis < 0 ? RankedOperand(ctx, 0) : Operand(ctx, 0);
  if (ctx.failed()) return Ok{};
  if (axis < 0) axis += x.rank();
  const Extent length = Extent::Of(x, static_cast<int>(axis));
  const auto n = static_cast<int64_t>(ctx.n_out());
  Extent start = 0;
  for (int64_t i = 0; i < n; ++i) {
    // Without sizes: equal parts, the last of which may be smaller.
    const Extent size = ctx.Has(1) ? Extent::Value(At(Operand(ctx, 1), i)) : (length + (n - 1)) / n;
    const Extent end = start + size;
    if (ctx.Wants(static_cast<size_t>(i))) ctx.Out(static_cast<size_t>(i), Slice(x, axis, start, end).id());
    start = end;
  }
  return Ok{};
}

Status DecomposeSqueeze(DecomposeCtx& ctx) {
  if (IsKnown(ctx, 1)) return ctx.Cannot("it is a simple one");
  const Expr x = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  const Expr kept = Kept(ShapeOf(x), Not(Named(Operand(ctx, 1), x.rank())));
  ctx.Out(0, Apply(ctx, kReshape, {x, kept}).id());
  return Ok{};
}

// Dims that are not new are those of the operand, in order.
Status DecomposeUnsqueeze(DecomposeCtx& ctx) {
  if (IsKnown(ctx, 1)) return ctx.Cannot("it is a simple one");
  const Expr x = RankedOperand(ctx, 0);
  const Expr axes = RankedOperand(ctx, 1);
  if (ctx.failed()) return Ok{};
  const auto added = ElementCount(axes.type().shape()).known();
  if (!added) return ctx.Cannot("the rank of its result is not known");
  if (x.rank() == 0) {
    ctx.Out(0, Reshape(x, Extents(static_cast<size_t>(*added), Extent(1))).id());
    return Ok{};
  }
  const Expr fresh = Named(axes, x.rank() + *added);
  const Expr old = Cast(Not(fresh), DType::kI64);
  const Expr before =
      Apply(ctx, kCum, {old, ScalarOf(ctx, DType::kI64, 0)}, {{"mode", std::string("sum")}, {"exclusive", int64_t{1}}});
  const Expr place = Min(before, static_cast<double>(x.rank() - 1));
  const Expr dims = Where(fresh, ScalarOf(ctx, DType::kI64, 1), Gather(ShapeOf(x), place, 0));
  ctx.Out(0, Apply(ctx, kReshape, {x, dims}).id());
  return Ok{};
}

namespace {

// Pads of all axes, from those of some.
Expr AllPads(DecomposeCtx& ctx, int rank) {
  const Expr pads = Reshape(Cast(Operand(ctx, 1), DType::kI64), {-1});
  if (!ctx.Has(3)) return pads;
  const Expr axes = Reshape(Cast(Operand(ctx, 3), DType::kI64), {-1});
  const Expr positive = Where(Less(axes, ScalarOf(ctx, DType::kI64, 0)), axes + static_cast<double>(rank), axes);
  const Expr places = Join({positive, positive + static_cast<double>(rank)}, 0);
  const Expr none = I64s(ctx, std::vector<int64_t>(static_cast<size_t>(2 * rank), 0));
  return Apply(ctx, kScatterElements, {none, places, pads}, {{"axis", int64_t{0}}});
}

// Known pads some of which are negative: elements are taken away first, then others are added.
Status DecomposeCrop(DecomposeCtx& ctx) {
  const auto pads = ctx.Ints(1);
  Expr x = Operand(ctx, 0);
  const bool crops = pads && std::any_of(pads->begin(), pads->end(), [](int64_t p) { return p < 0; });
  if (!crops || !x.ranked() || pads->size() != 2 * static_cast<size_t>(x.rank())) {
    return ctx.Cannot("it is a simple one");
  }
  std::vector<int64_t> added;
  for (const int64_t p : *pads) added.push_back(std::max<int64_t>(p, 0));
  const auto rank = static_cast<size_t>(x.rank());
  for (size_t k = 0; k < rank; ++k) {
    const int64_t before = std::max<int64_t>(-(*pads)[k], 0), after = std::max<int64_t>(-(*pads)[rank + k], 0);
    if (before == 0 && after == 0) continue;
    const auto axis = static_cast<int>(k);
    const auto length = x.dim(axis).known();
    if (before > INT32_MAX || after > INT32_MAX ||
        (length ? before + after > *length : added[k] + added[rank + k] > 0)) {
      return ctx.Cannot("more may be taken away than there is");
    }
    x = Apply(ctx, kSlice, {x, I64s(ctx, {before}), I64s(ctx, {after == 0 ? INT64_MAX : -after}), I64s(ctx, {axis})});
  }
  const bool adds = std::any_of(added.begin(), added.end(), [](int64_t p) { return p != 0; });
  ctx.Out(0, (adds ? Apply(ctx, kPad, {x, I64s(ctx, added), Operand(ctx, 2)}) : x).id());
  return Ok{};
}

}  // namespace

// Pads of all axes; those that wrap or repeat the edge are a gather in each axis.
Status DecomposePad(DecomposeCtx& ctx) {
  const bool edge = ctx.attrs.Str("mode", "constant") == "edge" && !ctx.Has(3);
  const bool wraps = ctx.attrs.Str("mode", "constant") == "wrap" || edge;
  if (!wraps && !ctx.Has(3)) {
    return ctx.attrs.Str("mode", "constant") == "constant" ? DecomposeCrop(ctx) : ctx.Cannot("it is a simple one");
  }
  const Expr given = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  const int rank = given.rank();
  if (!wraps) {
    const Expr y = Apply(ctx, kPad, {given, AllPads(ctx, rank), Operand(ctx, 2)},
                         {{"mode", std::string(ctx.attrs.Str("mode", "constant"))}});
    ctx.Out(0, y.id());
    return Ok{};
  }
  const Expr pads = AllPads(ctx, rank);
  Expr x = given;
  for (int64_t k = 0; k < rank; ++k) {
    const Extent before = Extent::Value(At(pads, k)), after = Extent::Value(At(pads, k + rank));
    if (before.known() == 0 && after.known() == 0) continue;
    const Extent length = Extent::Of(given, static_cast<int>(k));
    const Expr from = Range(ctx, length + before + after) - before.Get(ctx);
    const Expr place = edge ? Max(Min(from, (length - 1).Get(ctx)), 0.0) : Mod(from, length.Get(ctx));
    x = Gather(x, place, k);
  }
  ctx.Out(0, x.id());
  return Ok{};
}

}  // namespace godwit::ops
