// deform_conv: convolution whose taps are moved by learned offsets and weighed by a mask.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "ir/cost.h"
#include "ir/op_def.h"
#include "ops/conv_common.h"
#include "ops/decompose.h"
#include "ops/plain.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kFloats, OperandDef::kPlain, 'T'},
                              {"w", kFloats, OperandDef::kPlain, 'T'},
                              {"offset", kFloats, OperandDef::kPlain, 'T'},
                              {"bias", kFloats, OperandDef::kOptional, 'T'},
                              {"mask", kFloats, OperandDef::kOptional, 'T'}};
constexpr OperandDef kOut[] = {{"y", kFloats, OperandDef::kPlain, 'T'}};
constexpr AttrDef kAttrs[] = {
    {"strides", AttrKind::kIntList, "none", "Step of the window along each spatial axis; absent: 1."},
    {"dilations", AttrKind::kIntList, "none", "Distance of the taps along each spatial axis; absent: 1."},
    {"pads", AttrKind::kIntList, "none", "Zeros before each spatial axis, then after each; absent: 0."},
    {"group", AttrKind::kInt, "1", "Groups of channels that do not mix."},
    {"offset_group", AttrKind::kInt, "1", "Groups of input channels that share offsets and mask."}};
constexpr std::string_view kRules[] = {
    "c1: x [N, C, spatial...] and w [O, C/group, spatial...] have the same rank, at least 2",
    "c2: weight_layout is a permutation of o, i, hw",
    "c3: strides and dilations are positive, pads are not negative, one (pads: two) for each spatial axis",
    "c4: the dilated kernel fits into the padded input",
    "c5: channels of x = group * input channels of w, and group divides the output channels",
    "c6: bias has one value for each output channel",
    "c7: offset_group divides the channels; offset is [N, offset_group * taps * spatial axes, result's spatial...]",
    "c8: mask is [N, offset_group * taps, result's spatial...]"};

// The shape that offset (values = spatial axes) or mask (values = 1) must have.
Shape Expected(const ConvGeometry& g, const Shape& w, int64_t offset_groups, int64_t values) {
  Shape out = g.out;
  Dim taps(offset_groups * values);
  for (size_t k = 2; k < w.size(); ++k) taps = taps * w[k];
  out[1] = taps;
  return out;
}

bool MayAgree(const Shape& a, const Shape& b) {
  if (a.size() != b.size()) return false;
  for (size_t k = 0; k < a.size(); ++k) {
    if (!MayEqual(a[k], b[k])) return false;
  }
  return true;
}

// All checks; shapes of absent or unranked operands are empty and pass.
template <class Ctx>
Result<ConvGeometry> Resolve(const Ctx& ctx, const Shape& x, const Shape& w, const Shape& offset, const Shape& bias,
                             const Shape& mask) {
  TRY(ConvGeometry g, ResolveConv(ctx, x, w, "oihw"));
  const int64_t groups = ctx.attrs.Int("offset_group", 1);
  const Dim& channels = x[1];
  if (groups < 1 || groups >= kMaxWindow || (channels.is_static() && channels.value() % groups != 0))
    return ctx.Fail("c7", fmt::format("offset_group {} of {} channels", groups, channels.ToString()));
  if (!bias.empty() && (bias.size() != 1 || !MayEqual(bias[0], g.out[1]))) return ctx.Fail("c6", ToString(bias));
  const Shape want_offset = Expected(g, w, groups, static_cast<int64_t>(g.axes.spatial.size()));
  if (!offset.empty() && !MayAgree(offset, want_offset))
    return ctx.Fail("c7", fmt::format("{}, not {}", ToString(offset), ToString(want_offset)));
  const Shape want_mask = Expected(g, w, groups, 1);
  if (!mask.empty() && !MayAgree(mask, want_mask))
    return ctx.Fail("c8", fmt::format("{}, not {}", ToString(mask), ToString(want_mask)));
  return g;
}

Status Infer(InferCtx& ctx) {
  if (!ctx.Ranked(0) || !ctx.Ranked(1)) {
    ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
    return Ok{};
  }
  const auto shape = [&](size_t i) { return ctx.Ranked(i) ? ctx.ShapeOf(i) : Shape(); };
  TRY(ConvGeometry g, Resolve(ctx, shape(0), shape(1), shape(2), shape(3), shape(4)));
  ctx.Out(0, ctx.DtypeOf(0), std::move(g.out));
  return Ok{};
}

