// Sampling between the elements of a picture, as gathers and weighted sums; blocks summed back into pictures.
#include <algorithm>
#include <numeric>

#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

// Elements along one axis that make up a place: whole numbers as floats, weights, and where they lie inside (empty:
// everywhere).
struct Tap {
  Expr index, weight, inside;
};

Expr ToType(const Extent& e, DecomposeCtx& ctx, DType dtype) {
  if (const auto n = e.known()) return ScalarOf(ctx, dtype, static_cast<double>(*n));
  return Cast(e.Get(ctx), dtype);
}

// The elements at the taps of all axes: one index for each combination, into rows [.., picture] numbered from `base`.
// `rows` is [rows, channels]; taps have one shape; the result has that shape and the channels behind it.
Expr SumOfTaps(const Expr& rows, const Expr& base, const std::vector<std::vector<Tap>>& axes, const Extents& picture,
               bool weighted) {
  DecomposeCtx& ctx = rows.ctx();
  size_t combinations = 1;
  for (const auto& taps : axes) combinations *= taps.size();
  Expr sum;
  for (size_t c = 0; c < combinations; ++c) {
    Expr index, weight, inside;
    size_t rest = c;
    for (size_t k = 0; k < axes.size(); ++k) {
      const Tap& tap = axes[k][rest % axes[k].size()];
      rest /= axes[k].size();
      const Expr whole = Cast(tap.index, DType::kI64);
      index = k == 0 ? whole : index * picture[k].Get(ctx) + whole;
      if (weighted) weight = k == 0 ? tap.weight : weight * tap.weight;
      if (tap.inside.valid()) inside = inside.valid() ? And(inside, tap.inside) : tap.inside;
    }
    Expr value = Gather(rows, base.valid() ? index + base : index, 0);
    if (weighted) {
      if (inside.valid()) weight = Where(inside, weight, ScalarOf(ctx, weight.dtype(), 0));
      value = value * Cast(Unsqueeze(weight, {-1}), value.dtype());
    } else if (inside.valid()) {
      value = Where(Unsqueeze(inside, {-1}), value, ScalarOf(ctx, value.dtype(), 0));
    }
    sum = sum.valid() ? sum + value : value;
  }
  return sum;
}

// Back and forth between the two ends.
Expr Reflected(const Expr& x, double low, const Expr& range) {
  DecomposeCtx& ctx = x.ctx();
  const Expr length = Max(range, 1.0);
  const Expr twice = length * 2.0;
  const Expr distance = Abs(x - low);
  const Expr y = distance - Floor(distance / twice) * twice;
  return Where(Less(length, y), twice - y, y) + ScalarOf(ctx, x.dtype(), low);
}

class GridAxis {
 public:
  GridAxis(DecomposeCtx& ctx, const Expr& n) : n_(n) {
    mode_ = ctx.attrs.Str("mode", "linear");
    padding_ = ctx.attrs.Str("padding", "zeros");
    align_ = ctx.attrs.Flag("align_corners");
  }

  // Taps around coordinates in [-1, 1].
  std::vector<Tap> At(const Expr& coordinate) const {
    DecomposeCtx& ctx = coordinate.ctx();
    Expr x = align_ ? (coordinate + 1.0) / 2.0 * (n_ - 1.0) : ((coordinate + 1.0) * n_ - 1.0) / 2.0;
    // Ties of nearest are those of f32 arithmetic, in which grids are made.
    if (mode_ == "nearest") x = Round(Cast(x, DType::kF32));
    const Expr n = Cast(n_, x.dtype());
    if (padding_ == "border" && mode_ != "cubic") x = Max(Min(x, n - 1.0), 0.0);
    if (padding_ == "reflection") x = Reflect(x, n);
    // NaN and what is far away is outside, and small enough to be an index.
    x = Where(Equal(x, x), Max(Min(x, n + 4.0), -4.0), ScalarOf(ctx, x.dtype(), -4));
    if (mode_ == "nearest") return {Made(x, {}, n)};
    const Expr first = Floor(x);
    const Expr t = x - first;
    if (mode_ == "linear") return {Made(first, 1.0 - t, n), Made(first + 1.0, t, n)};
    constexpr double kA = -0.75;
    const auto near = [](const Expr& v) { return (v * (kA + 2) - (kA + 3)) * v * v + 1.0; };
    const auto far = [](const Expr& v) { return ((v * kA - 5 * kA) * v + 8 * kA) * v - 4 * kA; };
    return {Made(first - 1.0, far(t + 1.0), n), Made(first, near(t), n), Made(first + 1.0, near(1.0 - t), n),
            Made(first + 2.0, far(2.0 - t), n)};
  }

