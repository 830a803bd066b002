// Reductions by their steps, products with factors, normalisation across channels, the one-hot of the largest,
// determinants, means over regions.
#include <limits>

#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

using Ints = std::vector<int64_t>;

/// Whole numbers up to here are exact in f32.
constexpr int64_t kExactSum = int64_t{1} << 24;
constexpr int64_t kMostNeighbours = 256;

}  // namespace

// Known axes: all modes but those that runtimes have.
Status DecomposeKnownReduce(DecomposeCtx& ctx) {
  const std::string_view mode = ctx.attrs.Str("mode");
  if (mode == "sum" || mode == "max" || mode == "min" || mode == "prod") return ctx.Cannot("it is a simple one");
  const Expr given = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  const Expr x = Widen(given);
  Attrs attrs = ctx.attrs;
  const auto over = [&](const Expr& e, std::string_view how, bool keep) {
    attrs.Set("mode", std::string(how));
    attrs.Set("keep_dims", int64_t{keep});
    return Apply(ctx, kReduce, {e, Operand(ctx, 1)}, attrs);
  };
  const bool keep = ctx.attrs.Flag("keep_dims", true);
  Expr y;
  if (mode == "l1") {
    y = over(Abs(x), "sum", keep);
  } else if (mode == "sum_square") {
    y = over(x * x, "sum", keep);
  } else if (!kFloats.Has(given.dtype())) {
    return ctx.Cannot("means and roots of integers are rounded in their own way");
  } else if (mode == "l2") {
    y = Sqrt(over(x * x, "sum", keep));
  } else if (mode == "log_sum") {
    y = Log(over(x, "sum", keep));
  } else if (mode == "log_sum_exp") {
    // An infinite maximum would take itself away from itself.
    const auto finite = [&](const Expr& top) {
      const Expr infinity = ScalarOf(ctx, x.dtype(), std::numeric_limits<double>::infinity());
      return Where(Equal(Abs(top), infinity), ScalarOf(ctx, x.dtype(), 0), top);
    };
    const Expr sum = over(Exp(x - finite(over(x, "max", true))), "sum", keep);
    y = Log(sum) + finite(over(x, "max", keep));
  } else {
    return ctx.Cannot("it is a simple one");
  }
  Result0(ctx, y, given.dtype());
  return Ok{};
}

Status DecomposeGemm(DecomposeCtx& ctx) {
  const Expr a = RankedOperand(ctx, 0), b = RankedOperand(ctx, 1);
  if (ctx.failed()) return Ok{};
  const DType dtype = a.dtype();
  const double alpha = ctx.attrs.Float("alpha", 1), beta = ctx.attrs.Float("beta", 1);
  if (IsInteger(dtype)) return ctx.Cannot("factors of integers are rounded in their own way");
  Attrs attrs;
  for (const std::string_view flag : {"transpose_a", "transpose_b"}) {
    if (ctx.attrs.Flag(flag)) attrs.Set(flag, int64_t{1});
  }
  Expr y = Apply(ctx, kMatMul, {Widen(a), Widen(b)}, std::move(attrs));
  if (alpha != 1) y = y * alpha;
  if (ctx.Has(2)) {
    const Expr c = Cast(Operand(ctx, 2), y.dtype());
    y = y + (beta == 1 ? c : c * beta);
  }
  Result0(ctx, y, dtype);
  return Ok{};
}

