// conv_transpose: the adjoint of convolution (each input element spreads a scaled kernel over the result).
#include <fmt/format.h>

#include <algorithm>

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
                              {"bias", kFloats, OperandDef::kOptional, 'T'}};
constexpr OperandDef kOut[] = {{"y", kFloats, OperandDef::kPlain, 'T'}};
constexpr AttrDef kAttrs[] = {
    {"strides", AttrKind::kIntList, "none", "Distance of the kernels along each spatial axis; absent: 1."},
    {"dilations", AttrKind::kIntList, "none", "Distance of the taps along each spatial axis; absent: 1."},
    {"pads", AttrKind::kIntList, "none", "What is cut off before each spatial axis, then after each; absent: 0."},
    {"auto_pad", AttrKind::kString, "none", "none, same_upper, same_lower or valid."},
    {"output_pads", AttrKind::kIntList, "none", "Extents added after each spatial axis; absent: 0."},
    {"output_shape", AttrKind::kIntList, "none", "Spatial extents of y; the pads are worked out from them."},
    {"group", AttrKind::kInt, "1", "Groups of channels that do not mix."},
    {"channel_axis", AttrKind::kInt, "1", "Axis of the channels in x and y; axis 0 is the batch, the others spatial."},
    {"weight_layout", AttrKind::kString, "iohw", "Order of w's axes; o counts the output channels of one group."}};
constexpr std::string_view kRules[] = {
    "c1: x and w have the same rank, at least 2, and channel_axis is one of x's axes but the first",
    "c2: weight_layout is a permutation of o, i, hw",
    "c3: strides and dilations are positive, pads, output_pads and output_shape are not negative, one (pads: two) for "
    "each spatial axis",
    "c4: no extent of the result is negative",
    "c5: channels of x = input channels of w, which group divides",
    "c6: bias has one value for each output channel"};

struct Geometry {
  DataAxes axes;
  WeightAxes weights;
  WindowAttrs window;
  std::vector<int64_t> extra, fixed;
  int64_t group = 1;
};

template <class Ctx>
Result<Geometry> Read(const Ctx& ctx, const Shape& x, const Shape& w) {
  const int rank = static_cast<int>(x.size());
  if (x.size() != w.size() || rank < 2)
    return ctx.Fail("c1", fmt::format("x is {}, w is {}", ToString(x), ToString(w)));
  Geometry g;
  TRY(g.axes, ReadDataAxes(ctx, "c1", rank));
  TRY(g.weights, ReadWeightAxes(ctx, "c2", "iohw", rank));
  const size_t n = g.axes.spatial.size();
  TRY(g.window, ReadWindowAttrs(ctx, "c3", n));
  g.group = ctx.attrs.Int("group", 1);
  g.extra = ctx.attrs.Ints("output_pads");
  if (g.extra.empty()) g.extra.assign(n, 0);
  g.fixed = ctx.attrs.Ints("output_shape");
  if (g.extra.size() != n || (!g.fixed.empty() && g.fixed.size() != n))
    return ctx.Fail("c3", fmt::format("{} output_pads, {} extents of output_shape, {} spatial axes", g.extra.size(),
                                      g.fixed.size(), n));
  for (const auto* values : {&g.extra, &g.fixed}) {
    for (int64_t v : *values) {
      if (v < 0 || v >= kMaxWindow) return ctx.Fail("c3", fmt::format("an extent of {}", v));
    }
  }
  const Dim& in = x[static_cast<size_t>(g.axes.channel)];
  const Dim& w_in = w[static_cast<size_t>(g.weights.i)];
  if (g.group < 1 || g.group >= kMaxWindow || !MayEqual(in, w_in) || (w_in.is_static() && w_in.value() % g.group != 0))
    return ctx.Fail("c5", fmt::format("x is {}, w is {}, group {}", ToString(x), ToString(w), g.group));
  return g;
}