 private:
  Expr Reflect(const Expr& x, const Expr& n) const { return align_ ? Reflected(x, 0, n - 1.0) : Reflected(x, -0.5, n); }
  Tap Made(const Expr& place, const Expr& weight, const Expr& n) const {
    Tap tap{place, weight, {}};
    if (padding_ == "zeros") {
      tap.inside = And(Less(place, n), Less(ScalarOf(place.ctx(), place.dtype(), -0.5), place));
    } else if (padding_ == "reflection") {
      tap.index = Reflect(place, n);
    }
    tap.index = Max(Min(tap.index, n - 1.0), 0.0);
    return tap;
  }

  Expr n_;
  std::string_view mode_, padding_;
  bool align_ = false;
};

}  // namespace

Status DecomposeGridSample(DecomposeCtx& ctx) {
  const Expr given = RankedOperand(ctx, 0);
  const Expr grid_in = RankedOperand(ctx, 1);
  if (ctx.failed()) return Ok{};
  const bool nearest = ctx.attrs.Str("mode", "linear") == "nearest";
  if (!nearest && !kFloats.Has(given.dtype())) return ctx.Cannot("sums of integers are rounded as floats are");
  const int spatial = given.rank() - 2;
  if (spatial < 1 || spatial > 4 || grid_in.rank() != given.rank()) return ctx.Cannot("the ranks do not fit");
  const Expr x = Widen(given);
  const Expr grid = nearest ? Cast(grid_in, DType::kF64) : Widen(grid_in);
  // Pictures as rows of pixels, [batch * pixels, channels].
  Extents dims, picture;
  for (int i = 0; i < x.rank(); ++i) dims.push_back(Extent::Of(x, i));
  Extent pixels = 1;
  std::vector<int64_t> channels_last = {0};
  for (int k = 0; k < spatial; ++k) {
    picture.push_back(dims[static_cast<size_t>(k + 2)]);
    pixels = pixels * picture.back();
    channels_last.push_back(k + 2);
  }
  channels_last.push_back(1);
  const Expr rows = Reshape(Transpose(x, channels_last), {dims[0] * pixels, dims[1]});
  std::vector<std::vector<Tap>> axes;
  for (int k = 0; k < spatial; ++k) {
    // A grid names the last axis first.
    const int64_t at = spatial - 1 - k;
    const Expr coordinate = Squeeze(Slice(grid, spatial + 1, at, at + 1), {spatial + 1});
    axes.push_back(GridAxis(ctx, ToType(picture[static_cast<size_t>(k)], ctx, grid.dtype())).At(coordinate));
  }
  Expr base;
  if (!(dims[0].dim() == Dim(1))) {
    std::vector<int64_t> trailing(static_cast<size_t>(spatial));
    std::iota(trailing.begin(), trailing.end(), 1);
    base = Unsqueeze(Range(ctx, dims[0]) * pixels.Get(ctx), trailing);
  }
  const Expr y = SumOfTaps(rows, base, axes, picture, !nearest);
  std::vector<int64_t> channels_first = {0, spatial + 1};
  for (int64_t k = 1; k <= spatial; ++k) channels_first.push_back(k);
  Result0(ctx, Transpose(y, channels_first), given.dtype());
  return Ok{};
}

// The places of all elements in homogeneous coordinates, times the transposed maps.
Status DecomposeAffineGrid(DecomposeCtx& ctx) {
  const Expr theta = RankedOperand(ctx, 0);
  const Expr size = Operand(ctx, 1);
  if (ctx.failed()) return Ok{};
  const auto entries = size.ranked() && size.rank() == 1 ? size.dim(0).known() : std::nullopt;
  if (!entries || (*entries != 4 && *entries != 5)) return ctx.Cannot("the number of axes is not known");
  const int64_t spatial = *entries - 2;
  const auto known = ctx.Ints(1);
  const auto entry = [&](int64_t i) {
    return known ? Extent((*known)[static_cast<size_t>(i)]) : Extent::Value(Slice(size, 0, i, i + 1));
  };
  const Expr m = Widen(theta);
  const DType dtype = m.dtype();
  Extents dims;
  Extent points = 1;
  for (int64_t k = 0; k < spatial; ++k) {
    dims.push_back(entry(k + 2));
    points = points * dims.back();
  }
  Extents column = dims;
  column.emplace_back(1);
  std::vector<Expr> parts;
  for (int64_t k = spatial; k-- > 0;) {
    const Extent& n = dims[static_cast<size_t>(k)];
    const Expr i = Cast(Range(ctx, n), dtype);
    const Expr place = ctx.attrs.Flag("align_corners") ? i * 2.0 / Max(ToType(n - 1, ctx, dtype), 1.0) - 1.0
                                                       : (i * 2.0 + 1.0) / ToType(n, ctx, dtype) - 1.0;
    std::vector<int64_t> trailing;
    for (int64_t t = k + 1; t <= spatial; ++t) trailing.push_back(t - k);
    parts.push_back(Expand(Unsqueeze(place, trailing), column));
  }
  parts.push_back(Full(ctx, dtype, 1, column));
  const Expr places = Reshape(Join(parts, spatial), {points, spatial + 1});
  Extents result = {Extent::Of(theta, 0)};
  result.insert(result.end(), dims.begin(), dims.end());
  result.emplace_back(spatial);
  Result0(ctx, Reshape(MatMul(places, Transpose(m, {0, 2, 1})), result), theta.dtype());
  return Ok{};
}