// Integers as floats, while no sum is too large for these to be exact.
Status DecomposeIntegerMatMul(DecomposeCtx& ctx) {
  const Expr a = RankedOperand(ctx, 0), b = RankedOperand(ctx, 1);
  if (ctx.failed()) return Ok{};
  const bool bytes =
      IsInteger(a.dtype()) && IsInteger(b.dtype()) && Info(a.dtype()).bits <= 8 && Info(b.dtype()).bits <= 8;
  if (!bytes || a.rank() < 1 || b.rank() < 1) return ctx.Cannot("it is a simple one");
  const auto depth = a.dim(ctx.attrs.Flag("transpose_a") && a.rank() > 1 ? -2 : -1).known();
  if (!depth || *depth > kExactSum / (255 * 255)) return ctx.Cannot("sums of so many products are not exact in f32");
  const auto centred = [&](const Expr& e, size_t zero, bool rows) {
    const Expr y = Cast(e, DType::kF32);
    if (!ctx.Has(zero)) return y;
    Expr z = Cast(Operand(ctx, zero), DType::kF32);
    // One for each row of a stands before the columns.
    if (rows && z.ranked() && z.rank() == 1 && !(z.dim(0) == Dim(1))) z = Unsqueeze(z, {1});
    return y - z;
  };
  const Expr y = Apply(ctx, kMatMul, {centred(a, 2, true), centred(b, 3, false)}, Attrs(ctx.attrs));
  ctx.Out(0, Cast(Round(y), DType::kI32).id());
  return Ok{};
}

// The squares of neighbouring channels, slice by slice.
Status DecomposeLrn(DecomposeCtx& ctx) {
  const Expr given = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  const int rank = given.rank();
  const int64_t size = ctx.attrs.Int("size");
  int64_t axis = ctx.attrs.Int("channel_axis", 1);
  if (axis < 0) axis += rank;
  if (size < 1 || size > kMostNeighbours) return ctx.Cannot("there are too many neighbours");
  const Expr x = Widen(given);
  Ints pads(static_cast<size_t>(2 * rank), 0);
  pads[static_cast<size_t>(axis)] = (size - 1) / 2;
  pads[static_cast<size_t>(rank + axis)] = size - 1 - (size - 1) / 2;
  const Expr squares = size == 1 ? x * x : Apply(ctx, kPad, {x * x, I64s(ctx, pads)});
  const Extent channels = Extent::Of(x, static_cast<int>(axis));
  Expr sum;
  for (int64_t k = 0; k < size; ++k) {
    const Expr part = size == 1 ? squares : Slice(squares, axis, k, channels + k);
    sum = k == 0 ? part : sum + part;
  }
  const Expr base = sum * (ctx.attrs.Float("alpha", 1e-4) / static_cast<double>(size)) + ctx.attrs.Float("bias", 1);
  Result0(ctx, x / Pow(base, ctx.attrs.Float("beta", 0.75)), given.dtype());
  return Ok{};
}

namespace {

// The determinant of the rows from `row` on and the columns that are left, by its first row.
Expr Minor(const std::vector<std::vector<Expr>>& m, size_t row, const std::vector<size_t>& columns) {
  if (columns.size() == 1) return m[row][columns[0]];
  Expr sum;
  for (size_t k = 0; k < columns.size(); ++k) {
    std::vector<size_t> left = columns;
    left.erase(left.begin() + static_cast<int64_t>(k));
    const Expr part = m[row][columns[k]] * Minor(m, row + 1, left);
    sum = k == 0 ? part : k % 2 == 1 ? sum - part : sum + part;
  }
  return sum;
}

}  // namespace

// Of few rows, as sums of products.
Status DecomposeDet(DecomposeCtx& ctx) {
  constexpr int64_t kMostRows = 4;
  const Expr given = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  const int rank = given.rank();
  const auto n = rank < 2 ? std::nullopt : given.dim(-1).known();
  if (!n || *n < 1 || *n > kMostRows) return ctx.Cannot("the matrix has too many rows");
  const Expr x = Widen(given);
  std::vector<std::vector<Expr>> m;
  std::vector<size_t> columns;
  for (int64_t r = 0; r < *n; ++r) {
    columns.push_back(static_cast<size_t>(r));
    const Expr row = Slice(x, rank - 2, r, r + 1);
    m.emplace_back();
    for (int64_t c = 0; c < *n; ++c) m.back().push_back(Squeeze(Slice(row, rank - 1, c, c + 1), {rank - 2, rank - 1}));
  }
  Result0(ctx, Minor(m, 0, columns), given.dtype());
  return Ok{};
}

