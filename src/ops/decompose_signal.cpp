// Fourier transforms as products with a matrix of cosines and sines, and windows as sums of cosines.
#include <numbers>

#include "base/checked.h"
#include "base/mathfn.h"
#include "ir/convert.h"
#include "ops/decompose.h"
#include "ops/expr.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

/// Larger matrices are not made: past that a transform is no product any more.
constexpr int64_t kMostElements = int64_t{1} << 22;

struct Transform {
  int64_t given = 0;   ///< numbers there are along the axis
  int64_t length = 0;  ///< numbers that are transformed
  int64_t in_parts = 1;
  int64_t bins = 0;
  int64_t out_parts = 2;
  bool inverse = false;
};

// What input n of the transform adds to result k, as real and imaginary part of a factor.
struct Factor {
  double re, im;
};
Factor FactorOf(const Transform& t, int64_t n, int64_t k) {
  if (n >= t.length) return {0, 0};
  const double angle = 2 * std::numbers::pi * static_cast<double>(n * k % t.length) / static_cast<double>(t.length);
  const double sin = mathfn::Sin(angle);
  const double scale = t.inverse ? 1 / static_cast<double>(t.length) : 1;
  return {scale * mathfn::Cos(angle), t.inverse ? scale * sin : -sin};
}

// Rows are (number, part), columns (bin, part).
Result<Tensor> Matrix(const Transform& t) {
  TRY(Tensor m, Tensor::Make(DType::kF64, {t.given * t.in_parts, t.bins * t.out_parts}));
  double* at = m.mutable_data<double>();
  const bool to_real = t.out_parts == 1;
  for (int64_t n = 0; n < t.given; ++n) {
    for (int64_t part = 0; part < t.in_parts; ++part) {
      for (int64_t k = 0; k < t.bins; ++k) {
        Factor f = FactorOf(t, n, k);
        if (to_real) {
          // The bins that are not given mirror these: all but the first and the middle one count twice.
          const bool mirrored = n > 0 && 2 * n != t.length;
          if (n > t.length / 2 || (part == 1 && !mirrored)) f = {0, 0};
          if (mirrored) f = {2 * f.re, 2 * f.im};
        }
        *at++ = part == 0 ? f.re : -f.im;
        if (!to_real) *at++ = part == 0 ? f.im : f.re;
      }
    }
  }
  return m;
}

// [..., given, parts] to [..., bins, parts].
Result<Expr> Transformed(const Expr& x, const Transform& t) {
  DecomposeCtx& ctx = x.ctx();
  const auto rows = CheckedMul(t.given, t.in_parts);
  const auto columns = CheckedMul(t.bins, t.out_parts);
  const auto elements = rows && columns ? CheckedMul(*rows, *columns) : std::nullopt;
  if (!elements || *elements > kMostElements) return ctx.Cannot("the transform is too long to be a matrix");
  TRY(Tensor wide, Matrix(t));
  TRY(Tensor m, ConvertTensor(wide, x.dtype(), {}));
  Extents flat, full;
  for (int i = 0; i + 2 < x.rank(); ++i) flat.push_back(Extent::Of(x, i));
  full = flat;
  flat.emplace_back(*rows);
  full.emplace_back(t.bins);
  full.emplace_back(t.out_parts);
  return Reshape(MatMul(Reshape(x, flat), Const(ctx, std::move(m))), full);
}

}  // namespace

