// Picking and placing elements by index, said with the plainest gather and scatter there are; orders and dictionaries.
#include "ir/convert.h"
#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

/// Comparisons of all pairs of more elements are not made.
constexpr int64_t kMostPairs = 1 << 22;

std::vector<int64_t> AxesFrom(int64_t first, int64_t count) {
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < count; ++i) axes.push_back(first + i);
  return axes;
}

// Negative indices count from the end.
Expr FromStart(const Expr& index, const Extent& length) {
  const Expr wide = Cast(index, DType::kI64);
  return Where(Less(wide, ScalarOf(index.ctx(), DType::kI64, 0)), wide + length.Get(index.ctx()), wide);
}

// Where each index points in the elements of x in order, when `indices` stand at x's places but for `axis`.
Expr FlatPlaces(const Expr& x, const Expr& indices, int axis) {
  DecomposeCtx& ctx = x.ctx();
  Expr place;
  for (int k = 0; k < x.rank(); ++k) {
    const Extent length = Extent::Of(x, k);
    const Expr at = k == axis ? FromStart(indices, length)
                              : Unsqueeze(Range(ctx, Extent::Of(indices, k)), AxesFrom(1, x.rank() - 1 - k));
    place = k == 0 ? at : place * length.Get(ctx) + at;
  }
  return place;
}

int AxisOf(const DecomposeCtx& ctx, int64_t fallback, int rank) {
  const int64_t axis = ctx.attrs.Int("axis", fallback);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Extents DimsOfAll(const Expr& x) {
  Extents dims;
  for (int k = 0; k < x.rank(); ++k) dims.push_back(Extent::Of(x, k));
  return dims;
}

}  // namespace

Status DecomposeGatherElements(DecomposeCtx& ctx) {
  const Expr x = RankedOperand(ctx, 0), indices = RankedOperand(ctx, 1);
  if (ctx.failed()) return Ok{};
  if (x.rank() == 0) return ctx.Cannot("x is a scalar");
  const int axis = AxisOf(ctx, 0, x.rank());
  const Expr places = FlatPlaces(x, indices, axis);
  ctx.Out(0, Gather(Reshape(x, {-1}), places, 0).id());
  return Ok{};
}

Status DecomposePlainScatterElements(DecomposeCtx& ctx) {
  const Expr x = RankedOperand(ctx, 0), indices = RankedOperand(ctx, 1);
  if (ctx.failed()) return Ok{};
  if (x.rank() == 0) return ctx.Cannot("x is a scalar");
  const Expr places = Reshape(FlatPlaces(x, indices, AxisOf(ctx, 0, x.rank())), {-1, 1});
  const Expr y = Apply(ctx, kScatterNd, {Reshape(x, {-1}), places, Reshape(Operand(ctx, 2), {-1})});
  ctx.Out(0, Reshape(y, DimsOfAll(x)).id());
  return Ok{};
}

// The last axis is searched, and for the largest.
Status DecomposeTopK(DecomposeCtx& ctx) {
  const Expr given = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  const int rank = given.rank(), axis = AxisOf(ctx, -1, rank);
  const bool largest = ctx.attrs.Flag("largest", true);
  const bool last = axis == rank - 1;
  if (last && largest) return ctx.Cannot("it is a simple one");
  const DType dtype = given.dtype();
  if (dtype == DType::kBool && !largest) return ctx.Cannot("bools are not negated");
  // Numbers in the opposite order, none of which overflows.
  const auto turned = [&](const Expr& x) {
    if (largest) return x;
    if (IsFloat(dtype)) return -x;
    return IntegerOf(ctx, dtype, -1) - x;
  };
  Expr x = turned(given);
  if (!largest && IsUnsigned(dtype)) x = Apply(ctx, kBitwiseNot, {given});
  if (!last) x = SwapAxes(x, axis, -1);
  const std::vector<Expr> y = ApplyN(ctx, kTopK, {x, Operand(ctx, 1)}, 2);
  const auto back = [&](const Expr& e) { return last ? e : SwapAxes(e, axis, -1); };
  const Expr values = !largest && IsUnsigned(dtype) ? Apply(ctx, kBitwiseNot, {y[0]}) : turned(y[0]);
  ctx.Out(0, back(values).id());
  ctx.Out(1, back(y[1]).id());
  return Ok{};
}

Status DecomposeCompress(DecomposeCtx& ctx) {
  const bool flat = !ctx.attrs.Has("axis");
  Expr x = flat ? Reshape(Operand(ctx, 0), {-1}) : RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  const int axis = flat ? 0 : AxisOf(ctx, 0, x.rank());
  Expr kept;
  if (const auto known = ctx.Ints(1)) {
    std::vector<int64_t> rows;
    for (size_t i = 0; i < known->size(); ++i) {
      if ((*known)[i] != 0) rows.push_back(static_cast<int64_t>(i));
    }
    kept = I64s(ctx, rows);
  } else {
    kept = Reshape(Apply(ctx, kNonZero, {Operand(ctx, 1)}), {-1});
  }
  ctx.Out(0, Gather(x, kept, axis).id());
  return Ok{};
}

