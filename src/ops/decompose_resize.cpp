// Resizing one axis after the other: a gather where single elements are taken, else a product with a constant matrix
// whose rows weigh the elements of the source; where that were large, a sum of a few gathers.
#include <algorithm>

#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/known_shapes.h"
#include "ops/ops.h"
#include "ops/resize.h"

namespace godwit::ops {

namespace {

/// Matrices with more elements are not made.
constexpr int64_t kLargestMatrix = 1 << 18;
/// Nor are longer lists of places.
constexpr int64_t kMostPlaces = 1 << 22;

// Values along an axis, to multiply with.
Expr Along(DecomposeCtx& ctx, std::vector<float> values, int rank, int axis) {
  Dims dims(static_cast<size_t>(rank), 1);
  dims[static_cast<size_t>(axis)] = static_cast<int64_t>(values.size());
  return Const(ctx, Tensor::F32(std::move(dims), values));
}

Expr Taken(const Expr& x, const std::vector<int64_t>& index, int axis) {
  bool same = x.dim(axis) == Dim(static_cast<int64_t>(index.size()));
  for (size_t i = 0; same && i < index.size(); ++i) same = index[i] == static_cast<int64_t>(i);
  return same ? x : Gather(x, I64s(x.ctx(), index), axis);
}

Expr Weighted(const Expr& x, const ResizeAxis& axis, const ResizeTaps& taps, int at) {
  DecomposeCtx& ctx = x.ctx();
  const auto n = static_cast<size_t>(taps.n), out = static_cast<size_t>(axis.out);
  if (axis.in <= kLargestMatrix / axis.out) {
    std::vector<float> matrix(static_cast<size_t>(axis.in) * out, 0.0F);
    for (size_t i = 0; i < out; ++i) {
      if (taps.index[i * n] < 0) continue;
      std::vector<double> row(static_cast<size_t>(axis.in), 0.0);
      for (size_t k = 0; k < n; ++k) row[static_cast<size_t>(taps.index[i * n + k])] += taps.weight[i * n + k];
      for (size_t j = 0; j < row.size(); ++j) matrix[i * row.size() + j] = static_cast<float>(row[j]);
    }
    // The axis goes to the last place but one, where the product sums.
    const Expr m = Const(ctx, Tensor::F32({axis.out, axis.in}, matrix));
    if (at == x.rank() - 1) {
      return Apply(ctx, kMatMul, {x, m}, {{"transpose_b", int64_t{1}}});
    }
    Extents flat, full;
    Extent before = 1, after = 1;
    for (int k = 0; k < x.rank(); ++k) {
      if (k < at) before = before * Extent::Of(x, k);
      if (k > at) after = after * Extent::Of(x, k);
      full.push_back(k == at ? Extent(axis.out) : Extent::Of(x, k));
    }
    flat = {before, axis.in, after};
    return Reshape(MatMul(m, Reshape(x, flat)), full);
  }
  Expr sum;
  for (size_t k = 0; k < n; ++k) {
    std::vector<int64_t> index(out);
    std::vector<float> weight(out);
    for (size_t i = 0; i < out; ++i) {
      const bool inside = taps.index[i * n] >= 0;
      index[i] = inside ? taps.index[i * n + k] : 0;
      weight[i] = inside ? static_cast<float>(taps.weight[i * n + k]) : 0;
    }
    const Expr part = Taken(x, index, at) * Along(ctx, std::move(weight), x.rank(), at);
    sum = sum.valid() ? sum + part : part;
  }
  return sum;
}

// Places outside the source, which have one value whatever the other axes say.
Expr Extrapolated(const Expr& y, const ResizeTaps& taps, int at, double value) {
  DecomposeCtx& ctx = y.ctx();
  const auto n = static_cast<size_t>(taps.n);
  std::vector<float> inside;
  bool all = true;
  for (size_t i = 0; i < taps.index.size(); i += n) {
    inside.push_back(taps.index[i] < 0 ? 0.0F : 1.0F);
    all = all && taps.index[i] >= 0;
  }
  if (all) return y;
  const Expr mask = Cast(Along(ctx, std::move(inside), y.rank(), at), DType::kBool);
  return Where(mask, y, ScalarOf(ctx, y.dtype(), value));
}

}  // namespace

Status DecomposeResize(DecomposeCtx& ctx) {
  const auto sizes = KnownShapes(ctx);
  if (!sizes) return ctx.Cannot("sizes are known only when the model runs");
  const Expr given = Operand(ctx, 0);
  for (size_t i = 1; i < 4; ++i) {
    if (ctx.Has(i) && ctx.Const(i) == nullptr && !ctx.Ints(i)) {
      return ctx.Cannot("sizes are known only when the model runs");
    }
  }
  TRY(const ResizePlan plan, PlanResize(*sizes));
  const bool nearest = plan.mode == Interpolation::kNearest;
  if (!nearest && (!kFloats.Has(given.dtype()) || given.dtype() == DType::kF64)) {
    return ctx.Cannot("the weights are of f32");
  }
  Expr x = nearest ? given : Widen(given);
  for (size_t i = 0; i < plan.axes.size(); ++i) {
    const ResizeAxis& axis = plan.sizes[i];
    if (plan.Keeps(i)) continue;
    if (axis.in == 0 || axis.out == 0) return ctx.Cannot("there are no elements");
    if (axis.out > kMostPlaces) return ctx.Cannot("there are too many elements along an axis");
    if (nearest) {
      const ResizeTaps taps = NearestTaps(axis, plan.nearest);
      std::vector<int64_t> index = taps.index;
      for (int64_t& k : index) k = std::max<int64_t>(k, 0);
      x = Extrapolated(Taken(x, index, plan.axes[i]), taps, plan.axes[i], ctx.attrs.Float("extrapolation"));
      continue;
    }
    if (TapCount(axis.scale, plan.mode, plan.antialias) / 8 > axis.in + 2) return ctx.Cannot("the scale is too small");
    if (TapCount(axis.scale, plan.mode, plan.antialias) > kMostPlaces / axis.out) {
      return ctx.Cannot("there are too many elements along an axis");
    }
    const ResizeTaps taps = WeightedTaps(axis, plan.mode, plan.antialias, ctx.attrs.Float("cubic_a", -0.75),
                                         ctx.attrs.Flag("exclude_outside"));
    const Expr y = Weighted(x, axis, taps, plan.axes[i]);
    x = Extrapolated(y, taps, plan.axes[i], ctx.attrs.Float("extrapolation"));
  }
  if (ctx.failed()) return Ok{};
  if (x.id() == given.id()) x = Apply(ctx, kIdentity, {x});
  Result0(ctx, x, given.dtype());
  return Ok{};
}

}  // namespace godwit::ops
