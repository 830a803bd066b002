// arg_reduce: where the largest or smallest element of each line along an axis lies.
#include <fmt/format.h>

#include "ir/op_def.h"
#include "ops/commute_rules.h"
#include "ops/decompose.h"
#include "ops/lines.h"
#include "ops/plain.h"
#include "ops/samples.h"
#include "ops/wide.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kNumbers}};
constexpr OperandDef kOut[] = {{"y", TypeSet(DType::kI64)}};
constexpr AttrDef kAttrs[] = {{"mode", AttrKind::kString, "", "max or min."},
                              {"axis", AttrKind::kInt, "0", "The axis."},
                              {"keep_dims", AttrKind::kInt, "1", "1: the axis stays with extent 1."},
                              {"last", AttrKind::kInt, "0", "1: of equal elements the last counts, not the first."}};
constexpr std::string_view kRules[] = {"c1: axis lies in [-rank, rank); a scalar has axis 0",
                                       "c2: the axis has at least one element where the result has any",
                                       "c3: mode is max or min"};

template <class Ctx>
Result<int> ReadAxis(const Ctx& ctx, int rank) {
  if (const std::string_view mode = ctx.attrs.Str("mode"); mode != "max" && mode != "min")
    return ctx.Fail("c3", fmt::format("mode '{}'", mode));
  return ctx.Axis("c1", ctx.attrs.Int("axis"), rank == 0 ? 1 : rank);
}

Status Infer(InferCtx& ctx) {
  if (!ctx.Ranked(0)) {
    ctx.Out(0, Type::Tensor(DType::kI64));
    return Ok{};
  }
  TRY(const int axis, ReadAxis(ctx, ctx.Rank(0)));
  Shape out = ctx.ShapeOf(0);
  if (!out.empty()) {
    if (ctx.attrs.Flag("keep_dims", true)) {
      out[static_cast<size_t>(axis)] = Dim(1);
    } else {
      out.erase(out.begin() + axis);
    }
  }
  ctx.Out(0, DType::kI64, std::move(out));
  return Ok{};
}

// A NaN is taken for the extreme, wherever it lies first.
template <class T>
int64_t Best(const T* x, int64_t length, int64_t step, bool max, bool last, bool is_signed) {
  const auto less = [&](T a, T b) {
    if constexpr (std::is_same_v<T, uint64_t>) {
      return is_signed ? static_cast<int64_t>(a) < static_cast<int64_t>(b) : a < b;
    } else {
      return a < b;
    }
  };
  int64_t best = 0;
  for (int64_t k = 1; k < length; ++k) {
    const T have = x[best * step];
    const T v = x[k * step];
    if (have != have) break;
    const bool better = max ? less(have, v) : less(v, have);
    if (better || v != v || (last && v == have)) best = k;
  }
  return best;
}

template <class T>
void Run(const Tensor& x, const Lines& lines, bool max, bool last, Tensor* out) {
  const std::vector<T> wide = Widen<T>(x);
  for (int64_t i = 0; i < out->size(); ++i) {
    out->mutable_data<int64_t>()[i] =
        Best<T>(wide.data() + lines.Start(i), lines.length, lines.inner, max, last, IsSigned(x.dtype()));
  }
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  TRY(const int axis, ReadAxis(ctx, x.rank()));
  Dims dims = x.dims();
  if (!dims.empty()) {
    if (ctx.attrs.Flag("keep_dims", true)) {
      dims[static_cast<size_t>(axis)] = 1;
    } else {
      dims.erase(dims.begin() + axis);
    }
  }
  const Lines lines(x.dims(), axis);
  TRY(Tensor * out, ctx.Make(0, DType::kI64, std::move(dims)));
  if (out->size() != 0 && lines.length == 0) return ctx.Fail("c2", "the axis is empty");
  const bool max = ctx.attrs.Str("mode") == "max";
  const bool last = ctx.attrs.Flag("last");
  if (IsFloat(x.dtype())) {
    Run<double>(x, lines, max, last, out);
  } else {
    Run<uint64_t>(x, lines, max, last, out);
  }
  return Ok{};
}

std::span<const Sample> Samples() {
  static const Sample samples[] = {{{"f32[2,3,4]"}, {{"mode", "max"}, {"axis", int64_t{1}}}},
                                   {{"f32[2,3]"}, {{"mode", "min"}, {"axis", int64_t{-1}}, {"keep_dims", int64_t{0}}}},
                                   {{"i8[4,3]"}, {{"mode", "max"}, {"last", int64_t{1}}}},
                                   {{"u64[5]"}, {{"mode", "min"}}},
                                   {{"f16[0,3]"}, {{"mode", "min"}, {"axis", int64_t{1}}}}};
  return samples;
}

}  // namespace

extern const OpDef kArgReduce{.name = "arg_reduce",
                              .doc = "Index of the largest or smallest element along an axis.",
                              .operands = kIn,
                              .results = kOut,
                              .attrs = kAttrs,
                              .constraints = kRules,
                              .infer = Infer,
                              .eval = Eval,
                              .commute = CommuteArgReduce,
                              .decompose = DecomposeArgReduce,
                              .samples = Samples};

}  // namespace godwit::ops