Status DecomposeOneHot(DecomposeCtx& ctx) {
  const Expr indices = RankedOperand(ctx, 0);
  const Expr values = Operand(ctx, 2);
  if (ctx.failed()) return Ok{};
  const int rank = indices.rank() + 1, axis = AxisOf(ctx, -1, rank);
  const Tensor* known = ctx.Const(1);
  const Extent depth = known != nullptr && known->size() == 1
                           ? Extent(static_cast<int64_t>(ToF64(*known)[0]))
                           : Extent::Value(Reshape(Cast(Operand(ctx, 1), DType::kI64), {1}));
  const Expr at = Unsqueeze(FromStart(indices, depth), {axis});
  const Expr places = Unsqueeze(Range(ctx, depth), AxesFrom(1, rank - 1 - axis));
  const Expr off = Reshape(Slice(values, 0, 0, 1), {}), on = Reshape(Slice(values, 0, 1, 2), {});
  ctx.Out(0, Where(Equal(at, places), on, off).id());
  return Ok{};
}

Status DecomposeEye(DecomposeCtx& ctx) {
  const Expr shape = Operand(ctx, 0);
  const DType dtype = ctx.attrs.Dtype("dtype");
  if (!kNumbers.Has(dtype) && dtype != DType::kBool) return ctx.Cannot("the element type is none to compute with");
  const auto known = ctx.Ints(0);
  const auto length = [&](int64_t k) {
    return known ? Extent((*known)[static_cast<size_t>(k)]) : Extent::Value(Slice(shape, 0, k, k + 1));
  };
  const Expr row = Unsqueeze(Range(ctx, length(0)), {1}) + static_cast<double>(ctx.attrs.Int("k"));
  ctx.Out(0, Cast(Equal(row, Unsqueeze(Range(ctx, length(1)), {0})), dtype).id());
  return Ok{};
}

// Each element is compared with all keys; the last that equals it counts.
Status DecomposeLabelEncode(DecomposeCtx& ctx) {
  const Tensor* keys = ctx.attrs.TensorOf("keys");
  const Tensor* values = ctx.attrs.TensorOf("values");
  const Tensor* fallback = ctx.attrs.TensorOf("fallback");
  const Expr given = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  if (!keys || !values || !fallback) return ctx.Cannot("the dictionary does not fit");
  if (!(kNumbers | kStrings).Has(keys->dtype())) return ctx.Cannot("the keys are neither numbers nor text");
  const int64_t n = keys->size();
  if (n > kMostPairs || n == 0) return ctx.Cannot("the dictionary is too large");
  // The fallback stands before the values, so that place 0 is where no key is equal.
  const Expr table = Join({Const(ctx, fallback->Reshaped({1})), Const(ctx, values->Reshaped({n}))}, 0);
  const Expr key = Const(ctx, keys->Reshaped({n}));
  const Expr x = Unsqueeze(given, {given.rank()});
  Expr same = Equal(x, key);
  // What is no number is a key like others.
  if (IsFloat(keys->dtype())) same = Or(same, And(Not(Equal(x, x)), Not(Equal(key, key))));
  const Expr place = Reduce(Where(same, Range(ctx, 1, n), ScalarOf(ctx, DType::kI64, 0)), "max", {given.rank()}, false);
  ctx.Out(0, Gather(table, place, 0).id());
  return Ok{};
}

// Indices count in the pooled operand's own shape, which lies at the start of a larger one that may be stated.
Status DecomposeMaxUnpool(DecomposeCtx& ctx) {
  const Expr x = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  const int rank = x.rank();
  Extents inner = {Extent::Of(x, 0), Extent::Of(x, 1)};
  const auto entry = [&](std::string_view name, size_t k, int64_t fallback) {
    const std::vector<int64_t>& list = ctx.attrs.Ints(name);
    return k < list.size() ? list[k] : fallback;
  };
  const auto spatial = static_cast<size_t>(rank - 2);
  for (size_t k = 0; k < spatial; ++k) {
    inner.push_back((Extent::Of(x, static_cast<int>(k) + 2) - 1) * entry("strides", k, 1) +
                    (Extent(entry("kernel", k, 1)) - entry("pads", k, 0) - entry("pads", spatial + k, 0)));
  }
  Extent room = 1;
  for (const Extent& e : inner) room = room * e;
  const Expr zeros = Full(ctx, x.dtype(), 0, {room});
  Expr y = Reshape(Apply(ctx, kScatterNd, {zeros, Reshape(Operand(ctx, 1), {-1, 1}), Reshape(x, {-1})}), inner);
  if (ctx.Has(2)) {
    const auto wanted = ctx.Ints(2);
    if (wanted && wanted->size() != static_cast<size_t>(rank)) return ctx.Cannot("the stated shape is of another rank");
    Extents pads(static_cast<size_t>(rank), Extent(0));
    for (int k = 0; k < rank; ++k) {
      const auto at = static_cast<size_t>(k);
      const Extent to = wanted ? Extent((*wanted)[at]) : Extent::Value(Slice(Operand(ctx, 2), 0, k, k + 1));
      pads.push_back(to - inner[at]);
    }
    y = Apply(ctx, kPad, {y, DimsOf(ctx, pads)});
  }
  ctx.Out(0, y.id());
  return Ok{};
}