// The extent before anything is cut off.
Dim Natural(const Geometry& g, size_t k, const Dim& in, const Dim& kernel) {
  return (in - Dim(1)) * Dim(g.window.strides[k]) + Dim(g.extra[k]) + (kernel - Dim(1)) * Dim(g.window.dilations[k]) +
         Dim(1);
}

template <class Ctx>
Result<Dim> OutExtent(const Ctx& ctx, const Geometry& g, size_t k, const Dim& in, const Dim& kernel) {
  if (!g.fixed.empty()) return Dim(g.fixed[k]);
  if (g.window.auto_pad == AutoPad::kSameUpper || g.window.auto_pad == AutoPad::kSameLower)
    return in * Dim(g.window.strides[k]);
  const size_t n = g.extra.size();
  const int64_t cut = g.window.auto_pad == AutoPad::kNone ? g.window.pads[k] + g.window.pads[k + n] : 0;
  const Dim out = Natural(g, k, in, kernel) - Dim(cut);
  if (in == Dim(0)) return Dim(0);
  if (out.is_static() && out.value() < 0) return ctx.Fail("c4", fmt::format("extent {}", out.value()));
  return out;
}

// What is cut off before axis k of a result whose extents are known.
int64_t PadBegin(const Geometry& g, size_t k, int64_t in, int64_t kernel, int64_t out) {
  const bool same = g.window.auto_pad == AutoPad::kSameUpper || g.window.auto_pad == AutoPad::kSameLower;
  if (g.fixed.empty() && !same) return g.window.auto_pad == AutoPad::kNone ? g.window.pads[k] : 0;
  const int64_t total = std::max<int64_t>(0, Natural(g, k, in, kernel).value() - out);
  return g.window.auto_pad == AutoPad::kSameUpper ? total / 2 : total - total / 2;
}

template <class Ctx>
Result<Shape> OutShape(const Ctx& ctx, const Geometry& g, const Shape& x, const Shape& w) {
  Shape out = x;
  out[static_cast<size_t>(g.axes.channel)] = w[static_cast<size_t>(g.weights.o)] * Dim(g.group);
  for (size_t k = 0; k < g.axes.spatial.size(); ++k) {
    const size_t axis = static_cast<size_t>(g.axes.spatial[k]);
    TRY(out[axis], OutExtent(ctx, g, k, x[axis], w[static_cast<size_t>(g.weights.spatial[k])]));
  }
  return out;
}