// A transposed convolution with kernels of one 1 each puts every element of a block into its place.
Status DecomposeCol2Im(DecomposeCtx& ctx) {
  const Expr columns = RankedOperand(ctx, 0);
  const Expr image = Operand(ctx, 1), block = Operand(ctx, 2);
  if (ctx.failed()) return Ok{};
  const auto axes = image.ranked() && image.rank() == 1 ? image.dim(0).known() : std::nullopt;
  if (!axes) return ctx.Cannot("the number of axes is not known");
  if (!kFloats.Has(columns.dtype())) return ctx.Cannot("convolutions are of floats");
  const auto n = static_cast<size_t>(*axes);
  const auto entry = [&](std::string_view name, size_t i, int64_t fallback) {
    const std::vector<int64_t>& list = ctx.attrs.Ints(name);
    return i < list.size() ? list[i] : fallback;
  };
  const auto sizes = [&](const Expr& e, size_t operand, size_t k) {
    const auto at = static_cast<int64_t>(k);
    const auto known = ctx.Ints(operand);
    return known && k < known->size() ? Extent((*known)[k]) : Extent::Value(Slice(e, 0, at, at + 1));
  };
  std::vector<int64_t> strides, dilations, all;
  Extents counts, extents, starts, ends, pads(n + 4, Extent(0)), kernel = {1};
  Extent taps = 1;
  for (size_t k = 0; k < n; ++k) {
    strides.push_back(entry("strides", k, 1));
    dilations.push_back(entry("dilations", k, 1));
    if (strides[k] < 1) return ctx.Cannot("a stride is not positive");
    const Extent length = sizes(image, 1, k), window = sizes(block, 2, k);
    const int64_t before = entry("pads", k, 0), after = entry("pads", n + k, 0);
    const Extent span = (window - 1) * dilations[k];
    const Extent count = (length + (before + after - 1) - span) / strides[k] + 1;
    taps = taps * window;
    kernel.push_back(window);
    counts.push_back(count);
    extents.push_back(length);
    all.push_back(static_cast<int64_t>(k) + 2);
    // The blocks cover this much of the padded picture; what they do not reach is zero.
    const Extent covered = (count - 1) * strides[k] + span + 1;
    starts.emplace_back(before);
    ends.push_back(length + before);
    pads.push_back(Extent::Larger(length + before - covered, 0));
  }
  const Extent batch = Extent::Of(columns, 0);
  const Extent channels = Extent::Of(columns, 1) / taps;
  Extents blocks = {batch * channels, taps};
  blocks.insert(blocks.end(), counts.begin(), counts.end());
  const Expr x = Widen(columns);
  const Expr row = Range(ctx, taps);
  const Expr ones = Cast(Equal(Unsqueeze(row, {1}), row), x.dtype());
  kernel.insert(kernel.begin(), taps);
  Expr y = Apply(ctx, kConvTranspose, {Reshape(x, blocks), Reshape(ones, kernel)},
                 {{"strides", strides}, {"dilations", dilations}});
  y = Apply(ctx, kPad, {y, DimsOf(ctx, pads)});
  y = Apply(ctx, kSlice, {y, DimsOf(ctx, starts), DimsOf(ctx, ends), I64s(ctx, all)});
  Extents result = {batch, channels};
  result.insert(result.end(), extents.begin(), extents.end());
  Result0(ctx, Reshape(y, result), columns.dtype());
  return Ok{};
}

