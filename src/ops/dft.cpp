// dft and stft. Complex numbers are pairs in the last axis; a last axis of 1 means real numbers.
#include <fmt/format.h>

#include "ir/convert.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/fft.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kDftIn[] = {{"x", kFloats, OperandDef::kPlain, 'T'},
                                 {"length", kIndex, OperandDef::kOptional | OperandDef::kShapeLike},
                                 {"axis", kIndex, OperandDef::kOptional | OperandDef::kShapeLike}};
constexpr OperandDef kFloatOut[] = {{"y", kFloats, OperandDef::kPlain, 'T'}};
constexpr AttrDef kDftAttrs[] = {
    {"inverse", AttrKind::kInt, "0", "1: the inverse transform, with its factor 1 / length."},
    {"onesided", AttrKind::kInt, "0",
     "1: forward gives only the length / 2 + 1 bins that determine the others, inverse makes real numbers of them."}};
constexpr std::string_view kDftRules[] = {
    "c1: the last axis holds 1 or 2 numbers",
    "c2: axis is not the last one and exists",
    "c3: length is one positive number",
};

constexpr OperandDef kStftIn[] = {{"signal", kFloats, OperandDef::kPlain, 'T'},
                                  {"frame_step", kIndex, OperandDef::kShapeLike},
                                  {"window", kFloats, OperandDef::kOptional, 'T'},
                                  {"frame_length", kIndex, OperandDef::kOptional | OperandDef::kShapeLike}};
constexpr AttrDef kStftAttrs[] = {{"onesided", AttrKind::kInt, "1", "1: only the frame_length / 2 + 1 first bins."}};
constexpr std::string_view kStftRules[] = {
    "c1: signal is [batch, samples, 1 or 2]",
    "c2: frame_step and frame_length are positive and the frame is not longer than the signal",
    "c3: window is rank 1 and as long as a frame",
};

Dim BinsOf(const Dim& length, bool onesided) { return onesided ? Dim::FloorDiv(length, Dim(2)) + Dim(1) : length; }

std::optional<Dim> ScalarOf(InferCtx& ctx, size_t operand) {
  auto contents = ctx.Contents(operand);
  if (!contents || contents->size() != 1) return std::nullopt;
  return contents->front();
}

Status InferDft(InferCtx& ctx) {
  const DType dtype = ctx.DtypeOf(0);
  const std::optional<Dim> axis_dim = ctx.Has(2) ? ScalarOf(ctx, 2) : Dim(-2);
  if (!ctx.Ranked(0) || !axis_dim || !axis_dim->is_static()) {
    ctx.Out(0, Type::Tensor(dtype));
    return Ok{};
  }
  Shape shape = ctx.ShapeOf(0);
  TRY(const int axis, ctx.Axis("c2", axis_dim->value(), ctx.Rank(0)));
  if (axis == ctx.Rank(0) - 1) return ctx.Fail("c2", "the axis of real and imaginary parts");
  const bool inverse = ctx.attrs.Flag("inverse");
  const bool onesided = ctx.attrs.Flag("onesided");
  Dim& extent = shape[static_cast<size_t>(axis)];
  Dim length = extent;
  if (ctx.Has(1)) {
    length = ScalarOf(ctx, 1).value_or(ctx.Fresh("dft"));
  } else if (inverse && onesided) {
    length = Dim(2) * (extent - Dim(1));
  }
  extent = inverse ? length : BinsOf(length, onesided);
  shape.back() = Dim(inverse && onesided ? 1 : 2);
  ctx.Out(0, dtype, std::move(shape));
  return Ok{};
}

// One line along the axis, `stride` elements apart, as complex numbers; missing ones are zero.
void ReadLine(const std::vector<double>& x, int64_t at, int64_t stride, int64_t count, int64_t parts,
              std::vector<std::complex<double>>* line) {
  for (size_t i = 0; i < line->size(); ++i) {
    const auto k = static_cast<int64_t>(i);
    const auto from = static_cast<size_t>(at + k * stride);
    (*line)[i] = k >= count   ? std::complex<double>()
                 : parts == 2 ? std::complex<double>(x[from], x[from + 1])
                              : std::complex<double>(x[from], 0);
  }
}