Status Infer(InferCtx& ctx) {
  if (!ctx.Ranked(0) && !ctx.Ranked(1)) {
    ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
    return Ok{};
  }
  const int rank = ctx.Ranked(0) ? ctx.Rank(0) : ctx.Rank(1);
  const auto dims_of = [&](size_t i) {
    if (ctx.Ranked(i)) return ctx.ShapeOf(i);
    Shape fresh;
    for (int k = 0; k < rank; ++k) fresh.push_back(ctx.Fresh("conv"));
    return fresh;
  };
  const Shape x = dims_of(0);
  const Shape w = dims_of(1);
  TRY(Geometry g, Read(ctx, x, w));
  TRY(Shape out, OutShape(ctx, g, x, w));
  if (ctx.Ranked(2) && (ctx.Rank(2) != 1 || !MayEqual(ctx.ShapeOf(2)[0], out[static_cast<size_t>(g.axes.channel)])))
    return ctx.Fail("c6", fmt::format("bias is {}", ToString(ctx.ShapeOf(2))));
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

// Weights as rows: [input channel's group][output channel, tap][input channel].
std::vector<double> PackWeights(const Tensor& w, const Geometry& g) {
  const std::vector<int64_t> strides = RowMajorStrides(w.dims());
  const auto stride = [&](int axis) { return strides[static_cast<size_t>(axis)]; };
  const int64_t in_per_group = w.dim(g.weights.i) / g.group;
  Dims box = {g.group, w.dim(g.weights.o)};
  std::vector<int64_t> from = {in_per_group * stride(g.weights.i), stride(g.weights.o)};
  for (int s : g.weights.spatial) {
    box.push_back(w.dim(s));
    from.push_back(stride(s));
  }
  box.push_back(in_per_group);
  from.push_back(stride(g.weights.i));
  const std::vector<double> wide = Widen<double>(w);
  std::vector<double> out(wide.size());
  Odometer walk(box, {from});
  for (double& v : out) {
    v = wide[static_cast<size_t>(walk.offset(0))];
    walk.Next();
  }
  return out;
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  const Tensor& w = ctx.In(1);
  const Shape x_shape = ToShape(x.dims());
  const Shape w_shape = ToShape(w.dims());
  TRY(Geometry g, Read(ctx, x_shape, w_shape));
  TRY(Shape shape, OutShape(ctx, g, x_shape, w_shape));
  Dims dims;
  for (const Dim& d : shape) dims.push_back(d.value());
  TRY(Tensor * out, ctx.Make(0, x.dtype(), dims));
  const int64_t out_per_group = w.dim(g.weights.o);
  const int64_t in_per_group = w.dim(g.weights.i) / g.group;
  std::vector<double> bias;
  if (ctx.Has(2)) {
    bias = Widen<double>(ctx.In(2));
    if (static_cast<int64_t>(bias.size()) != out_per_group * g.group)
      return ctx.Fail("c6", fmt::format("bias is {}", ToString(ctx.In(2).dims())));
  }
  const size_t n = g.axes.spatial.size();
  Dims kernel, in_space;
  std::vector<int64_t> begin, y_steps;
  const std::vector<int64_t> x_strides = RowMajorStrides(x.dims());
  const std::vector<int64_t> y_strides = RowMajorStrides(dims);
  const size_t channel = static_cast<size_t>(g.axes.channel);
  for (size_t k = 0; k < n; ++k) {
    const size_t axis = static_cast<size_t>(g.axes.spatial[k]);
    kernel.push_back(w.dim(g.weights.spatial[k]));
    in_space.push_back(x.dims()[axis]);
    begin.push_back(PadBegin(g, k, in_space[k], kernel[k], dims[axis]));
    y_steps.push_back(y_strides[axis]);
  }
  const std::vector<int64_t> places = PositionOffsets(x.dims(), g.axes);
  const std::vector<double> rows = PackWeights(w, g);
  const std::vector<double> wide = Widen<double>(x);
  std::vector<double> y(static_cast<size_t>(out->size()), 0.0);
  const int64_t taps = ElementCount(kernel);
  const int64_t height = out_per_group * taps;
  constexpr int64_t kChunk = 64;
  Panels<double> columns(in_per_group, kChunk);
  std::vector<double> block(static_cast<size_t>(height * kChunk));
  const int64_t positions = static_cast<int64_t>(places.size());
  const int64_t images = out->size() == 0 || x.size() == 0 ? 0 : x.dim(0);
  for (int64_t image = 0; image < images; ++image) {
    for (int64_t group = 0; group < g.group; ++group) {
      double* y_group = y.data() + image * y_strides[0] + group * out_per_group * y_strides[channel];
      const double* x_group = wide.data() + image * x_strides[0] + group * in_per_group * x_strides[channel];
      Odometer at(in_space, {});
      for (int64_t first = 0; first < positions; first += kChunk) {
        const int64_t count = std::min(kChunk, positions - first);
        for (int64_t c = 0; c < in_per_group; ++c) {
          for (int64_t p = 0; p < count; ++p) {
            columns.At(c, p) = x_group[c * x_strides[channel] + places[static_cast<size_t>(first + p)]];
          }
        }
        WideProduct<double>(height, count, in_per_group, rows.data() + group * height * in_per_group, in_per_group,
                            columns, block.data(), kChunk);
        for (int64_t p = 0; p < count; ++p, at.Next()) {
          Odometer tap(kernel, {});
          for (int64_t t = 0; t < taps; ++t, tap.Next()) {
            int64_t offset = 0;
            bool inside = true;
            for (size_t k = 0; k < n; ++k) {
              const int64_t pos =
                  at.index()[k] * g.window.strides[k] + tap.index()[k] * g.window.dilations[k] - begin[k];
              inside = inside && pos >= 0 && pos < dims[static_cast<size_t>(g.axes.spatial[k])];
              offset += pos * y_steps[k];
            }
            if (!inside) continue;
            for (int64_t o = 0; o < out_per_group; ++o) {
              y_group[offset + o * y_strides[channel]] += block[static_cast<size_t>((o * taps + t) * kChunk + p)];
            }
          }
        }
      }
    }
  }
  if (!bias.empty() && out->size() != 0) {
    const int64_t step = y_strides[channel];
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] += bias[static_cast<size_t>(static_cast<int64_t>(i) / step % dims[channel])];
    }
  }
  Narrow<double>(y, out);
  return Ok{};
}

