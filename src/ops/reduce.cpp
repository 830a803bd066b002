// reduce: sums, means, extremes and norms over axes.
#include "ops/commute_rules.h"
#include "ops/decompose.h"
#include "ops/reduce_common.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/mathfn.h"
#include "ir/convert.h"
#include "ir/op_def.h"
#include "ops/plain.h"
#include "ops/samples.h"

namespace godwit::ops {

template <class Ctx>
Result<std::vector<bool>> ReducedAxes(const Ctx& ctx, std::string_view constraint, const std::vector<int64_t>& axes,
                                      int rank) {
  std::vector<bool> reduced(static_cast<size_t>(rank), false);
  for (int64_t a : axes) {
    TRY(const int axis, ctx.Axis(constraint, a, rank));
    reduced[static_cast<size_t>(axis)] = true;
  }
  return reduced;
}
template Result<std::vector<bool>> ReducedAxes(const InferCtx&, std::string_view, const std::vector<int64_t>&, int);
template Result<std::vector<bool>> ReducedAxes(const EvalCtx&, std::string_view, const std::vector<int64_t>&, int);

namespace {

constexpr TypeSet kTypes = kNumbers | kBools;
constexpr OperandDef kIn[] = {{"x", kTypes, OperandDef::kPlain, 'T'},
                              {"axes", kIndex, OperandDef::kOptional | OperandDef::kShapeLike}};
constexpr OperandDef kOut[] = {{"y", kTypes, OperandDef::kPlain, 'T'}};
constexpr AttrDef kAttrs[] = {
    {"mode", AttrKind::kString, "", "sum, mean, max, min, prod, l1, l2, log_sum, log_sum_exp or sum_square."},
    {"keep_dims", AttrKind::kInt, "1", "1: reduced axes stay with extent 1."},
    {"empty_axes_is_none", AttrKind::kInt, "0", "1: an absent or empty `axes` reduces nothing; 0: it reduces all."}};
constexpr std::string_view kRules[] = {"c1: axes lie in [-rank, rank)", "c2: mode is one of those listed",
                                       "c3: bool has max and min only"};

enum class Mode : uint8_t { kSum, kMean, kMax, kMin, kProd, kL1, kL2, kLogSum, kLogSumExp, kSumSquare };
constexpr std::string_view kModes[] = {"sum", "mean", "max",     "min",         "prod",
                                       "l1",  "l2",   "log_sum", "log_sum_exp", "sum_square"};

template <class Ctx>
Result<Mode> ReadMode(const Ctx& ctx) {
  const std::string_view name = ctx.attrs.Str("mode");
  for (size_t i = 0; i < std::size(kModes); ++i) {
    if (kModes[i] == name) return static_cast<Mode>(i);
  }
  return ctx.Fail("c2", fmt::format("mode '{}'", name));
}

// Which axes go, given the contents of `axes`.
template <class Ctx>
Result<std::vector<bool>> Chosen(const Ctx& ctx, const std::vector<int64_t>& axes, int rank) {
  if (axes.empty()) return std::vector<bool>(static_cast<size_t>(rank), !ctx.attrs.Flag("empty_axes_is_none"));
  return ReducedAxes(ctx, "c1", axes, rank);
}

Status Infer(InferCtx& ctx) {
  const DType dtype = ctx.DtypeOf(0);
  TRY(const Mode mode, ReadMode(ctx));
  if (dtype == DType::kBool && mode != Mode::kMax && mode != Mode::kMin) return ctx.Fail("c3", "x is bool");
  const bool keep = ctx.attrs.Flag("keep_dims", true);
  std::optional<std::vector<int64_t>> axes;
  if (!ctx.Has(1)) {
    axes.emplace();
  } else {
    axes = ctx.Ints(1);
  }
  if (!ctx.Ranked(0)) {
    const bool all = axes && axes->empty() && !ctx.attrs.Flag("empty_axes_is_none");
    ctx.Out(0, all && !keep ? Type::Tensor(dtype, {}) : Type::Tensor(dtype));
    return Ok{};
  }
  const Shape& in = ctx.ShapeOf(0);
  Shape out;
  if (!axes) {
    // Which axes go is not known: with keep_dims the rank is, otherwise how many go may be.
    const bool counted = ctx.Ranked(1) && ctx.Rank(1) == 1 && ctx.ShapeOf(1)[0].is_static() &&
                         ctx.ShapeOf(1)[0].value() > 0 && ctx.ShapeOf(1)[0].value() <= ctx.Rank(0);
    if (!keep && !counted) {
      ctx.Out(0, Type::Tensor(dtype));
      return Ok{};
    }
    const size_t rank = in.size() - (keep ? 0 : static_cast<size_t>(ctx.ShapeOf(1)[0].value()));
    for (size_t k = 0; k < rank; ++k) out.push_back(ctx.Fresh("reduce"));
    ctx.Out(0, dtype, std::move(out));
    return Ok{};
  }
  TRY(const std::vector<bool> reduced, Chosen(ctx, *axes, ctx.Rank(0)));
  for (size_t k = 0; k < in.size(); ++k) {
    if (!reduced[k]) {
      out.push_back(in[k]);
    } else if (keep) {
      out.emplace_back(1);
    }
  }
  // The product, sum or extreme of a shape is shape arithmetic.
  auto contents = ctx.Contents(0);
  if (contents && in.size() == 1 && reduced[0] && out.size() <= 1 && IsInteger(dtype) && !contents->empty()) {
    Dim acc = (*contents)[0];
    bool exact = true;
    for (size_t i = 1; i < contents->size(); ++i) {
      const Dim& d = (*contents)[i];
      switch (mode) {
        case Mode::kProd: acc = acc * d; break;
        case Mode::kSum: acc = acc + d; break;
        case Mode::kMax: acc = Dim::Max(acc, d); break;
        case Mode::kMin: acc = Dim::Min(acc, d); break;
        default: exact = false;
      }
    }
    if (exact && mode != Mode::kMean && mode <= Mode::kProd) ctx.OutContents(0, {acc});
  }
  ctx.Out(0, dtype, std::move(out));
  return Ok{};
}

double ReduceFloats(Mode mode, std::span<const double> x) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  double acc = 0;
  switch (mode) {
    case Mode::kSum:
    case Mode::kMean:
    case Mode::kLogSum:
      for (double v : x) acc += v;
      if (mode == Mode::kLogSum) return mathfn::Log(acc);
      return mode == Mode::kMean ? acc / static_cast<double>(x.size()) : acc;
    case Mode::kL1:
      for (double v : x) acc += std::fabs(v);
      return acc;
    case Mode::kL2:
    case Mode::kSumSquare:
      for (double v : x) acc += v * v;
      return mode == Mode::kL2 ? std::sqrt(acc) : acc;
    case Mode::kProd:
      acc = 1;
      for (double v : x) acc *= v;
      return acc;
    case Mode::kMax:
      acc = -kInf;
      for (double v : x) acc = v > acc || v != v ? v : acc;
      return acc;
    case Mode::kMin:
      acc = kInf;
      for (double v : x) acc = v < acc || v != v ? v : acc;
      return acc;
    case Mode::kLogSumExp: {
      double top = -kInf;
      for (double v : x) top = v > top || v != v ? v : top;
      if (!std::isfinite(top)) return top;
      for (double v : x) acc += mathfn::Exp(v - top);
      return top + mathfn::Log(acc);
    }
  }
  return acc;
}

// Sums wrap in 64 bits; means, roots and logarithms are cut towards zero.
uint64_t ReduceIntegers(Mode mode, DType dtype, std::span<const uint64_t> x) {
  const bool is_signed = IsSigned(dtype);
  const auto less = [is_signed](uint64_t a, uint64_t b) {
    return is_signed ? static_cast<int64_t>(a) < static_cast<int64_t>(b) : a < b;
  };
  uint64_t acc = 0;
  switch (mode) {
    case Mode::kSum:
      for (uint64_t v : x) acc += v;
      return acc;
    case Mode::kMean:
      for (uint64_t v : x) acc += v;
      if (x.empty()) return 0;
      return is_signed ? static_cast<uint64_t>(static_cast<int64_t>(acc) / static_cast<int64_t>(x.size()))
                       : acc / x.size();
    case Mode::kL1:
      for (uint64_t v : x) acc += is_signed && static_cast<int64_t>(v) < 0 ? 0 - v : v;
      return acc;
    case Mode::kSumSquare:
      for (uint64_t v : x) acc += v * v;
      return acc;
    case Mode::kProd:
      acc = 1;
      for (uint64_t v : x) acc *= v;
      return acc;
    case Mode::kMax:
      acc = is_signed ? static_cast<uint64_t>(IntMin(dtype)) : 0;
      for (uint64_t v : x) acc = less(acc, v) ? v : acc;
      return acc;
    case Mode::kMin:
      acc = dtype == DType::kBool ? 1 : dtype == DType::kU64 ? ~uint64_t{0} : static_cast<uint64_t>(IntMax(dtype));
      for (uint64_t v : x) acc = less(v, acc) ? v : acc;
      return acc;
    default: break;
  }
  // Roots and logarithms are computed on doubles, cut towards zero and kept within the type.
  std::vector<double> wide;
  for (uint64_t v : x)
    wide.push_back(is_signed ? static_cast<double>(static_cast<int64_t>(v)) : static_cast<double>(v));
  std::byte bytes[8];
  const double limit = std::clamp(ReduceFloats(mode, wide), static_cast<double>(IntMin(dtype)),
                                  dtype == DType::kU64 ? 0x1p64 : static_cast<double>(IntMax(dtype)));
  StoreF64(dtype, limit, bytes);
  return LoadU64(dtype, bytes);
}

template <class T, class Fn>
void Run(const Tensor& x, const std::vector<bool>& reduced, Tensor* out, Fn reduce) {
  const std::vector<int64_t> strides = RowMajorStrides(x.dims());
  Dims kept, gone;
  std::vector<int64_t> kept_strides, gone_strides;
  for (size_t k = 0; k < reduced.size(); ++k) {
    (reduced[k] ? gone : kept).push_back(x.dims()[k]);
    (reduced[k] ? gone_strides : kept_strides).push_back(strides[k]);
  }
  const std::vector<T> wide = Widen<T>(x);
  Odometer inner(gone, {gone_strides});
  std::vector<int64_t> offsets(static_cast<size_t>(out->size() == 0 ? 0 : inner.count()));
  for (int64_t& o : offsets) {
    o = inner.offset(0);
    inner.Next();
  }
  std::vector<T> group(offsets.size());
  std::vector<T> y(static_cast<size_t>(out->size()));
  Odometer outer(kept, {kept_strides});
  for (T& v : y) {
    const int64_t base = outer.offset(0);
    for (size_t i = 0; i < group.size(); ++i) group[i] = wide[static_cast<size_t>(base + offsets[i])];
    v = reduce(std::span<const T>(group));
    outer.Next();
  }
  Narrow<T>(y, out);
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  TRY(const Mode mode, ReadMode(ctx));
  if (x.dtype() == DType::kBool && mode != Mode::kMax && mode != Mode::kMin) return ctx.Fail("c3", "x is bool");
  TRY(const std::vector<bool> reduced, Chosen(ctx, ctx.Ints(1), x.rank()));
  Dims dims;
  for (size_t k = 0; k < reduced.size(); ++k) {
    if (!reduced[k]) {
      dims.push_back(x.dims()[k]);
    } else if (ctx.attrs.Flag("keep_dims", true)) {
      dims.push_back(1);
    }
  }
  TRY(Tensor * out, ctx.Make(0, x.dtype(), std::move(dims)));
  if (IsFloat(x.dtype())) {
    Run<double>(x, reduced, out, [mode](std::span<const double> v) { return ReduceFloats(mode, v); });
  } else {
    Run<uint64_t>(x, reduced, out,
                  [mode, &x](std::span<const uint64_t> v) { return ReduceIntegers(mode, x.dtype(), v); });
  }
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {
      {{"f32[2,3,4]", "i64[1] = 1"}, {{"mode", "sum"}}},
      {{"f32[2,3,4]", "i64[2] = -1,0"}, {{"mode", "mean"}, {"keep_dims", int64_t{0}}}},
      {{"f16[3,5]"}, {{"mode", "max"}}},
      {{"i32[3,5]", "i64[1] = 0"}, {{"mode", "min"}}},
      {{"bool[3,5]", "i64[1] = 0"}, {{"mode", "max"}}},
      {{"f64[2,3]", "i64[1] = 1"}, {{"mode", "prod"}}},
      {{"f32[2,3]", "i64[1] = 1"}, {{"mode", "l1"}}},
      {{"f32[2,3]", "i64[1] = 1"}, {{"mode", "l2"}}},
      {{"f32[2,3]", "i64[1] = 1"}, {{"mode", "log_sum"}}},
      {{"f32[2,3]", "i64[1] = 1"}, {{"mode", "log_sum_exp"}}},
      {{"i64[2,3]", "i64[1] = 1"}, {{"mode", "sum_square"}}},
      {{"f32[2,3]", "i64[0] = "}, {{"mode", "sum_square"}, {"empty_axes_is_none", int64_t{1}}}},
      {{"f32[2,0,3]", "i64[1] = 1"}, {{"mode", "max"}}},
      {{"f32[2,1,3,2,1,2,2]", "i64[2] = 1,-1"}, {{"mode", "mean"}}},
      {{"f32[2,3,2,2,3,2,2,2]", "i64[4] = 0,2,4,6"}, {{"mode", "sum"}, {"keep_dims", int64_t{0}}}}};
  return samples;
}

}  // namespace

extern const OpDef kReduce{.name = "reduce",
                           .doc = "Reduces axes to one element each by sum, mean, extreme, product or norm.",
                           .operands = kIn,
                           .results = kOut,
                           .attrs = kAttrs,
                           .constraints = kRules,
                           .infer = Infer,
                           .eval = Eval,
                           .commute = CommuteReduce,
                           .decompose = DecomposeReduce,
                           .samples = Samples};

}  // namespace godwit::ops
