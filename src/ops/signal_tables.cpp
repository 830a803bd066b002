// cosine_window and mel_weight_matrix: the constant tables of signal processing, made from their sizes.
#include <fmt/format.h>

#include <cmath>

#include "base/mathfn.h"
#include "ir/convert.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr double kPi = 3.14159265358979323846;

constexpr OperandDef kWindowIn[] = {{"size", kIndex, OperandDef::kShapeLike}};
constexpr OperandDef kTableOut[] = {{"y", kNumbers}};
constexpr AttrDef kWindowAttrs[] = {
    {"coefficients", AttrKind::kFloatList, "", "a: the sum over k of (-1)^k a[k] cos(2 pi k n / N)."},
    {"periodic", AttrKind::kInt, "1", "1: N is the size; 0: N is one less, so that the window is symmetric."},
    {"dtype", AttrKind::kDType, "f32", "Element type of the result."}};
constexpr std::string_view kWindowRules[] = {"c1: size is one number, not negative"};

constexpr OperandDef kMelIn[] = {{"mel_bins", kIndex, OperandDef::kShapeLike},
                                 {"dft_length", kIndex, OperandDef::kShapeLike},
                                 {"sample_rate", kIndex},
                                 {"lower_hertz", kFloats},
                                 {"upper_hertz", kFloats}};
constexpr AttrDef kMelAttrs[] = {{"dtype", AttrKind::kDType, "f32", "Element type of the result."}};
constexpr std::string_view kMelRules[] = {
    "c1: each operand is one number; bins and length are not negative, the sample rate is positive",
    "c2: all frequencies lie within the spectrum",
};

Status InferWindow(InferCtx& ctx) {
  auto size = ctx.Contents(0);
  ctx.Out(0, ctx.attrs.Dtype("dtype", DType::kF32), {size && size->size() == 1 ? size->front() : ctx.Fresh("window")});
  return Ok{};
}

Status EvalWindow(EvalCtx& ctx) {
  const std::vector<int64_t> size = ctx.Ints(0);
  if (size.size() != 1 || size[0] < 0) return ctx.Fail("c1", fmt::format("{}", size.empty() ? 0 : size[0]));
  TRY(Tensor * out, ctx.Make(0, ctx.attrs.Dtype("dtype", DType::kF32), {size[0]}));
  const std::vector<double>& a = ctx.attrs.Floats("coefficients");
  const auto n = static_cast<double>(ctx.attrs.Flag("periodic", true) ? size[0] : size[0] - 1);
  std::vector<double> w(static_cast<size_t>(size[0]));
  for (size_t i = 0; i < w.size(); ++i) {
    double sum = 0;
    for (size_t k = 0; k < a.size(); ++k) {
      const double angle = n == 0 ? kPi * static_cast<double>(k) : 2 * kPi * static_cast<double>(k * i) / n;
      const double term = a[k] * mathfn::Cos(angle);
      sum += k % 2 == 1 ? -term : term;
    }
    w[i] = sum;
  }
  return FromF64(w, out);
}

Status InferMel(InferCtx& ctx) {
  auto bins = ctx.Contents(0);
  auto length = ctx.Contents(1);
  const Dim rows = length && length->size() == 1 ? Dim::FloorDiv(length->front(), Dim(2)) + Dim(1) : ctx.Fresh("bins");
  ctx.Out(0, ctx.attrs.Dtype("dtype", DType::kF32),
          {rows, bins && bins->size() == 1 ? bins->front() : ctx.Fresh("mel")});
  return Ok{};
}

double ToMel(double hertz) { return 2595 * mathfn::Log10(1 + hertz / 700); }
double ToHertz(double mel) { return 700 * (mathfn::Pow(10, mel / 2595) - 1); }