// Means of samples between elements are products with matrices that weigh rows and columns, one pair for each region.
Status DecomposeRoiAlign(DecomposeCtx& ctx) {
  constexpr int64_t kMostSamples = 64;
  const Expr given = RankedOperand(ctx, 0), regions = RankedOperand(ctx, 1);
  if (ctx.failed()) return Ok{};
  const int64_t samples = ctx.attrs.Int("samples", 0);
  if (ctx.attrs.Str("mode", "avg") != "avg") return ctx.Cannot("the largest of weighted elements is no product");
  if (samples < 1 || samples > kMostSamples) return ctx.Cannot("how many samples there are follows from the regions");
  if (given.rank() != 4) return ctx.Cannot("the ranks do not fit");
  const Expr x = Widen(given);
  const Expr boxes = Cast(regions, x.dtype());
  const bool half = ctx.attrs.Flag("half_pixel", true);
  const double scale = ctx.attrs.Float("scale", 1);
  // [regions, bins, extent] for one axis: the mean weight of each element in each bin.
  const auto weights = [&](int64_t low, int64_t bins, int axis) {
    const auto corner = [&](int64_t k) { return Slice(boxes, 1, k, k + 1) * scale - (half ? 0.5 : 0.0); };
    const Expr start = corner(low);
    Expr extent = corner(low + 2) - start;
    if (!half) extent = Max(extent, 1.0);
    const Expr steps = Unsqueeze(Cast(Range(ctx, bins * samples), x.dtype()), {0});
    const Expr along = (steps + 0.5) / static_cast<double>(bins * samples);
    const Expr place = Unsqueeze(start + extent * along, {2});
    const Expr length = Cast(Extent::Of(x, axis).Get(ctx), x.dtype());
    const Expr inside = And(LessEqual(ScalarOf(ctx, x.dtype(), -1), place), LessEqual(place, length));
    const Expr within = Max(Min(place, length - 1.0), 0.0);
    const Expr elements = Cast(Range(ctx, Extent::Of(x, axis)), x.dtype());
    const Expr near = Where(inside, Max(1.0 - Abs(within - elements), 0.0), ScalarOf(ctx, x.dtype(), 0));
    const Expr apart = Reshape(near, {Extent::Of(regions, 0), bins, samples, Extent::Of(x, axis)});
    return Reduce(apart, "mean", {2}, false);
  };
  const Expr rows = weights(1, ctx.attrs.Int("height", 1), 2), columns = weights(0, ctx.attrs.Int("width", 1), 3);
  const Expr pictures = Gather(x, Operand(ctx, 2), 0);
  const Expr y = MatMul(MatMul(Unsqueeze(rows, {1}), pictures), Unsqueeze(Transpose(columns, {0, 2, 1}), {1}));
  Result0(ctx, y, given.dtype());
  return Ok{};
}

// 1 at the first largest element.
Status DecomposeHardmax(DecomposeCtx& ctx) {
  if (ctx.attrs.Str("mode", "soft") != "hard") return ctx.Cannot("it is a simple one");
  const Expr x = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  if (x.rank() == 0) return ctx.Cannot("x is a scalar");
  int64_t axis = ctx.attrs.Int("axis", -1);
  if (axis < 0) axis += x.rank();
  const Expr top = Apply(ctx, kArgReduce, {x}, {{"mode", std::string("max")}, {"axis", axis}});
  Ints trailing;
  for (int64_t k = axis + 1; k < x.rank(); ++k) trailing.push_back(k - axis);
  const Expr places = Unsqueeze(Range(ctx, Extent::Of(x, static_cast<int>(axis))), trailing);
  ctx.Out(0, Cast(Equal(top, places), x.dtype()).id());
  return Ok{};
}

}  // namespace godwit::ops
