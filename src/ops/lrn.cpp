// lrn and lp_norm: normalisation across neighbouring channels, and to unit norm along an axis.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/mathfn.h"
#include "ir/commute.h"
#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/lines.h"
#include "ops/plain.h"
#include "ops/samples.h"
#include "ops/wide.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kFloats, OperandDef::kPlain, 'T'}};
constexpr OperandDef kOut[] = {{"y", kFloats, OperandDef::kPlain, 'T'}};
constexpr AttrDef kLrnAttrs[] = {{"size", AttrKind::kInt, "", "How many neighbouring channels count, itself included."},
                                 {"alpha", AttrKind::kFloat, "0.0001", "Factor of the mean square."},
                                 {"beta", AttrKind::kFloat, "0.75", "Exponent."},
                                 {"bias", AttrKind::kFloat, "1", "Added to the scaled mean square."},
                                 {"channel_axis", AttrKind::kInt, "1", "Axis of the channels."}};
constexpr std::string_view kLrnRules[] = {"c1: channel_axis lies in [-rank, rank)", "c2: size is positive"};

Status InferLrn(InferCtx& ctx) {
  if (ctx.attrs.Int("size") < 1) return ctx.Fail("c2", fmt::format("size {}", ctx.attrs.Int("size")));
  if (ctx.Ranked(0)) RETURN_IF_ERROR(ctx.Axis("c1", ctx.attrs.Int("channel_axis", 1), ctx.Rank(0)));
  return InferSame(ctx);
}

Status EvalLrn(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  TRY(const int axis, ctx.Axis("c1", ctx.attrs.Int("channel_axis", 1), x.rank()));
  const int64_t size = ctx.attrs.Int("size");
  if (size < 1) return ctx.Fail("c2", fmt::format("size {}", size));
  TRY(Tensor * out, ctx.Make(0, x.dtype(), x.dims()));
  const double alpha = ctx.attrs.Float("alpha", 1e-4);
  const double beta = ctx.attrs.Float("beta", 0.75);
  const double bias = ctx.attrs.Float("bias", 1);
  const std::vector<double> wide = Widen<double>(x);
  std::vector<double> y(wide.size());
  const Lines lines(x.dims(), axis);
  const int64_t before = (size - 1) / 2;
  const int64_t after = size - 1 - before;
  for (int64_t i = 0; i < (wide.empty() ? 0 : lines.count()); ++i) {
    const double* line = wide.data() + lines.Start(i);
    for (int64_t c = 0; c < lines.length; ++c) {
      double sum = 0;
      const int64_t last = after >= lines.length - c ? lines.length - 1 : c + after;
      for (int64_t k = std::max<int64_t>(0, c - before); k <= last; ++k) {
        sum += line[k * lines.inner] * line[k * lines.inner];
      }
      y[static_cast<size_t>(lines.Start(i) + c * lines.inner)] =
          line[c * lines.inner] / mathfn::Pow(bias + alpha / static_cast<double>(size) * sum, beta);
    }
  }
  Narrow<double>(y, out);
  return Ok{};
}

constexpr AttrDef kLpAttrs[] = {{"axis", AttrKind::kInt, "-1", "The axis."},
                                {"p", AttrKind::kFloat, "2", "The norm's exponent."},
                                {"epsilon", AttrKind::kFloat, "0", "The smallest norm that is divided by."}};
constexpr std::string_view kLpRules[] = {"c1: axis lies in [-rank, rank)"};

Status EvalLpNorm(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  TRY(const int axis, ctx.Axis("c1", ctx.attrs.Int("axis", -1), x.rank()));
  TRY(Tensor * out, ctx.Make(0, x.dtype(), x.dims()));
  const double p = ctx.attrs.Float("p", 2);
  const double epsilon = ctx.attrs.Float("epsilon");
  std::vector<double> wide = Widen<double>(x);
  const Lines lines(x.dims(), axis);
  for (int64_t i = 0; i < (wide.empty() ? 0 : lines.count()); ++i) {
    double* line = wide.data() + lines.Start(i);
    double sum = 0;
    for (int64_t k = 0; k < lines.length; ++k) {
      const double v = std::fabs(line[k * lines.inner]);
      sum += p == 1 ? v : p == 2 ? v * v : mathfn::Pow(v, p);
    }
    double norm = p == 1 ? sum : p == 2 ? std::sqrt(sum) : mathfn::Pow(sum, 1 / p);
    if (norm < epsilon) norm = epsilon;  // NaN stays
    // A line of zeros stays one.
    for (int64_t k = 0; k < lines.length; ++k) line[k * lines.inner] = norm == 0 ? 0 : line[k * lines.inner] / norm;
  }
  Narrow<double>(wide, out);
  return Ok{};
}

bool CommuteLrn(CommuteCtx& ctx) { return ctx.MoveAxis("channel_axis", 1); }
bool CommuteLp(CommuteCtx& ctx) { return ctx.MoveAxis("axis", -1); }

std::span<const Sample> LrnSamples() {
  static const Sample samples[] = {
      {{"f32[2,7,3,2]"}, {{"size", int64_t{3}}}},
      {{"f32[2,3,2,6]"},
       {{"size", int64_t{4}}, {"alpha", 0.5}, {"beta", 0.5}, {"bias", 2.0}, {"channel_axis", int64_t{-1}}}},
      {{"f16[1,4,3]"}, {{"size", int64_t{9}}}}};
  return samples;
}
std::span<const Sample> LpSamples() {
  static const Sample samples[] = {{{"f32[2,3,4]"}, {}},
                                   {{"f64[2,3]"}, {{"axis", int64_t{0}}, {"p", 1.0}}},
                                   {{"f16[5]"}, {{"p", 3.0}, {"epsilon", 1e-3}}}};
  return samples;
}

}  // namespace

extern const OpDef kLrn{.name = "lrn",
                        .doc = "Local response normalisation: x / (bias + alpha * mean square of neighbours) ^ beta.",
                        .operands = kIn,
                        .results = kOut,
                        .attrs = kLrnAttrs,
                        .constraints = kLrnRules,
                        .infer = InferLrn,
                        .eval = EvalLrn,
                        .commute = CommuteLrn,
                        .decompose = DecomposeLrn,
                        .samples = LrnSamples};
extern const OpDef kLpNorm{.name = "lp_norm",
                           .doc = "Divides each line along an axis by its p-norm.",
                           .operands = kIn,
                           .results = kOut,
                           .attrs = kLpAttrs,
                           .constraints = kLpRules,
                           .infer = InferSame,
                           .eval = EvalLpNorm,
                           .commute = CommuteLp,
                           .decompose = DecomposeLpNorm,
                           .samples = LpSamples};

}  // namespace godwit::ops
