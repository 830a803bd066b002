// Operators over positions: losses at target classes, triangles, running sums and products.
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

// For every place along the axis the elements up to it, in a new axis that is reduced.
Status DecomposeCum(DecomposeCtx& ctx) {
  const Expr x = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  const auto given = ctx.Ints(1);
  if (!given || given->size() != 1) return ctx.Cannot("the axis is not known");
  const int64_t axis = (*given)[0] < 0 ? (*given)[0] + x.rank() : (*given)[0];
  if (axis < 0 || axis >= x.rank()) return ctx.Cannot("the axis is none of the operand's");
  const bool sum = ctx.attrs.Str("mode") == "sum";
  const Expr wide = Widen(x);
  const Expr places = Range(ctx, Extent::Of(x, static_cast<int>(axis)));
  std::vector<int64_t> trailing;
  for (int64_t i = axis + 1; i < x.rank(); ++i) trailing.push_back(i - axis + 1);
  const Expr to = Unsqueeze(Unsqueeze(places, {1}), trailing);
  const Expr from = Unsqueeze(Unsqueeze(places, {0}), trailing);
  const Expr late = ctx.attrs.Flag("reverse") ? Less(from, to) : Less(to, from);
  const Expr neutral = ScalarOf(ctx, wide.dtype(), sum ? 0 : 1);
  const Expr spread = Unsqueeze(wide, {axis});
  const Expr gone = ctx.attrs.Flag("exclusive") ? Or(late, Equal(from, to)) : late;
  Result0(ctx, Reduce(Where(gone, neutral, spread), sum ? "sum" : "prod", {axis + 1}, false), x.dtype());
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
