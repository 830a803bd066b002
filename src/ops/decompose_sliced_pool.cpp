// Poolings of any windows as elementwise steps between strided slices, one axis after the other: the largest, or the
// sum, of a box is that of its rows' results.
#include <algorithm>
#include <limits>
#include <numeric>

#include "ir/convert.h"
#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/known_shapes.h"
#include "ops/ops.h"
#include "ops/pool_common.h"

namespace godwit::ops {

namespace {

using Ints = std::vector<int64_t>;

/// Windows with more taps along an axis are not taken apart.
constexpr int64_t kMostTaps = 256;
/// Nor are more windows than this counted one by one.
constexpr int64_t kMostWindows = 1 << 20;

struct Windows {
  Expr x;
  PoolGeometry geometry;
};

std::optional<Windows> Read(DecomposeCtx& ctx) {
  Windows w;
  w.x = RankedOperand(ctx, 0);
  const auto shapes = KnownShapes(ctx);
  if (!shapes) {
    ctx.Fail(ctx.Cannot("sizes are known only when the model runs"));
    return std::nullopt;
  }
  auto geometry = ResolvePool(*shapes);
  if (!geometry.ok()) {
    ctx.Fail(Diag(geometry.diag()));
    return std::nullopt;
  }
  w.geometry = *std::move(geometry);
  for (const Slide& s : w.geometry.slides) {
    if (s.kernel <= kMostTaps && s.out > 0 && s.out <= kMostWindows) continue;
    ctx.Fail(ctx.Cannot("the windows are too large or too many, or there is none"));
    return std::nullopt;
  }
  return w;
}

// Everything that some window reaches along an axis, and so many elements that tap t of each window is a slice.
Expr Reached(const Expr& x, int axis, const Slide& s, const Expr& filler) {
  const int64_t last = (s.out - 1) * s.stride + (s.kernel - 1) * s.dilation + 1;
  const int64_t after = std::max<int64_t>(0, last - s.pad_begin - s.in);
  if (s.pad_begin == 0 && after == 0) return x;
  Ints pads(static_cast<size_t>(2 * x.rank()), 0);
  pads[static_cast<size_t>(axis)] = s.pad_begin;
  pads[static_cast<size_t>(x.rank() + axis)] = after;
  return Apply(x.ctx(), kPad, {x, I64s(x.ctx(), pads), filler});
}
Expr TapOf(const Expr& x, int axis, const Slide& s, int64_t t) {
  const int64_t start = t * s.dilation;
  if (s.out == 1) return Slice(x, axis, start, start + 1);
  return Slice(x, axis, start, start + (s.out - 1) * s.stride + 1, s.stride);
}

template <class Join>
Expr Sliced(Expr x, const PoolGeometry& g, const Expr& filler, Join join) {
  for (size_t k = 0; k < g.slides.size(); ++k) {
    const Slide& s = g.slides[k];
    const int axis = g.axes.spatial[k];
    const Expr reached = Reached(x, axis, s, filler);
    Expr y = TapOf(reached, axis, s, 0);
    for (int64_t t = 1; t < s.kernel; ++t) y = join(y, TapOf(reached, axis, s, t));
    x = y;
  }
  return x;
}

// How many elements windows cover along an axis, as it broadcasts against the result.
Expr Counts(const Windows& w, size_t k, bool padding) {
  const Slide& s = w.geometry.slides[k];
  Dims dims(static_cast<size_t>(w.x.rank()), 1);
  dims[static_cast<size_t>(w.geometry.axes.spatial[k])] = s.out;
  std::vector<float> counts;
  for (int64_t o = 0; o < s.out; ++o) {
    // Windows of the ceiling mode may reach past the padding: what lies there does not count.
    const int64_t room = s.in + s.pad_end - s.Start(o);
    const int64_t padded = std::min(s.kernel, room <= 0 ? 0 : (room + s.dilation - 1) / s.dilation);
    counts.push_back(static_cast<float>(padding ? padded : s.LastTap(o) - s.FirstTap(o)));
  }
  return Const(w.x.ctx(), Tensor::F32(std::move(dims), counts));
}

Expr Lowest(DecomposeCtx& ctx, DType dtype) {
  return IsInteger(dtype) ? IntegerOf(ctx, dtype, IntMin(dtype))
                          : ScalarOf(ctx, dtype, -std::numeric_limits<double>::infinity());
}

// The largest element and where it is, tap by tap over whole windows.
Status WithIndices(DecomposeCtx& ctx, const Windows& w) {
  const PoolGeometry& g = w.geometry;
  const int rank = w.x.rank();
  const size_t n = g.slides.size();
  int64_t taps = 1;
  for (const Slide& s : g.slides) taps *= s.kernel;
  if (taps > kMostTaps) return ctx.Cannot("the windows are too large");
  for (const int axis : {0, g.axes.channel}) {
    if (w.x.dim(axis).known().value_or(0) > kMostWindows) return ctx.Cannot("there are too many pictures or channels");
  }
  // Indices count the elements, which there have to be a number of.
  Dims all;
  for (int k = 0; k < rank; ++k) all.push_back(w.x.dim(k).known().value_or(1));
  RETURN_IF_ERROR(CheckedByteSize(DType::kI64, all));
  // Steps of each axis in the operand, or in the order that counts its first spatial axis fastest.
  Ints steps(static_cast<size_t>(rank), 1);
  for (int k = rank - 2; k >= 0; --k) {
    const auto at = static_cast<size_t>(k);
    steps[at] = steps[at + 1] * w.x.dim(k + 1).known().value_or(1);
  }
  if (ctx.attrs.Flag("column_major")) {
    int64_t step = steps[static_cast<size_t>(g.axes.spatial.back())];
    for (size_t k = 0; k < n; ++k) {
      steps[static_cast<size_t>(g.axes.spatial[k])] = step;
      step *= g.slides[k].in;
    }
  }
  const auto along = [&](int axis, Ints values) {
    Dims dims(static_cast<size_t>(rank), 1);
    dims[static_cast<size_t>(axis)] = static_cast<int64_t>(values.size());
    return Const(ctx, Tensor::I64(std::move(dims), values));
  };
  Expr base;
  for (const int axis : {0, g.axes.channel}) {
    Ints values;
    for (int64_t i = 0; i < w.x.dim(axis).known().value_or(0); ++i) {
      values.push_back(i * steps[static_cast<size_t>(axis)]);
    }
    const Expr part = along(axis, std::move(values));
    base = base.valid() ? base + part : part;
  }
  Expr reached = w.x;
  const Expr lowest = Lowest(ctx, w.x.dtype());
  for (size_t k = 0; k < n; ++k) reached = Reached(reached, g.axes.spatial[k], g.slides[k], lowest);
  Expr best, where;
  Ints tap(n, 0);
  for (int64_t t = 0; t < taps; ++t) {
    Expr value = reached, place = base;
    for (size_t k = 0; k < n; ++k) {
      const Slide& s = g.slides[k];
      value = TapOf(value, g.axes.spatial[k], s, tap[k]);
      Ints values;
      for (int64_t o = 0; o < s.out; ++o) {
        const int64_t at = std::clamp<int64_t>(s.Start(o) + tap[k] * s.dilation, 0, s.in - 1);
        values.push_back(at * steps[static_cast<size_t>(g.axes.spatial[k])]);
      }
      place = place + along(g.axes.spatial[k], std::move(values));
    }
    if (t == 0) {
      best = value;
      Extents dims;
      for (int k = 0; k < rank; ++k) dims.push_back(Extent::Of(value, k));
      where = Expand(place, dims);
    } else {
      const Expr larger = Less(best, value);
      best = Where(larger, value, best);
      where = Where(larger, place, where);
    }
    for (size_t k = n; k-- > 0 && ++tap[k] == g.slides[k].kernel;) tap[k] = 0;
  }
  ctx.Out(0, best.id());
  ctx.Out(1, where.id());
  return Ok{};
}

}  // namespace

Status DecomposeMaxPool(DecomposeCtx& ctx) {
  const std::optional<Windows> w = Read(ctx);
  if (!w) return Ok{};
  if (ctx.Wants(1)) return WithIndices(ctx, *w);
  const Expr y =
      Sliced(w->x, w->geometry, Lowest(ctx, w->x.dtype()), [](const Expr& a, const Expr& b) { return Max(a, b); });
  ctx.Out(0, y.id());
  return Ok{};
}

Status DecomposeSlicedAvgPool(DecomposeCtx& ctx) {
  const std::optional<Windows> w = Read(ctx);
  if (!w) return Ok{};
  const Expr x = Widen(w->x);
  Expr y = Sliced(x, w->geometry, Expr(), [](const Expr& a, const Expr& b) { return a + b; });
  Expr counts;
  for (size_t k = 0; k < w->geometry.slides.size(); ++k) {
    const Expr c = Counts(*w, k, ctx.attrs.Flag("count_pads"));
    counts = counts.valid() ? counts * c : c;
  }
  Result0(ctx, y / Cast(counts, y.dtype()), w->x.dtype());
  return Ok{};
}

// Powers, their sums and the root.
Status DecomposeSlicedLpPool(DecomposeCtx& ctx) {
  const std::optional<Windows> w = Read(ctx);
  if (!w) return Ok{};
  const Expr x = Widen(w->x);
  const double p = ctx.attrs.Float("p", 2);
  const Expr powers = p == 1 ? Abs(x) : p == 2 ? x * x : Pow(Abs(x), p);
  const Expr sums = Sliced(powers, w->geometry, Expr(), [](const Expr& a, const Expr& b) { return a + b; });
  Result0(ctx, p == 1 ? sums : p == 2 ? Sqrt(sums) : Pow(sums, 1 / p), w->x.dtype());
  return Ok{};
}

}  // namespace godwit::ops