// Every tap of every window is sampled; what follows is a product with the weights.
Status DecomposeDeformConv(DecomposeCtx& ctx) {
  const Expr given = RankedOperand(ctx, 0);
  const Expr w = RankedOperand(ctx, 1);
  const Expr offset_in = RankedOperand(ctx, 2);
  if (ctx.failed()) return Ok{};
  const int spatial = given.rank() - 2;
  const auto n = static_cast<size_t>(spatial);
  const int64_t group = ctx.attrs.Int("group", 1);
  const int64_t offset_groups = ctx.attrs.Int("offset_group", 1);
  std::vector<int64_t> kernel;
  for (int k = 0; k < spatial; ++k) {
    const auto d = w.dim(k + 2).known();
    if (!d) return ctx.Cannot("the kernel's size is not known");
    kernel.push_back(*d);
  }
  if (spatial < 1 || spatial > 4) return ctx.Cannot("there are too many spatial axes");
  const int64_t taps = std::accumulate(kernel.begin(), kernel.end(), int64_t{1}, std::multiplies<>());
  const auto entry = [&](std::string_view name, size_t i, int64_t fallback) {
    const std::vector<int64_t>& list = ctx.attrs.Ints(name);
    return i < list.size() ? list[i] : fallback;
  };
  const Expr x = Widen(given);
  const Expr offset = Cast(offset_in, x.dtype());
  const Extent batch = Extent::Of(x, 0), channels = Extent::Of(x, 1), outputs = Extent::Of(w, 0);
  Extents picture, space;
  Extent pixels = 1, positions = 1;
  for (int k = 0; k < spatial; ++k) {
    picture.push_back(Extent::Of(x, k + 2));
    space.push_back(Extent::Of(offset, k + 2));
    pixels = pixels * picture.back();
    positions = positions * space.back();
  }
  // Moves as [batch, offset group, tap, axis, position].
  const Expr moves = Reshape(offset, {batch, offset_groups, taps, spatial, positions});
  std::vector<std::vector<Tap>> axes;
  for (size_t k = 0; k < n; ++k) {
    // Where tap t of the window at position p looks before it is moved: [tap, 1] + [position].
    int64_t inner = 1;
    for (size_t j = k + 1; j < n; ++j) inner *= kernel[j];
    std::vector<int64_t> places;
    for (int64_t t = 0; t < taps; ++t) {
      places.push_back(t / inner % kernel[k] * entry("dilations", k, 1) - entry("pads", k, 0));
    }
    std::vector<int64_t> trailing;
    for (size_t j = k + 1; j < n; ++j) trailing.push_back(static_cast<int64_t>(j - k));
    const Expr start = Range(ctx, space[k]) * static_cast<double>(entry("strides", k, 1));
    const Expr starts = Reshape(Expand(Unsqueeze(start, trailing), space), {positions});
    const Expr still = Cast(Unsqueeze(I64s(ctx, places), {1}) + starts, x.dtype());
    const auto axis = static_cast<int64_t>(k);
    const Expr place = still + Squeeze(Slice(moves, 3, axis, axis + 1), {3});
    const Expr extent = ToType(picture[k], ctx, x.dtype());
    const Expr safe = Where(Equal(place, place), Max(Min(place, extent + 4.0), -4.0), ScalarOf(ctx, x.dtype(), -4));
    const Expr low = Floor(safe);
    const Expr t = safe - low;
    const auto tap = [&](const Expr& index, const Expr& weight) {
      const Expr inside = And(Less(index, extent), Less(ScalarOf(ctx, x.dtype(), -0.5), index));
      return Tap{Max(Min(index, extent - 1.0), 0.0), weight, inside};
    };
    axes.push_back({tap(low, 1.0 - t), tap(low + 1.0, t)});
  }
  // Pixels as rows of the channels that move together: [batch * offset groups * pixels, channels of a group].
  const Extent together = channels / offset_groups;
  const Expr grouped = Reshape(x, {batch, offset_groups, together, pixels});
  const Expr rows = Reshape(Transpose(grouped, {0, 1, 3, 2}), {batch * offset_groups * pixels, together});
  const Expr numbers = Reshape(Range(ctx, batch * offset_groups) * pixels.Get(ctx), {batch, offset_groups, 1, 1});
  Expr sampled = SumOfTaps(rows, numbers, axes, picture, true);
  if (ctx.Has(4)) {
    const Expr mask = Reshape(Cast(Operand(ctx, 4), x.dtype()), {batch, offset_groups, taps, positions});
    sampled = sampled * Unsqueeze(mask, {4});
  }
  // [batch, offset group, tap, position, channel] to [batch, group, channel and tap, position].
  const Expr inner = Reshape(Transpose(sampled, {0, 1, 4, 2, 3}), {batch, group, channels / group * taps, positions});
  const Expr weights = Reshape(Cast(w, x.dtype()), {group, outputs / group, channels / group * taps});
  Extents result = {batch, outputs};
  result.insert(result.end(), space.begin(), space.end());
  Expr y = Reshape(MatMul(weights, inner), result);
  if (ctx.Has(3)) {
    std::vector<int64_t> trailing(n);
    std::iota(trailing.begin(), trailing.end(), 1);
    y = y + Cast(Unsqueeze(Operand(ctx, 3), trailing), y.dtype());
  }
  Result0(ctx, y, given.dtype());
  return Ok{};
}

}  // namespace godwit::ops
