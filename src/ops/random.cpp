// random_uniform, random_normal, multinomial: numbers that depend on the seed alone.
#include <fmt/format.h>

#include <cmath>

#include "base/mathfn.h"
#include "ir/op_def.h"
#include "ops/random_bits.h"
#include "ops/samples.h"
#include "ops/wide.h"

namespace godwit::ops {

namespace {

constexpr double kTwoPi = 6.28318530717958647693;

constexpr OperandDef kShapeIn[] = {{"shape", kIndex, OperandDef::kShapeLike}};
constexpr OperandDef kFloatsOut[] = {{"y", kFloats}};
constexpr AttrDef kUniformAttrs[] = {{"dtype", AttrKind::kDType, "", "Element type of the result."},
                                     {"low", AttrKind::kFloat, "0", "Lower bound, included."},
                                     {"high", AttrKind::kFloat, "1", "Upper bound, excluded."},
                                     {"seed", AttrKind::kInt, "none", "Absent: the run's."}};
constexpr AttrDef kNormalAttrs[] = {{"dtype", AttrKind::kDType, "", "Element type of the result."},
                                    {"mean", AttrKind::kFloat, "0", "Mean."},
                                    {"scale", AttrKind::kFloat, "1", "Standard deviation."},
                                    {"seed", AttrKind::kInt, "none", "Absent: the run's."}};
constexpr std::string_view kShapeRules[] = {"c1: no dim is negative"};

constexpr OperandDef kMultinomialIn[] = {{"logits", kFloats}};
constexpr OperandDef kMultinomialOut[] = {{"y", kIndex}};
constexpr AttrDef kMultinomialAttrs[] = {{"dtype", AttrKind::kDType, "", "i32 or i64."},
                                         {"samples", AttrKind::kInt, "1", "Draws for each row."},
                                         {"seed", AttrKind::kInt, "none", "Absent: the run's."}};
constexpr std::string_view kMultinomialRules[] = {"c1: logits has rank 2 and at least one column",
                                                  "c2: samples is not negative"};

uint64_t SeedOf(const EvalCtx& ctx) {
  return ctx.attrs.Has("seed") ? static_cast<uint64_t>(ctx.attrs.Int("seed")) : ctx.seed();
}

// Digits of a type's significand, so that a number below 1 is not rounded up to it.
int Digits(DType dtype) {
  switch (dtype) {
    case DType::kF16: return 11;
    case DType::kBF16: return 8;
    case DType::kF32: return 24;
    default: return 53;
  }
}

Status InferShaped(InferCtx& ctx) {
  const DType dtype = ctx.attrs.Dtype("dtype");
  if (auto dims = ctx.Contents(0)) {
    for (const Dim& d : *dims) {
      if (d.is_static() && d.value() < 0) return ctx.Fail("c1", ToString(*dims));
    }
    ctx.Out(0, dtype, *std::move(dims));
  } else if (ctx.Ranked(0) && ctx.Rank(0) == 1 && ctx.ShapeOf(0)[0].is_static() && ctx.ShapeOf(0)[0].value() <= 32) {
    Shape shape;
    for (int64_t i = 0; i < ctx.ShapeOf(0)[0].value(); ++i) shape.push_back(ctx.Fresh("random"));
    ctx.Out(0, dtype, std::move(shape));
  } else {
    ctx.Out(0, Type::Tensor(dtype));
  }
  return Ok{};
}

Result<Tensor*> MakeShaped(EvalCtx& ctx) {
  Dims dims = ctx.Ints(0);
  for (const int64_t d : dims) {
    if (d < 0) return ctx.Fail("c1", ToString(dims));
  }
  return ctx.Make(0, ctx.attrs.Dtype("dtype"), std::move(dims));
}

Status EvalUniform(EvalCtx& ctx) {
  TRY(Tensor * out, MakeShaped(ctx));
  const uint64_t seed = SeedOf(ctx);
  const double low = ctx.attrs.Float("low", 0);
  const double width = ctx.attrs.Float("high", 1) - low;
  const int digits = Digits(out->dtype());
  std::byte* dst = out->mutable_raw();
  for (int64_t i = 0; i < out->size(); ++i, dst += ByteSize(out->dtype())) {
    StoreF64(out->dtype(), low + RandomUnit(seed, static_cast<uint64_t>(i), digits) * width, dst);
  }
  return Ok{};
}

// Box and Muller: each element from two uniform numbers of its own.
Status EvalNormal(EvalCtx& ctx) {
  TRY(Tensor * out, MakeShaped(ctx));
  const uint64_t seed = SeedOf(ctx);
  const double mean = ctx.attrs.Float("mean", 0);
  const double scale = ctx.attrs.Float("scale", 1);
  std::byte* dst = out->mutable_raw();
  for (int64_t i = 0; i < out->size(); ++i, dst += ByteSize(out->dtype())) {
    const double u = 1 - RandomUnit(seed, 2 * static_cast<uint64_t>(i));
    const double v = RandomUnit(seed, 2 * static_cast<uint64_t>(i) + 1);
    StoreF64(out->dtype(), mean + scale * std::sqrt(-2 * mathfn::Log(u)) * mathfn::Cos(kTwoPi * v), dst);
  }
  return Ok{};
}

Status InferMultinomial(InferCtx& ctx) {
  if (ctx.attrs.Int("samples", 1) < 0) return ctx.Fail("c2", fmt::format("{}", ctx.attrs.Int("samples")));
  if (ctx.Ranked(0) && ctx.Rank(0) != 2) return ctx.Fail("c1", fmt::format("rank {}", ctx.Rank(0)));
  const Dim rows = ctx.Ranked(0) ? ctx.ShapeOf(0)[0] : ctx.Fresh("rows");
  ctx.Out(0, ctx.attrs.Dtype("dtype"), {rows, Dim(ctx.attrs.Int("samples", 1))});
  return Ok{};
}

Status EvalMultinomial(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  if (x.rank() != 2 || x.dim(1) == 0) return ctx.Fail("c1", ToString(x.dims()));
  const int64_t rows = x.dim(0), columns = x.dim(1), samples = ctx.attrs.Int("samples", 1);
  if (samples < 0) return ctx.Fail("c2", fmt::format("{}", samples));
  TRY(Tensor * out, ctx.Make(0, ctx.attrs.Dtype("dtype"), {rows, samples}));
  const uint64_t seed = SeedOf(ctx);
  const auto logits = ToF64(x);
  std::vector<double> sums(static_cast<size_t>(columns));
  for (int64_t r = 0; r < rows; ++r) {
    const double* row = logits.data() + r * columns;
    double peak = row[0];
    for (int64_t c = 1; c < columns; ++c) peak = row[c] > peak ? row[c] : peak;
    double total = 0;
    for (int64_t c = 0; c < columns; ++c) {
      total += std::isinf(peak) ? 1.0 : mathfn::Exp(row[c] - peak);
      sums[static_cast<size_t>(c)] = total;
    }
    for (int64_t k = 0; k < samples; ++k) {
      const auto at = static_cast<uint64_t>(r * samples + k);
      const double u = RandomUnit(seed, at) * total;
      int64_t c = 0;
      while (c + 1 < columns && !(u < sums[static_cast<size_t>(c)])) ++c;
      StoreI64(out->dtype(), c, out->mutable_raw() + at * ByteSize(out->dtype()));
    }
  }
  return Ok{};
}

std::span<const Sample> UniformSamples() {
  static const Sample samples[] = {{{"i64[2] = 2,3"}, {{"dtype", DType::kF32}, {"seed", int64_t{7}}}},
                                   {{"i64[1] = 0"}, {{"dtype", DType::kF64}, {"low", -1.0}, {"high", 1.0}}}};
  return samples;
}
std::span<const Sample> NormalSamples() {
  static const Sample samples[] = {{{"i64[2] = 2,3"}, {{"dtype", DType::kF16}, {"seed", int64_t{7}}}},
                                   {{"i64[1] = 4"}, {{"dtype", DType::kF32}, {"mean", 3.0}, {"scale", 0.5}}}};
  return samples;
}
std::span<const Sample> MultinomialSamples() {
  static const Sample samples[] = {{{"f32[2,3]"}, {{"dtype", DType::kI32}, {"samples", int64_t{5}}}},
                                   {{"f64[1,4]"}, {{"dtype", DType::kI64}, {"seed", int64_t{1}}}}};
  return samples;
}

}  // namespace

extern const OpDef kRandomUniform{.name = "random_uniform",
                                  .doc = "Numbers spread evenly over [low, high).",
                                  .operands = kShapeIn,
                                  .results = kFloatsOut,
                                  .attrs = kUniformAttrs,
                                  .constraints = kShapeRules,
                                  .effect = Effect::kRandom,
                                  .infer = InferShaped,
                                  .eval = EvalUniform,
                                  .samples = UniformSamples};
extern const OpDef kRandomNormal{.name = "random_normal",
                                 .doc = "Normally distributed numbers.",
                                 .operands = kShapeIn,
                                 .results = kFloatsOut,
                                 .attrs = kNormalAttrs,
                                 .constraints = kShapeRules,
                                 .effect = Effect::kRandom,
                                 .infer = InferShaped,
                                 .eval = EvalNormal,
                                 .samples = NormalSamples};
extern const OpDef kMultinomial{.name = "multinomial",
                                .doc = "Column indices drawn for each row with the weights exp(logits).",
                                .operands = kMultinomialIn,
                                .results = kMultinomialOut,
                                .attrs = kMultinomialAttrs,
                                .constraints = kMultinomialRules,
                                .effect = Effect::kRandom,
                                .infer = InferMultinomial,
                                .eval = EvalMultinomial,
                                .samples = MultinomialSamples};

}  // namespace godwit::ops