namespace {

// The transform along one axis.
Result<Expr> Along(const Expr& x, int64_t axis, Transform t) {
  DecomposeCtx& ctx = x.ctx();
  const auto there = x.dim(static_cast<int>(axis)).known();
  if (!there) return ctx.Cannot("the length of the axis is not known");
  const bool onesided = ctx.attrs.Flag("onesided");
  t.given = *there;
  t.length = t.inverse && onesided ? 2 * (t.given - 1) : t.given;
  if (ctx.Has(1)) {
    const auto length = ctx.Ints(1);
    if (!length || length->size() != 1) return ctx.Cannot("the length is not known");
    t.length = (*length)[0];
  }
  if (t.length < 1) return ctx.Cannot("the length is not positive");
  t.bins = t.inverse || !onesided ? t.length : t.length / 2 + 1;
  t.out_parts = t.inverse && onesided ? 1 : 2;
  std::vector<int64_t> perm, back(static_cast<size_t>(x.rank()));
  for (int64_t i = 0; i + 1 < x.rank(); ++i) {
    if (i != axis) perm.push_back(i);
  }
  perm.push_back(axis);
  perm.push_back(x.rank() - 1);
  for (size_t i = 0; i < back.size(); ++i) back[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
  TRY(const Expr y, Transformed(Transpose(x, perm), t));
  return Transpose(y, back);
}

}  // namespace

// An axis that is not known is one of the operand's: each is tried, where all give results of one shape.
Status DecomposeDft(DecomposeCtx& ctx) {
  const Expr given = RankedOperand(ctx, 0);
  if (ctx.failed()) return Ok{};
  const int64_t axes = given.rank() - 1;
  const auto parts = given.dim(-1).known();
  if (axes < 1 || !parts || *parts < 1 || *parts > 2) return ctx.Cannot("the form of the numbers is not known");
  Transform t;
  t.in_parts = *parts;
  t.inverse = ctx.attrs.Flag("inverse");
  const Expr x = Widen(given);
  const auto known = ctx.Ints(2);
  if (!ctx.Has(2) || known) {
    if (known && known->size() != 1) return ctx.Cannot("it has several axes");
    int64_t axis = known ? (*known)[0] : -2;
    if (axis < 0) axis += given.rank();
    if (axis < 0 || axis >= axes) return ctx.Cannot("the axis is none of the operand's");
    TRY(const Expr y, Along(x, axis, t));
    Result0(ctx, y, given.dtype());
    return Ok{};
  }
  if (ctx.Has(1) || ctx.attrs.Flag("onesided")) return ctx.Cannot("the axis that changes its length is not known");
  const Expr rank = ScalarOf(ctx, DType::kI64, given.rank());
  const Expr axis = Mod(Reshape(Cast(Operand(ctx, 2), DType::kI64), {1}) + rank, rank);
  Expr y;
  for (int64_t k = 0; k < axes; ++k) {
    TRY(const Expr here, Along(x, k, t));
    y = k == 0 ? here : Where(Equal(axis, ScalarOf(ctx, DType::kI64, static_cast<double>(k))), here, y);
  }
  Result0(ctx, y, given.dtype());
  return Ok{};
}

Status DecomposeStft(DecomposeCtx& ctx) {
  const Expr given = RankedOperand(ctx, 0);
  const Expr window = Operand(ctx, 2);
  if (ctx.failed()) return Ok{};
  const auto step = ctx.Ints(1);
  const auto length = ctx.Ints(3);
  if (!step || step->size() != 1 || (*step)[0] < 1) return ctx.Cannot("the step is not known");
  Transform t;
  if (length && length->size() == 1) {
    t.length = (*length)[0];
  } else if (window.valid() && window.ranked()) {
    t.length = window.dim(0).known().value_or(0);
  }
  const auto parts = given.dim(-1).known();
  if (t.length < 1 || given.rank() != 3 || !parts || *parts < 1 || *parts > 2) {
    return ctx.Cannot("the length of a frame is not known");
  }
  t.given = t.length;
  t.in_parts = *parts;
  t.bins = ctx.attrs.Flag("onesided", true) ? t.length / 2 + 1 : t.length;
  const Extent frames = (Extent::Of(given, 1) - t.length) / (*step)[0] + 1;
  const Expr starts = Range(ctx, frames) * static_cast<double>((*step)[0]);
  Expr x = Gather(Widen(given), Unsqueeze(starts, {1}) + Range(ctx, t.length), 1);
  if (window.valid()) x = x * Unsqueeze(Cast(window, x.dtype()), {1});
  TRY(const Expr y, Transformed(x, t));
  Result0(ctx, y, given.dtype());
  return Ok{};
}

Status DecomposeCosineWindow(DecomposeCtx& ctx) {
  const Extent size = Extent::Value(Operand(ctx, 0));
  const DType dtype = ctx.attrs.Dtype("dtype", DType::kF32);
  const Expr place = Cast(Range(ctx, size), DType::kF64);
  // A window of one element, symmetric, has its only place at the middle: angles are multiples of pi.
  const bool periodic = ctx.attrs.Flag("periodic", true);
  const Expr whole = Cast((periodic ? size : size - 1).Get(ctx), DType::kF64);
  const Expr none = Equal(whole, ScalarOf(ctx, DType::kF64, 0));
  const Expr turn = Where(none, ScalarOf(ctx, DType::kF64, 0.5), place / Max(whole, 1.0)) * (2 * std::numbers::pi);
  Expr sum;
  const std::vector<double>& a = ctx.attrs.Floats("coefficients");
  for (size_t k = 0; k < a.size(); ++k) {
    const Expr term = Cos(turn * static_cast<double>(k)) * (k % 2 == 1 ? -a[k] : a[k]);
    sum = sum.valid() ? sum + term : term;
  }
  if (!sum.valid()) return ctx.Cannot("it has no coefficients");
  Result0(ctx, sum, dtype);
  return Ok{};
}

}  // namespace godwit::ops
