// Normalisations as means, products and square roots.
#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

/// Of operands whose rank is not known, no more are normalised together.
constexpr int64_t kMostAxes = 16;

// The axes from `axis` to the last. Counted from the end they need no rank.
Result<std::vector<int64_t>> LastAxes(DecomposeCtx& ctx, int64_t axis) {
  const Type& x = ctx.TypeOfIn(0);
  if (axis >= 0) {
    if (!x.ranked()) return ctx.Cannot("the rank of an operand is not known");
    axis -= x.rank();
  }
  if (axis >= 0 || axis < (x.ranked() ? -x.rank() : -kMostAxes)) return ctx.Cannot("the axis is none of x's");
  std::vector<int64_t> axes;
  for (; axis < 0; ++axis) axes.push_back(axis);
  return axes;
}

// A vector of channels as [channels, 1, ...], to broadcast against x.
Expr AlongChannels(const Expr& p, const Expr& x, int channel, DType dtype) {
  std::vector<int64_t> axes;
  for (int i = 1; i < x.rank() - channel; ++i) axes.push_back(i);
  return Cast(Unsqueeze(p, axes), dtype);
}

struct Normal {
  Expr x;
  int channel = 0;
};
// x and its channel axis; fails where the rank is unknown.
Normal Image(DecomposeCtx& ctx) {
  const Expr x = RankedOperand(ctx, 0);
  const auto axis = static_cast<int>(ctx.attrs.Int("channel_axis", 1));
  return {x, axis < 0 ? axis + x.rank() : axis};
}

Status Norm(DecomposeCtx& ctx, bool centre) {
  TRY(const std::vector<int64_t> axes, LastAxes(ctx, ctx.attrs.Int("axis", -1)));
  const Expr given = Operand(ctx, 0);
  const DType to = ctx.attrs.Dtype("to", given.dtype());
  const DType statistics = ctx.attrs.Dtype("statistics", DType::kF32);
  // The widest of what goes in and out, so that no result is rounded twice.
  const bool wide = given.dtype() == DType::kF64 || to == DType::kF64;
  Expr x = Cast(given, wide ? DType::kF64 : DType::kF32);
  Expr mean;
  if (centre) {
    mean = Reduce(x, "mean", axes);
    x = x - mean;
  }
  const Expr deviation = Sqrt(Reduce(x * x, "mean", axes) + ctx.attrs.Float("epsilon", 1e-5));
  Expr y = x / deviation;
  if (ctx.Has(1)) y = y * Cast(Operand(ctx, 1), y.dtype());
  if (ctx.Has(2)) y = y + Cast(Operand(ctx, 2), y.dtype());
  Result0(ctx, y, to);
  size_t next = 1;
  if (centre && ctx.Wants(next++)) ResultN(ctx, 1, mean, statistics);
  if (ctx.Wants(next)) ResultN(ctx, next, 1.0 / deviation, statistics);
  return Ok{};
}

}  // namespace

Status DecomposeLayerNorm(DecomposeCtx& ctx) { return Norm(ctx, true); }
Status DecomposeRmsNorm(DecomposeCtx& ctx) { return Norm(ctx, false); }

Status DecomposeInstanceNorm(DecomposeCtx& ctx) {
  const Normal n = Image(ctx);
  std::vector<int64_t> axes;
  for (int i = 1; i < n.x.rank(); ++i) {
    if (i != n.channel) axes.push_back(i);
  }
  Expr x = Widen(n.x);
  x = x - Reduce(x, "mean", axes);
  const Expr y = x / Sqrt(Reduce(x * x, "mean", axes) + ctx.attrs.Float("epsilon", 1e-5));
  const auto p = [&](size_t i) { return AlongChannels(Operand(ctx, i), n.x, n.channel, y.dtype()); };
  Result0(ctx, y * p(1) + p(2), n.x.dtype());
  return Ok{};
}