double Macs(const CostCtx& ctx) {
  const Type* x = ctx.In(0);
  const Type* w = ctx.In(1);
  if (x == nullptr || w == nullptr || !w->ranked() || w->rank() < 2) return 0;
  const size_t i = ctx.attrs.Str("weight_layout", "iohw").find('i');
  const Dim& channels = i == 0 ? w->shape()[0] : i == 1 ? w->shape()[1] : w->shape().back();
  return CostCtx::Elements(x) * CostCtx::Elements(w) / std::max(1.0, CostCtx::Extent(channels));
}

std::span<const Sample> Samples() {
  using Ints = std::vector<int64_t>;
  static const Sample samples[] = {
      {{"f32[1,2,3,3]", "f32[2,4,3,3]", "f32[4]"}, {{"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}}},
      {{"f32[2,4,5]", "f32[4,3,3]"}, {{"group", int64_t{2}}, {"strides", Ints{3}}, {"output_pads", Ints{1}}}},
      {{"f16[1,1,3,3]", "f16[1,2,3,3]"}, {{"strides", Ints{3, 2}}, {"output_shape", Ints{10, 8}}}},
      {{"f64[1,3,2,4]", "f64[5,2,3,4]"},
       {{"channel_axis", int64_t{-1}}, {"weight_layout", "ohwi"}, {"auto_pad", "same_upper"}, {"strides", Ints{2, 2}}}},
      {{"f32[1,1,2,3,2]", "f32[1,1,2,2,2]"}, {{"dilations", Ints{1, 2, 1}}}}};
  return samples;
}

}  // namespace

Result<std::vector<Slide>> ConvTransposeSlides(const EvalCtx& ctx, const Tensor& x, const Tensor& w) {
  const Shape x_shape = ToShape(x.dims()), w_shape = ToShape(w.dims());
  TRY(const Geometry g, Read(ctx, x_shape, w_shape));
  TRY(const Shape out, OutShape(ctx, g, x_shape, w_shape));
  std::vector<Slide> slides;
  for (size_t k = 0; k < g.axes.spatial.size(); ++k) {
    const auto axis = static_cast<size_t>(g.axes.spatial[k]);
    Slide slide{.in = x.dims()[axis],
                .out = out[axis].value(),
                .kernel = w.dim(g.weights.spatial[k]),
                .stride = g.window.strides[k],
                .dilation = g.window.dilations[k]};
    slide.pad_begin = PadBegin(g, k, slide.in, slide.kernel, slide.out);
    slides.push_back(slide);
  }
  return slides;
}

extern const OpDef kConvTranspose{.name = "conv_transpose",
                                  .doc = "Transposed convolution: the adjoint of conv over its input.",
                                  .operands = kIn,
                                  .results = kOut,
                                  .attrs = kAttrs,
                                  .constraints = kRules,
                                  .infer = Infer,
                                  .eval = Eval,
                                  .commute = CommuteImage,
                                  .decompose = DecomposeConvTranspose,
                                  .macs = Macs,
                                  .samples = Samples};

}  // namespace godwit::ops
