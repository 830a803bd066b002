// layer_norm and rms_norm: normalisation over the last axes.
#include <fmt/format.h>

#include <cmath>

#include "ir/op_def.h"
#include "ops/broadcast.h"
#include "ops/commute_rules.h"
#include "ops/decompose.h"
#include "ops/plain.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {
    {"x", kFloats}, {"scale", kFloats, OperandDef::kOptional, 'P'}, {"bias", kFloats, OperandDef::kOptional, 'P'}};
constexpr OperandDef kRmsIn[] = {{"x", kFloats}, {"scale", kFloats, OperandDef::kOptional}};
constexpr OperandDef kOut[] = {
    {"y", kFloats}, {"mean", kFloats, OperandDef::kOptional}, {"inverse_deviation", kFloats, OperandDef::kOptional}};
constexpr OperandDef kRmsOut[] = {{"y", kFloats}, {"inverse_rms", kFloats, OperandDef::kOptional}};
constexpr AttrDef kAttrs[] = {{"axis", AttrKind::kInt, "-1", "First of the axes that are normalised together."},
                              {"epsilon", AttrKind::kFloat, "1e-05", "Added to the variance (or mean square)."},
                              {"to", AttrKind::kDType, "none", "Element type of y; absent: x's."},
                              {"statistics", AttrKind::kDType, "f32", "Element type of the other results."}};
constexpr std::string_view kRules[] = {"c1: axis lies in [-rank, rank)", "c2: scale and bias broadcast to x's shape",
                                       "c3: to and statistics are floating-point types"};

template <class Ctx>
Status CheckTypes(Ctx& ctx) {
  for (const char* name : {"to", "statistics"}) {
    const DType dtype = ctx.attrs.Dtype(name, DType::kF32);
    if (!kFloats.Has(dtype)) return ctx.Fail("c3", fmt::format("{} {}", name, Name(dtype)));
  }
  return Ok{};
}

Status InferNorm(InferCtx& ctx) {
  RETURN_IF_ERROR(CheckTypes(ctx));
  Type y = ctx.In(0);
  if (y.is_tensor()) y.tensor().dtype = ctx.attrs.Dtype("to", y.dtype());
  Type statistics = Type::Tensor(ctx.attrs.Dtype("statistics", DType::kF32));
  if (ctx.Ranked(0)) {
    TRY(const int axis, ctx.Axis("c1", ctx.attrs.Int("axis", -1), ctx.Rank(0)));
    Shape shape = ctx.ShapeOf(0);
    for (size_t k = static_cast<size_t>(axis); k < shape.size(); ++k) shape[k] = Dim(1);
    statistics = Type::Tensor(statistics.dtype(), std::move(shape));
    for (size_t i = 1; i < ctx.n_in(); ++i) {
      if (!ctx.Ranked(i)) continue;
      const Shape& p = ctx.ShapeOf(i);
      const Shape& x = ctx.ShapeOf(0);
      bool fits = p.size() <= x.size();
      for (size_t k = 0; fits && k < p.size(); ++k) {
        const Dim& d = x[x.size() - p.size() + k];
        fits = !p[k].is_static() || !d.is_static() || p[k] == d || p[k] == Dim(1);
      }
      if (!fits) return ctx.Fail("c2", fmt::format("{} against {}", ToString(p), ToString(x)));
    }
  }
  ctx.Out(0, std::move(y));
  for (size_t i = 1; i < ctx.n_out(); ++i) ctx.Out(i, statistics);
  return Ok{};
}

// Normalises runs of `length`; with `centre` the mean goes first. Returns the statistics of each run.
struct Statistics {
  std::vector<double> mean, inverse;
};
Statistics Normalise(std::vector<double>* x, int64_t length, double epsilon, bool centre) {
  Statistics s;
  const double n = static_cast<double>(length);
  for (size_t base = 0; base < x->size(); base += static_cast<size_t>(length)) {
    const std::span<double> run(x->data() + base, static_cast<size_t>(length));
    double mean = 0, square = 0;
    if (centre) {
      for (double v : run) mean += v;
      mean /= n;
    }
    for (double v : run) square += (v - mean) * (v - mean);
    const double inverse = 1 / std::sqrt(square / n + epsilon);
    for (double& v : run) v = (v - mean) * inverse;
    s.mean.push_back(mean);
    s.inverse.push_back(inverse);
  }
  return s;
}