// The axis of channels becomes two, [groups, members], where it stands: that says nothing of the order of axes.
Status DecomposeGroupNorm(DecomposeCtx& ctx) {
  const Normal n = Image(ctx);
  const int64_t groups = ctx.attrs.Int("groups");
  if (ctx.failed()) return Ok{};
  Expr x = Widen(n.x);
  Extents dims, split;
  std::vector<int64_t> axes;
  for (int i = 0; i < x.rank(); ++i) {
    dims.push_back(Extent::Of(x, i));
    split.push_back(i == n.channel ? Extent(groups) : dims.back());
    if (i == n.channel) split.push_back(dims.back() / groups);
  }
  const bool single = groups == 1;
  if (!single) x = Reshape(x, split);
  for (int i = 1; i < x.rank(); ++i) {
    if (single || i != n.channel) axes.push_back(i);
  }
  x = x - Reduce(x, "mean", axes);
  Expr y = x / Sqrt(Reduce(x * x, "mean", axes) + ctx.attrs.Float("epsilon", 1e-5));
  // There is one scale for each channel, or one for each group.
  const auto size = ctx.TypeOfIn(1).ranked() ? ctx.TypeOfIn(1).shape()[0].known() : std::nullopt;
  const auto channels = n.x.dim(n.channel).known();
  if (!single && (!size || !channels)) return ctx.Cannot("the number of channels is not known");
  const bool by_group = !single && *size == groups && *size != *channels;
  if (by_group) {
    const auto p = [&](size_t i) { return AlongChannels(Operand(ctx, i), y, n.channel, y.dtype()); };
    y = y * p(1) + p(2);
  }
  if (!single) y = Reshape(y, dims);
  if (!by_group) {
    const auto p = [&](size_t i) { return AlongChannels(Operand(ctx, i), y, n.channel, y.dtype()); };
    y = y * p(1) + p(2);
  }
  Result0(ctx, y, n.x.dtype());
  return Ok{};
}

Status DecomposeBatchNorm(DecomposeCtx& ctx) {
  const Expr given = RankedOperand(ctx, 0);
  const Expr x = Widen(given);
  if (x.rank() == 0) return ctx.Cannot("x is a scalar");
  const bool single = x.rank() < 2;
  const Normal n = single ? Normal{given, 0} : Image(ctx);
  const auto p = [&](const Expr& e) { return single ? Cast(e, x.dtype()) : AlongChannels(e, x, n.channel, x.dtype()); };
  Expr mean = Operand(ctx, 3), variance = Operand(ctx, 4);
  if (ctx.attrs.Flag("training")) {
    std::vector<int64_t> axes;
    for (int i = 0; i < x.rank(); ++i) {
      if (single || i != n.channel) axes.push_back(i);
    }
    const Expr batch_mean = Reduce(x, "mean", axes, single);
    const Expr d = x - p(batch_mean);
    const Expr batch_variance = Reduce(d * d, "mean", axes, single);
    const double momentum = ctx.attrs.Float("momentum", 0.9);
    const auto running = [&](const Expr& old, const Expr& now) {
      return Cast(old, now.dtype()) * momentum + now * (1 - momentum);
    };
    if (ctx.Wants(1)) ResultN(ctx, 1, running(mean, batch_mean), mean.dtype());
    if (ctx.Wants(2)) ResultN(ctx, 2, running(variance, batch_variance), variance.dtype());
    mean = batch_mean;
    variance = batch_variance;
  } else {
    if (ctx.Wants(1)) ctx.Out(1, mean.id());
    if (ctx.Wants(2)) ctx.Out(2, variance.id());
  }
  const Expr deviation = Sqrt(Cast(variance, x.dtype()) + ctx.attrs.Float("epsilon", 1e-5));
  const Expr factor = Cast(Operand(ctx, 1), x.dtype());
  Result0(ctx, (x - p(mean)) / p(deviation) * p(factor) + p(Operand(ctx, 2)), given.dtype());
  return Ok{};
}

Status DecomposeLpNorm(DecomposeCtx& ctx) {
  const double p = ctx.attrs.Float("p", 2);
  const double epsilon = ctx.attrs.Float("epsilon");
  const Expr x = Operand(ctx, 0);
  const Expr wide = Widen(x);
  const std::vector<int64_t> axes = {ctx.attrs.Int("axis", -1)};
  const Expr norm = p == 1   ? Reduce(wide, "l1", axes)
                    : p == 2 ? Reduce(wide, "l2", axes)
                             : Pow(Reduce(Pow(Abs(wide), p), "sum", axes), 1 / p);
  if (epsilon > 0) {
    Result0(ctx, wide / Max(norm, epsilon), x.dtype());
    return Ok{};
  }
  // Lines of zeros stay zeros.
  const Expr zero = ScalarOf(ctx, wide.dtype(), 0);
  Result0(ctx, Where(Equal(norm, zero), zero, wide / norm), x.dtype());
  return Ok{};
}

}  // namespace godwit::ops
