// Quantisation as arithmetic, with one scale for all, one for each index of an axis, or one for each block.
#include "ir/convert.h"
#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

// A tensor of scales, or zero points, as it broadcasts against x.
Expr Spread(DecomposeCtx& ctx, const Expr& scale, const Expr& x) {
  const Type& t = scale.type();
  if (t.ranked() && t.rank() == 0) return scale;
  if (!t.ranked() || !x.ranked()) {
    ctx.Fail(ctx.Cannot("the rank of an operand is not known"));
    return scale;
  }
  int64_t axis = ctx.attrs.Int("axis", 1);
  if (axis < 0) axis += x.rank();
  const int64_t block = ctx.attrs.Int("block");
  // A single scale broadcasts wherever it stands.
  if (t.rank() == 1 && t.shape()[0] == Dim(1)) return x.rank() == 0 ? Reshape(scale, {}) : scale;
  if (axis < 0 || axis >= x.rank()) {
    ctx.Fail(ctx.Cannot("the axis of the scales is none of x's"));
    return scale;
  }
  if (t.rank() == 1 && block == 0) {
    std::vector<int64_t> trailing;
    for (int64_t i = axis + 1; i < x.rank(); ++i) trailing.push_back(i - axis);
    return Unsqueeze(scale, trailing);
  }
  Extents repeated, joined;
  for (int i = 0; i < scale.rank(); ++i) {
    const Extent d = Extent::Of(scale, i);
    repeated.push_back(d);
    joined.push_back(i == axis ? d * block : d);
    if (i == axis) repeated.emplace_back(block);
  }
  const Expr blocks = Reshape(Expand(Unsqueeze(scale, {axis + 1}), repeated), joined);
  // The last block may reach past the end.
  return Slice(blocks, axis, 0, Extent::Of(x, static_cast<int>(axis)));
}

}  // namespace

Status DecomposeDequantize(DecomposeCtx& ctx) {
  const Expr x = Operand(ctx, 0);
  const DType to = ctx.attrs.Dtype("to");
  const Expr scale = Operand(ctx, 1);
  // Integers of 32 bits and more are no f32.
  const bool wide =
      to == DType::kF64 || scale.dtype() == DType::kF64 || x.dtype() == DType::kI32 || x.dtype() == DType::kI64;
  const DType compute = wide ? DType::kF64 : DType::kF32;
  Expr y = Cast(x, compute);
  if (ctx.Has(2)) y = y - Cast(Spread(ctx, Operand(ctx, 2), x), compute);
  Result0(ctx, y * Cast(Spread(ctx, scale, x), compute), to);
  return Ok{};
}

Status DecomposeQuantize(DecomposeCtx& ctx) {
  const Expr x = Operand(ctx, 0);
  const Expr scale = Operand(ctx, 1);
  const DType to = ctx.attrs.Dtype("to");
  const bool wide = to == DType::kI32 || to == DType::kU32;
  if (!IsInteger(to) || to == DType::kI64 || to == DType::kU64) {
    return ctx.Cannot("only integers of 32 bits and fewer are rounded and cut as floats");
  }
  // The quotient is rounded to this type, which decides ties.
  const DType precision = ctx.attrs.Dtype("precision", scale.dtype());
  if (!kFloats.Has(precision)) return ctx.Cannot("the scale is not of a type to compute in");
  const DType compute = wide || precision == DType::kF64 ? DType::kF64 : DType::kF32;
  const auto rounded = [&](const Expr& e) { return Cast(Cast(e, precision), compute); };
  Expr q = rounded(rounded(x) / rounded(Spread(ctx, scale, x)));
  if (ctx.attrs.Str("rounding") == "away") {
    const Expr size = Abs(q), whole = Floor(size);
    q = Apply(ctx, kSign, {q}) * (whole + Cast(LessEqual(ScalarOf(ctx, compute, 0.5), size - whole), compute));
  } else {
    q = Round(q);
  }
  if (ctx.Has(2)) q = q + Cast(Spread(ctx, Operand(ctx, 2), x), compute);
  q = Max(Min(q, static_cast<double>(IntMax(to))), static_cast<double>(IntMin(to)));
  Result0(ctx, q, to);
  return Ok{};
}

// In f32 step by step, as the operator's definition has it.
Status DecomposeDynamicQuantize(DecomposeCtx& ctx) {
  const Expr x = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  std::vector<int64_t> all;
  for (int64_t i = 0; i < x.rank(); ++i) all.push_back(i);
  const Expr high = Max(Reduce(x, "max", all, false), 0.0);
  const Expr low = Min(Reduce(x, "min", all, false), 0.0);
  const Expr range = high - low;
  const Expr one = ScalarOf(ctx, x.dtype(), 1);
  const Expr scale = Where(Equal(high, low), one, range) / 255.0;
  const auto cut = [](const Expr& e) { return Max(Min(e, 255.0), 0.0); };
  const Expr zero = Round(cut(0.0 - low / scale));
  Result0(ctx, cut(Round(x / scale) + zero), DType::kU8);
  ResultN(ctx, 1, scale, DType::kF32);
  ResultN(ctx, 2, zero, DType::kU8);
  return Ok{};
}

}  // namespace godwit::ops