Status EvalNorm(EvalCtx& ctx, bool centre) {
  RETURN_IF_ERROR(CheckTypes(ctx));
  const Tensor& x = ctx.In(0);
  TRY(const int axis, ctx.Axis("c1", ctx.attrs.Int("axis", -1), x.rank()));
  Dims dims = x.dims();
  int64_t length = 1;
  for (size_t k = static_cast<size_t>(axis); k < dims.size(); ++k) {
    length *= dims[k];
    dims[k] = 1;
  }
  TRY(Tensor * out, ctx.Make(0, ctx.attrs.Dtype("to", x.dtype()), x.dims()));
  std::vector<double> wide = Widen<double>(x);
  Statistics statistics = Normalise(&wide, length, ctx.attrs.Float("epsilon", 1e-5), centre);
  for (size_t i = 1; i < 3; ++i) {
    if (!ctx.Has(i)) continue;
    const Dims* shapes[] = {&x.dims(), &ctx.In(i).dims()};
    TRY(Dims joint, BroadcastDims(ctx, shapes, "c2"));
    if (joint != x.dims())
      return ctx.Fail("c2", fmt::format("{} against {}", ToString(ctx.In(i).dims()), ToString(x.dims())));
    const std::vector<double> p = Widen<double>(ctx.In(i));
    BroadcastWalk walk(x.dims(), shapes);
    for (double& v : wide) {
      const double q = p[static_cast<size_t>(walk.offset(1))];
      v = i == 1 ? v * q : v + q;
      walk.Next();
    }
  }
  Narrow<double>(wide, out);
  for (size_t i = 1; i < ctx.n_out(); ++i) {
    TRY(Tensor * extra, ctx.Make(i, ctx.attrs.Dtype("statistics", DType::kF32), dims));
    std::vector<double>& values = centre && i == 1 ? statistics.mean : statistics.inverse;
    // Runs of no elements have statistics too: 0 / 0.
    values.resize(static_cast<size_t>(extra->size()), std::nan(""));
    Narrow<double>(values, extra);
  }
  return Ok{};
}

Status EvalLayer(EvalCtx& ctx) { return EvalNorm(ctx, true); }
Status EvalRms(EvalCtx& ctx) { return EvalNorm(ctx, false); }

std::span<const Sample> LayerSamples() {
  static const Sample samples[] = {{{"f32[2,3,4]", "f32[4]", "f32[4]"}, {}, 3},
                                   {{"f32[2,3,4]", "f32[3,4]"}, {{"axis", int64_t{1}}, {"epsilon", 0.1}}},
                                   {{"f16[3,8]", "f16[8]", "f16[8]"}, {}},
                                   {{"f32[3,2,4]", "f32[4]"}, {}},
                                   {{"f64[3,5]"}, {{"axis", int64_t{0}}}}};
  return samples;
}
std::span<const Sample> RmsSamples() {
  static const Sample samples[] = {{{"f32[2,3,4]", "f32[4]"}, {}, 2},
                                   {{"f16[2,3,4]", "f16[3,4]"}, {{"axis", int64_t{1}}}},
                                   {{"f32[3,2,4]", "f32[4]"}, {}},
                                   {{"f64[3,5]"}, {{"axis", int64_t{0}}}}};
  return samples;
}

}  // namespace

extern const OpDef kLayerNorm{.name = "layer_norm",
                              .doc = "Normalises over the last axes by mean and variance, then scales and shifts.",
                              .operands = kIn,
                              .results = kOut,
                              .attrs = kAttrs,
                              .constraints = kRules,
                              .infer = InferNorm,
                              .eval = EvalLayer,
                              .commute = CommuteSuffix,
                              .decompose = DecomposeLayerNorm,
                              .samples = LayerSamples};
extern const OpDef kRmsNorm{.name = "rms_norm",
                            .doc = "Divides by the root mean square over the last axes, then scales.",
                            .operands = kRmsIn,
                            .results = kRmsOut,
                            .attrs = kAttrs,
                            .constraints = kRules,
                            .infer = InferNorm,
                            .eval = EvalRms,
                            .commute = CommuteSuffix,
                            .decompose = DecomposeRmsNorm,
                            .samples = RmsSamples};

}  // namespace godwit::ops