// The picture between its pixels: linear in each axis, zero outside.
double Sample1(const double* x, const Dims& dims, const std::vector<int64_t>& strides, const std::vector<double>& at) {
  const size_t n = at.size();
  double sum = 0;
  for (size_t corner = 0; corner < (size_t{1} << n); ++corner) {
    double weight = 1;
    int64_t offset = 0;
    bool inside = true;
    for (size_t k = 0; k < n && inside; ++k) {
      const double low = std::floor(at[k]);
      const bool high = ((corner >> k) & 1U) != 0;
      const double pos = low + (high ? 1 : 0);
      // Written so that NaN is outside too.
      inside = pos >= 0 && pos < static_cast<double>(dims[k]);
      if (!inside) break;
      weight *= high ? at[k] - low : 1 - (at[k] - low);
      offset += static_cast<int64_t>(pos) * strides[k];
    }
    if (inside && weight != 0) sum += weight * x[offset];
  }
  return sum;
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  const Tensor& w = ctx.In(1);
  const auto shape = [&](size_t i) { return ctx.Has(i) ? ToShape(ctx.In(i).dims()) : Shape(); };
  TRY(ConvGeometry g, Resolve(ctx, shape(0), shape(1), shape(2), shape(3), shape(4)));
  TRY(std::vector<Slide> slides, ConvSlides(ctx, g, x, w));
  Dims dims, space, kernel, picture;
  for (const Dim& d : g.out) dims.push_back(d.value());
  for (const Slide& s : slides) {
    space.push_back(s.out);
    kernel.push_back(s.kernel);
    picture.push_back(s.in);
  }
  const size_t n = slides.size();
  if (n > 8) return ctx.NoKernel("more than 8 spatial axes");
  TRY(Tensor * out, ctx.Make(0, x.dtype(), dims));
  if (out->size() == 0) return Ok{};
  const int64_t taps = ElementCount(kernel), positions = ElementCount(space), area = ElementCount(picture);
  const int64_t channels = x.dim(1), in_per_group = w.dim(1), out_per_group = w.dim(0) / g.group;
  const int64_t offset_groups = ctx.attrs.Int("offset_group", 1);
  const int64_t per_offset_group = channels / offset_groups;
  const std::vector<double> wide = Widen<double>(x), weights = Widen<double>(w), moves = Widen<double>(ctx.In(2));
  const std::vector<double> bias = ctx.Has(3) ? Widen<double>(ctx.In(3)) : std::vector<double>();
  const std::vector<double> mask = ctx.Has(4) ? Widen<double>(ctx.In(4)) : std::vector<double>();
  const std::vector<int64_t> strides = RowMajorStrides(picture);
  std::vector<double> y(static_cast<size_t>(out->size()));
  std::vector<double> at(n);
  Panels<double> column(in_per_group * taps, 1);
  std::vector<double> sums(static_cast<size_t>(out_per_group));
  for (int64_t image = 0; image < dims[0]; ++image) {
    Odometer place(space, {});
    for (int64_t p = 0; p < positions; ++p, place.Next()) {
      for (int64_t group = 0; group < g.group; ++group) {
        for (int64_t c = 0; c < in_per_group; ++c) {
          const int64_t channel = group * in_per_group + c;
          const int64_t og = image * offset_groups + channel / per_offset_group;
          Odometer tap(kernel, {});
          for (int64_t t = 0; t < taps; ++t, tap.Next()) {
            for (size_t k = 0; k < n; ++k) {
              const int64_t row = (og * taps + t) * static_cast<int64_t>(n) + static_cast<int64_t>(k);
              at[k] = static_cast<double>(slides[k].Start(place.index()[k]) + tap.index()[k] * slides[k].dilation) +
                      moves[static_cast<size_t>(row * positions + p)];
            }
            double v = Sample1(wide.data() + (image * channels + channel) * area, picture, strides, at);
            if (!mask.empty()) v *= mask[static_cast<size_t>((og * taps + t) * positions + p)];
            column.At(c * taps + t, 0) = v;
          }
        }
        const int64_t depth = in_per_group * taps;
        WideProduct<double>(out_per_group, 1, depth, weights.data() + group * out_per_group * depth, depth, column,
                            sums.data(), 1);
        for (int64_t o = 0; o < out_per_group; ++o) {
          const int64_t channel = group * out_per_group + o;
          y[static_cast<size_t>((image * dims[1] + channel) * positions + p)] =
              sums[static_cast<size_t>(o)] + (bias.empty() ? 0 : bias[static_cast<size_t>(channel)]);
        }
      }
    }
  }
  Narrow<double>(y, out);
  return Ok{};
}

double Macs(const CostCtx& ctx) {
  const Type* w = ctx.In(1);
  if (w == nullptr || !w->ranked() || w->rank() == 0) return 0;
  return CostCtx::Elements(ctx.Out(0)) * CostCtx::Elements(w) / std::max(1.0, CostCtx::Extent(w->shape()[0]));
}

std::span<const Sample> Samples() {
  using Ints = std::vector<int64_t>;
  static const Sample samples[] = {{{"f32[1,2,5,4]", "f32[3,2,2,2]", "f32[1,8,4,3]", "f32[3]"}, {}},
                                   {{"f32[2,4,4,4]", "f32[2,2,3,3]", "f32[2,36,4,4]", "", "f32[2,18,4,4]"},
                                    {{"group", int64_t{2}}, {"offset_group", int64_t{2}}, {"pads", Ints{1, 1, 1, 1}}}},
                                   {{"f64[1,1,6]", "f64[1,1,2]", "f64[1,2,3]"}, {{"strides", Ints{2}}}}};
  return samples;
}

}  // namespace

extern const OpDef kDeformConv{.name = "deform_conv",
                               .doc = "Convolution with moved taps, sampled linearly, and an optional mask.",
                               .operands = kIn,
                               .results = kOut,
                               .attrs = kAttrs,
                               .constraints = kRules,
                               .infer = Infer,
                               .eval = Eval,
                               .decompose = DecomposeDeformConv,
                               .macs = Macs,
                               .samples = Samples};

}  // namespace godwit::ops