// The bins past the middle from those before it; what a real signal cannot have is dropped.
void MirrorBins(std::vector<std::complex<double>>* line) {
  const size_t n = line->size();
  (*line)[0].imag(0);
  for (size_t k = n / 2 + 1; k < n; ++k) (*line)[k] = std::conj((*line)[n - k]);
  if (n % 2 == 0) (*line)[n / 2].imag(0);
}

Status EvalDft(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  const std::vector<int64_t> axes = ctx.Ints(2);
  if (in.rank() < 2 || (in.dim(-1) != 1 && in.dim(-1) != 2)) return ctx.Fail("c1", ToString(in.dims()));
  if (ctx.Has(2) && axes.size() != 1) return ctx.Fail("c2", "not one number");
  TRY(const int axis, ctx.Axis("c2", ctx.Has(2) ? axes[0] : -2, in.rank()));
  if (axis == in.rank() - 1) return ctx.Fail("c2", "the axis of real and imaginary parts");
  const bool inverse = ctx.attrs.Flag("inverse");
  const bool onesided = ctx.attrs.Flag("onesided");
  const bool to_real = inverse && onesided;
  const int64_t given = in.dim(axis);
  int64_t length = to_real ? 2 * (given - 1) : given;
  if (ctx.Has(1)) {
    const std::vector<int64_t> wanted = ctx.Ints(1);
    length = wanted.size() == 1 ? wanted[0] : 0;
  }
  if (length <= 0) return ctx.Fail("c3", fmt::format("length {}", length));
  Dims dims = in.dims();
  dims[static_cast<size_t>(axis)] = inverse || !onesided ? length : length / 2 + 1;
  dims.back() = to_real ? 1 : 2;
  RETURN_IF_ERROR(CheckedByteSize(DType::kC128, {length, 4}));
  TRY(Tensor * out, ctx.Make(0, in.dtype(), dims));

  const std::vector<double> x = ToF64(in);
  std::vector<double> y(static_cast<size_t>(out->size()));
  const int64_t in_parts = in.dim(-1);
  const int64_t out_parts = dims.back();
  int64_t outer = 1;
  int64_t inner = 1;
  for (int i = 0; i < in.rank() - 1; ++i) (i < axis ? outer : inner) *= i == axis ? 1 : in.dim(i);
  const int64_t bins = out->dim(axis);
  std::vector<std::complex<double>> line(static_cast<size_t>(length));
  for (int64_t o = 0; o < outer && out->size() > 0; ++o) {
    for (int64_t i = 0; i < inner; ++i) {
      const int64_t known = to_real ? std::min(given, length / 2 + 1) : given;
      ReadLine(x, (o * given * inner + i) * in_parts, inner * in_parts, known, in_parts, &line);
      if (to_real) MirrorBins(&line);
      Fft(&line, inverse);
      for (int64_t k = 0; k < bins; ++k) {
        const auto to = static_cast<size_t>(((o * bins + k) * inner + i) * out_parts);
        y[to] = line[static_cast<size_t>(k)].real();
        if (out_parts == 2) y[to + 1] = line[static_cast<size_t>(k)].imag();
      }
    }
  }
  return FromF64(y, out);
}

Status InferStft(InferCtx& ctx) {
  const DType dtype = ctx.DtypeOf(0);
  const Shape unknown = {ctx.Fresh("batch"), ctx.Fresh("samples"), Dim(1)};
  const Shape& signal = ctx.Ranked(0) ? ctx.ShapeOf(0) : unknown;
  if (signal.size() != 3) return ctx.Fail("c1", ToString(signal));
  Dim length = signal[1];
  if (ctx.Has(3)) {
    length = ScalarOf(ctx, 3).value_or(ctx.Fresh("frame"));
  } else if (ctx.Has(2)) {
    length = ctx.Ranked(2) && ctx.Rank(2) == 1 ? ctx.ShapeOf(2)[0] : ctx.Fresh("frame");
  }
  const std::optional<Dim> step = ScalarOf(ctx, 1);
  const Dim frames = step ? Dim::FloorDiv(signal[1] - length, *step) + Dim(1) : ctx.Fresh("frames");
  ctx.Out(0, dtype, {signal[0], frames, BinsOf(length, ctx.attrs.Flag("onesided", true)), Dim(2)});
  return Ok{};
}