Status EvalMel(EvalCtx& ctx) {
  int64_t whole[3] = {};
  for (size_t i = 0; i < 3; ++i) {
    const std::vector<int64_t> v = ctx.Ints(i);
    if (v.size() != 1 || v[0] < (i == 2 ? 1 : 0)) return ctx.Fail("c1", fmt::format("operand {}", i));
    whole[i] = v[0];
  }
  const auto [mel_bins, length, rate] = whole;
  if (ctx.In(3).size() != 1 || ctx.In(4).size() != 1) return ctx.Fail("c1", "frequencies");
  if (mel_bins > INT64_MAX / 4 || length > INT64_MAX / 4) return ctx.Fail("c1", "sizes past any table");
  const int64_t rows = length / 2 + 1;
  TRY(Tensor * out, ctx.Make(0, ctx.attrs.Dtype("dtype", DType::kF32), {rows, mel_bins}));
  const double low = ToMel(ToF64(ctx.In(3))[0]);
  const double high = ToMel(ToF64(ctx.In(4))[0]);

  // Corner i of the triangles as a bin of the spectrum; band i rises from corner i to i + 1 and falls to i + 2.
  const double step = (high - low) / static_cast<double>(mel_bins + 2);
  std::vector<int64_t> corner(static_cast<size_t>(mel_bins) + 2);
  for (size_t i = 0; i < corner.size(); ++i) {
    const double hertz = ToHertz(low + static_cast<double>(i) * step);
    const double bin = std::floor(static_cast<double>(length + 1) * hertz / static_cast<double>(rate));
    if (!(bin >= 0 && bin < static_cast<double>(rows))) return ctx.Fail("c2", fmt::format("bin {} of {}", bin, rows));
    corner[i] = static_cast<int64_t>(bin);
  }
  std::vector<double> y(static_cast<size_t>(out->size()), 0.0);
  for (int64_t m = 0; m < mel_bins; ++m) {
    const auto i = static_cast<size_t>(m);
    const int64_t left = corner[i];
    const int64_t top = corner[i + 1];
    const int64_t right = corner[i + 2];
    if (top == left) y[static_cast<size_t>(top * mel_bins + m)] = 1;
    for (int64_t j = left; j <= top && top > left; ++j) {
      y[static_cast<size_t>(j * mel_bins + m)] = static_cast<double>(j - left) / static_cast<double>(top - left);
    }
    for (int64_t j = top; j < right; ++j) {
      y[static_cast<size_t>(j * mel_bins + m)] = static_cast<double>(right - j) / static_cast<double>(right - top);
    }
  }
  return FromF64(y, out);
}

std::span<const Sample> WindowSamples() {
  static const Sample samples[] = {
      {{"i64[] = 10"}, {{"coefficients", std::vector<double>{0.5, 0.5}}}},
      {{"i32[] = 7"},
       {{"coefficients", std::vector<double>{0.42, 0.5, 0.08}}, {"periodic", int64_t{0}}, {"dtype", DType::kF64}}}};
  return samples;
}

std::span<const Sample> MelSamples() {
  static const Sample samples[] = {{{"i64[] = 8", "i64[] = 16", "i64[] = 8192", "f32[] = 0", "f32[] = 4096"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kCosineWindow{.name = "cosine_window",
                                 .doc = "A window that is a sum of cosines (Hann, Hamming, Blackman, ...).",
                                 .operands = kWindowIn,
                                 .results = kTableOut,
                                 .attrs = kWindowAttrs,
                                 .constraints = kWindowRules,
                                 .infer = InferWindow,
                                 .eval = EvalWindow,
                                 .decompose = DecomposeCosineWindow,
                                 .samples = WindowSamples};

extern const OpDef kMelWeightMatrix{.name = "mel_weight_matrix",
                                    .doc = "Triangular filters on the mel scale: [dft_length / 2 + 1, mel_bins].",
                                    .operands = kMelIn,
                                    .results = kTableOut,
                                    .attrs = kMelAttrs,
                                    .constraints = kMelRules,
                                    .infer = InferMel,
                                    .eval = EvalMel,
                                    .samples = MelSamples};

}  // namespace godwit::ops
