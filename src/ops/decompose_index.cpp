// Operators over positions: losses at target classes, triangles, running sums and products, crops around the centre.
#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

// Places are compared rather than counted, so that any size and offset may be known only when the model runs.
Status DecomposeTrilu(DecomposeCtx& ctx) {
  const Expr x = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  Expr row = Unsqueeze(Range(ctx, Extent::Of(x, -2)), {1});
  const Expr column = Unsqueeze(Range(ctx, Extent::Of(x, -1)), {0});
  if (ctx.Has(1)) row = row + Extent::Value(Operand(ctx, 1)).Get(ctx);
  const Expr dropped = ctx.attrs.Flag("upper", true) ? Less(column, row) : Less(row, column);
  const DType dtype = x.dtype();
  const Expr zero = dtype == DType::kString ? Const(ctx, Tensor(dtype, {})) : ScalarOf(ctx, dtype, 0);
  ctx.Out(0, Where(dropped, zero, x).id());
  return Ok{};
}

namespace {

// For every place along the axis the elements up to it, in a new axis that is reduced.
Expr Cumulated(const Expr& x, int64_t axis, bool sum) {
  DecomposeCtx& ctx = x.ctx();
  const Expr places = Range(ctx, Extent::Of(x, static_cast<int>(axis)));
  std::vector<int64_t> trailing;
  for (int64_t i = axis + 1; i < x.rank(); ++i) trailing.push_back(i - axis + 1);
  const Expr to = Unsqueeze(Unsqueeze(places, {1}), trailing);
  const Expr from = Unsqueeze(Unsqueeze(places, {0}), trailing);
  const Expr late = ctx.attrs.Flag("reverse") ? Less(from, to) : Less(to, from);
  const Expr neutral = ScalarOf(ctx, x.dtype(), sum ? 0 : 1);
  const Expr gone = ctx.attrs.Flag("exclusive") ? Or(late, Equal(from, to)) : late;
  return Reduce(Where(gone, neutral, Unsqueeze(x, {axis})), sum ? "sum" : "prod", {axis + 1}, false);
}

}  // namespace

// An axis that is not known is one of the operand's: each is tried.
Status DecomposeCum(DecomposeCtx& ctx) {
  const Expr x = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  if (x.rank() == 0) return ctx.Cannot("x is a scalar");
  const bool sum = ctx.attrs.Str("mode") == "sum";
  const Expr wide = Widen(x);
  if (const auto given = ctx.Ints(1)) {
    if (given->size() != 1) return ctx.Cannot("it has several axes");
    const int64_t axis = (*given)[0] < 0 ? (*given)[0] + x.rank() : (*given)[0];
    if (axis < 0 || axis >= x.rank()) return ctx.Cannot("the axis is none of the operand's");
    Result0(ctx, Cumulated(wide, axis, sum), x.dtype());
    return Ok{};
  }
  const Expr rank = ScalarOf(ctx, DType::kI64, x.rank());
  const Expr axis = Mod(Reshape(Cast(Operand(ctx, 1), DType::kI64), {1}) + rank, rank);
  Expr y = Cumulated(wide, 0, sum);
  for (int64_t k = 1; k < x.rank(); ++k) {
    const Expr here = Equal(axis, ScalarOf(ctx, DType::kI64, static_cast<double>(k)));
    y = Where(here, Cumulated(wide, k, sum), y);
  }
  Result0(ctx, y, x.dtype());
  return Ok{};
}

// A crop where the axis is longer than wanted, zeros around it where it is shorter.
Status DecomposeCenterCropPad(DecomposeCtx& ctx) {
  Expr x = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  if (x.dtype() == DType::kString) return ctx.Cannot("text has no zero");
  std::vector<int64_t> axes = ctx.attrs.Ints("axes");
  if (axes.empty() && !ctx.attrs.Has("axes")) {
    for (int64_t i = 0; i < x.rank(); ++i) axes.push_back(i);
  }
  const Expr shape = Operand(ctx, 1);
  std::vector<int64_t> cut;
  Extents starts, ends;
  Extents pads(static_cast<size_t>(2 * x.rank()), Extent(0));
  bool padded = false;
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t axis = axes[i] < 0 ? axes[i] + x.rank() : axes[i];
    if (axis < 0 || axis >= x.rank()) return ctx.Cannot("the axes are none of the operand's");
    const Extent have = Extent::Of(x, static_cast<int>(axis));
    const auto place = static_cast<int64_t>(i);
    const auto known = ctx.Ints(1);
    const Extent want =
        known && i < known->size() ? Extent((*known)[i]) : Extent::Value(Slice(shape, 0, place, place + 1));
    const Extent kept = Extent::Smaller(have, want);
    const Extent start = (have - kept) / 2;
    if (!(kept.dim() == have.dim())) {
      cut.push_back(axis);
      starts.push_back(start);
      ends.push_back(start + kept);
    }
    if (kept.dim() == want.dim()) continue;
    padded = true;
    const Extent before = (want - kept) / 2;
    pads[static_cast<size_t>(axis)] = before;
    pads[static_cast<size_t>(axis + x.rank())] = want - kept - before;
  }
  if (!cut.empty()) x = Apply(ctx, kSlice, {x, DimsOf(ctx, starts), DimsOf(ctx, ends), I64s(ctx, cut)});
  if (padded) x = Apply(ctx, kPad, {x, DimsOf(ctx, pads)});
  ctx.Out(0, x.id());
  return Ok{};
}

Status DecomposeNllLoss(DecomposeCtx& ctx) {
  const Expr given = Operand(ctx, 0);
  const Expr x = Widen(given);
  Expr target = RankedOperand(ctx, 1);
  if (ctx.failed()) return Ok{};
  const bool weighted = ctx.Has(2);
  const bool ignores = ctx.attrs.Has("ignore_index");
  const Expr zero = ScalarOf(ctx, x.dtype(), 0);
  Expr ignored;
  if (ignores) {
    ignored = Equal(target, ScalarOf(ctx, target.dtype(), static_cast<double>(ctx.attrs.Int("ignore_index"))));
    target = Where(ignored, ScalarOf(ctx, target.dtype(), 0), target);
  }
  Expr loss = -Squeeze(GatherElements(x, Unsqueeze(target, {1}), 1), {1});
  Expr weight;
  if (weighted) {
    weight = Gather(Cast(Operand(ctx, 2), x.dtype()), target, 0);
    loss = loss * weight;
  }
  if (ignores) {
    loss = Where(ignored, zero, loss);
    const Expr one = ScalarOf(ctx, x.dtype(), 1);
    weight = Where(ignored, zero, weighted ? weight : one);
  }
  const std::string_view reduction = ctx.attrs.Str("reduction", "mean");
  std::vector<int64_t> all;
  for (int i = 0; i < target.rank(); ++i) all.push_back(i);
  if (reduction == "sum") {
    loss = Reduce(loss, "sum", all, false);
  } else if (reduction == "mean") {
    loss = weight.valid() ? Reduce(loss, "sum", all, false) / Reduce(weight, "sum", all, false)
                          : Reduce(loss, "mean", all, false);
  }
  Result0(ctx, loss, given.dtype());
  return Ok{};
}

}  // namespace godwit::ops