Status EvalStft(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  if (in.rank() != 3 || (in.dim(2) != 1 && in.dim(2) != 2)) return ctx.Fail("c1", ToString(in.dims()));
  const std::vector<int64_t> steps = ctx.Ints(1);
  const std::vector<int64_t> lengths = ctx.Ints(3);
  const int64_t samples = in.dim(1);
  if (ctx.Has(2) && ctx.In(2).rank() != 1) return ctx.Fail("c3", ToString(ctx.In(2).dims()));
  const int64_t length = !lengths.empty() ? lengths[0] : ctx.Has(2) ? ctx.In(2).dim(0) : samples;
  if (steps.size() != 1 || steps[0] <= 0 || length <= 0 || length > samples) {
    return ctx.Fail("c2", fmt::format("frames of {} every {} of {}", length, steps.empty() ? 0 : steps[0], samples));
  }
  std::vector<double> window = ToF64(ctx.In(2));
  if (!ctx.Has(2)) window.assign(static_cast<size_t>(length), 1.0);
  if (static_cast<int64_t>(window.size()) != length)
    return ctx.Fail("c3", fmt::format("{} of {}", window.size(), length));
  const int64_t frames = (samples - length) / steps[0] + 1;
  const int64_t bins = ctx.attrs.Flag("onesided", true) ? length / 2 + 1 : length;
  TRY(Tensor * out, ctx.Make(0, in.dtype(), {in.dim(0), frames, bins, 2}));

  const std::vector<double> x = ToF64(in);
  std::vector<double> y;
  y.reserve(static_cast<size_t>(out->size()));
  std::vector<std::complex<double>> line(static_cast<size_t>(length));
  for (int64_t b = 0; b < in.dim(0); ++b) {
    for (int64_t f = 0; f < frames; ++f) {
      ReadLine(x, (b * samples + f * steps[0]) * in.dim(2), in.dim(2), length, in.dim(2), &line);
      for (size_t i = 0; i < line.size(); ++i) line[i] *= window[i];
      Fft(&line, false);
      for (int64_t k = 0; k < bins; ++k) {
        y.push_back(line[static_cast<size_t>(k)].real());
        y.push_back(line[static_cast<size_t>(k)].imag());
      }
    }
  }
  return FromF64(y, out);
}

std::span<const Sample> DftSamples() {
  static const Sample samples[] = {
      {{"f32[2,8,1]"}, {}},
      {{"f32[2,7,2]", "", "i64[] = 1"}, {{"inverse", int64_t{1}}}},
      {{"f32[2,5,3,1]", "i64[] = 6", "i64[] = -3"}, {{"onesided", int64_t{1}}}},
      {{"f64[1,5,2]", "i64[] = 9", "i64[] = 1"}, {{"onesided", int64_t{1}}, {"inverse", int64_t{1}}}}};
  return samples;
}

std::span<const Sample> StftSamples() {
  static const Sample samples[] = {{{"f32[1,32,1]", "i64[] = 4", "f32[8]", "i64[] = 8"}, {}},
                                   {{"f32[2,20,2]", "i64[] = 3", "", "i64[] = 6"}, {{"onesided", int64_t{0}}}},
                                   {{"f32[2,16,1]", "i32[] = 2", "f32[5]"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kDft{.name = "dft",
                        .doc = "Discrete Fourier transform along one axis.",
                        .operands = kDftIn,
                        .results = kFloatOut,
                        .attrs = kDftAttrs,
                        .constraints = kDftRules,
                        .infer = InferDft,
                        .eval = EvalDft,
                        .decompose = DecomposeDft,
                        .samples = DftSamples};

extern const OpDef kStft{.name = "stft",
                         .doc = "Discrete Fourier transforms of windowed frames of a signal: [batch, frame, bin, 2].",
                         .operands = kStftIn,
                         .results = kFloatOut,
                         .attrs = kStftAttrs,
                         .constraints = kStftRules,
                         .infer = InferStft,
                         .eval = EvalStft,
                         .decompose = DecomposeStft,
                         .samples = StftSamples};

}  // namespace godwit::ops