// Every element is compared with every other; those that no earlier one equals are kept.
Status DecomposeUnique(DecomposeCtx& ctx) {
  const Expr given = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  if (!kNumbers.Has(given.dtype())) return ctx.Cannot("only numbers are ordered");
  const bool slices = ctx.attrs.Has("axis") && given.rank() > 1;
  const bool sorted = ctx.attrs.Flag("sorted", true);
  const int axis = slices ? AxisOf(ctx, 0, given.rank()) : 0;
  Expr x = slices ? given : Reshape(given, {-1});
  const Extent n = Extent::Of(x, axis);
  if (!n.known() || *n.known() <= 0 || *n.known() > kMostPairs / *n.known()) {
    return ctx.Cannot("there may be too many elements");
  }
  Expr order;
  if (sorted && slices) {
    // How many slices come before each: those whose first difference is smaller, and equal ones of smaller index.
    const Expr rows = Reshape(axis == 0 ? x : SwapAxes(x, 0, axis), {n, -1});
    const Expr other = Unsqueeze(rows, {0}), own = Unsqueeze(rows, {1});
    const Expr differs = Cast(Not(Equal(own, other)), DType::kI32);
    const Expr before = Apply(ctx, kCum, {differs, ScalarOf(ctx, DType::kI64, 2)},
                              {{"mode", std::string("sum")}, {"exclusive", int64_t{1}}});
    const Expr none = ScalarOf(ctx, DType::kI32, 0);
    const Expr first_less = And(Less(other, own), Equal(before, none));
    const Expr less = Reduce(Cast(first_less, DType::kI32), "max", {2}, false);
    const Expr places = Range(ctx, n);
    const Expr ties = Cast(Less(Unsqueeze(places, {0}), Unsqueeze(places, {1})), DType::kI32);
    const Expr same = Equal(Reduce(differs, "max", {2}, false), none);
    const Expr rank = Reduce(Max(less, Cast(same, DType::kI32) * ties), "sum", {1}, false);
    order = ApplyN(ctx, kTopK, {rank, n.Get(ctx)}, 2, {{"largest", int64_t{0}}})[1];
    x = Gather(x, order, axis);
  } else if (sorted) {
    const std::vector<Expr> by = ApplyN(ctx, kTopK, {x, n.Get(ctx)}, 2, {{"largest", int64_t{0}}});
    x = by[0];
    order = by[1];
  }
  Expr same;
  if (slices) {
    const Expr rows = Reshape(axis == 0 ? x : SwapAxes(x, 0, axis), {n, -1});
    const Expr equal = Cast(Equal(Unsqueeze(rows, {1}), Unsqueeze(rows, {0})), DType::kI32);
    same = Reduce(equal, "min", {2}, false);
  } else {
    same = Cast(Equal(Unsqueeze(x, {1}), x), DType::kI32);
  }
  const Expr places = Range(ctx, n);
  const Expr first =
      Apply(ctx, kArgReduce, {same}, {{"mode", std::string("max")}, {"axis", int64_t{1}}, {"keep_dims", int64_t{0}}});
  const Expr leads = Equal(first, places);
  const Expr kept = Reshape(Apply(ctx, kNonZero, {leads}), {-1});
  ctx.Out(0, Gather(x, kept, axis).id());
  if (ctx.Wants(1)) ctx.Out(1, (sorted ? Gather(order, kept, 0) : kept).id());
  if (ctx.Wants(2)) {
    const Expr number =
        Apply(ctx, kCum, {Cast(leads, DType::kI64), ScalarOf(ctx, DType::kI64, 0)}, {{"mode", std::string("sum")}}) -
        1.0;
    Expr group = Gather(number, first, 0);
    if (sorted) {
      const std::vector<Expr> back = ApplyN(ctx, kTopK, {order, n.Get(ctx)}, 2, {{"largest", int64_t{0}}});
      group = Gather(group, back[1], 0);
    }
    ctx.Out(2, group.id());
  }
  if (ctx.Wants(3)) ctx.Out(3, Gather(Cast(Reduce(same, "sum", {1}, false), DType::kI64), kept, 0).id());
  return Ok{};
}

}  // namespace godwit::ops
