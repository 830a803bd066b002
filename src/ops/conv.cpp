// conv: convolution over any number of spatial axes, in any layout, of floats or of 8-bit integers into i32.
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

constexpr TypeSet kByteInts = TypeSet(DType::kI8) | DType::kU8;
constexpr OperandDef kIn[] = {{"x", kFloats | kByteInts},
                              {"w", kFloats | kByteInts},
                              {"bias", kFloats | DType::kI32, OperandDef::kOptional},
                              {"x_zero_point", kByteInts, OperandDef::kOptional},
                              {"w_zero_point", kByteInts, OperandDef::kOptional}};
constexpr OperandDef kOut[] = {{"y", kFloats | DType::kI32}};
constexpr AttrDef kAttrs[] = {
    {"strides", AttrKind::kIntList, "none", "Step of the window along each spatial axis; absent: 1."},
    {"dilations", AttrKind::kIntList, "none", "Distance of the taps along each spatial axis; absent: 1."},
    {"pads", AttrKind::kIntList, "none", "Zeros before each spatial axis, then after each; absent: 0."},
    {"auto_pad", AttrKind::kString, "none", "none, same_upper, same_lower or valid."},
    {"group", AttrKind::kInt, "1", "Groups of channels that do not mix."},
    {"channel_axis", AttrKind::kInt, "1", "Axis of the channels in x and y; axis 0 is the batch, the others spatial."},
    {"weight_layout", AttrKind::kString, "oihw", "Order of w's axes; hw stands for all spatial ones."}};
constexpr std::string_view kRules[] = {
    "c1: x and w have the same rank, at least 2, and channel_axis is one of x's axes but the first",
    "c2: weight_layout is a permutation of o, i, hw",
    "c3: strides and dilations are positive, pads are not negative, one (pads: two) for each spatial axis",
    "c4: the dilated kernel fits into the padded input",
    "c5: channels of x = group * input channels of w, and group divides the output channels",
    "c6: bias has one value for each output channel",
    "c7: x and w have the same float type, or both are 8-bit integers",
    "c8: zero points have one value, w_zero_point alternatively one for each output channel"};

Status Infer(InferCtx& ctx) {
  const DType x_type = ctx.DtypeOf(0);
  const DType w_type = ctx.DtypeOf(1);
  if (x_type != DType::kNone && w_type != DType::kNone && x_type != w_type && !(IsInteger(x_type) && IsInteger(w_type)))
    return ctx.Fail("c7", fmt::format("x is {}, w is {}", Name(x_type), Name(w_type)));
  const DType dtype = IsInteger(x_type) ? DType::kI32 : x_type;
  if (!ctx.Ranked(0) && !ctx.Ranked(1)) {
    ctx.Out(0, Type::Tensor(dtype));
    return Ok{};
  }
  const int rank = ctx.Ranked(0) ? ctx.Rank(0) : ctx.Rank(1);
  const auto dims_of = [&](size_t i) {
    if (ctx.Ranked(i)) return ctx.ShapeOf(i);
    Shape fresh;
    for (int k = 0; k < rank; ++k) fresh.push_back(ctx.Fresh("conv"));
    return fresh;
  };
  TRY(ConvGeometry g, ResolveConv(ctx, dims_of(0), dims_of(1), "oihw"));
  if (ctx.Ranked(2) && (ctx.Rank(2) != 1 || !MayEqual(ctx.ShapeOf(2)[0], g.out[static_cast<size_t>(g.axes.channel)])))
    return ctx.Fail("c6", fmt::format("bias is {}", ToString(ctx.ShapeOf(2))));
  ctx.Out(0, dtype, std::move(g.out));
  return Ok{};
}

// Weights as rows of one output channel each: [output channel][input channel][tap], zero points taken off.
template <class T>
std::vector<T> PackWeights(const Tensor& w, const WeightAxes& axes, const std::vector<T>& zero_points) {
  const std::vector<int64_t> strides = RowMajorStrides(w.dims());
  Dims box = {w.dim(axes.o), w.dim(axes.i)};
  std::vector<int64_t> from = {strides[static_cast<size_t>(axes.o)], strides[static_cast<size_t>(axes.i)]};
  for (int s : axes.spatial) {
    box.push_back(w.dim(s));
    from.push_back(strides[static_cast<size_t>(s)]);
  }
  const std::vector<T> wide = Widen<T>(w);
  std::vector<T> out(wide.size());
  Odometer walk(box, {from});
  for (T& v : out) {
    const T zero =
        zero_points.empty() ? T(0) : zero_points[zero_points.size() == 1 ? 0 : static_cast<size_t>(walk.index()[0])];
    v = wide[static_cast<size_t>(walk.offset(0))] - zero;
    walk.Next();
  }
  return out;
}

// One image and group at a time: columns of taps for a run of output positions, times the packed weights.
template <class T>
class ConvRun {
 public:
  ConvRun(const Tensor& x, const ConvGeometry& g, std::vector<Slide> slides, std::vector<T> wide, T x_zero)
      : x_(std::move(wide)), x_zero_(x_zero), slides_(std::move(slides)) {
    const std::vector<int64_t> strides = RowMajorStrides(x.dims());
    channel_stride_ = strides[static_cast<size_t>(g.axes.channel)];
    for (int s : g.axes.spatial) {
      space_strides_.push_back(strides[static_cast<size_t>(s)]);
    }
    for (const Slide& s : slides_) {
      kernel_.push_back(s.kernel);
      space_.push_back(s.out);
    }
    taps_ = ElementCount(kernel_);
  }

  [[nodiscard]] int64_t taps() const { return taps_; }

  /// Columns for output positions [first, first + count) of channels [c0, c0 + channels) of the image at `base`.
  void Fill(int64_t base, int64_t c0, int64_t channels, int64_t first, int64_t count, Panels<T>* columns) const {
    const size_t n = slides_.size();
    Dims start(n, 0);
    for (size_t k = n; k-- > 0; first /= space_[k]) start[k] = first % space_[k];
    std::vector<int64_t> offsets(static_cast<size_t>(count));
    Dims tap(n, 0);
    for (int64_t t = 0; t < taps_; ++t, Step(&tap, kernel_)) {
      Dims at = start;
      for (int64_t& offset : offsets) {
        offset = base + c0 * channel_stride_;
        bool inside = true;
        for (size_t k = 0; k < n; ++k) {
          const int64_t pos = slides_[k].Start(at[k]) + tap[k] * slides_[k].dilation;
          inside = inside && pos >= 0 && pos < slides_[k].in;
          offset += pos * space_strides_[k];
        }
        if (!inside) offset = -1;
        Step(&at, space_);
      }
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t plane = c * channel_stride_;
        for (int64_t p = 0; p < count; ++p) {
          const int64_t offset = offsets[static_cast<size_t>(p)];
          columns->At(c * taps_ + t, p) = offset < 0 ? T(0) : x_[static_cast<size_t>(offset + plane)] - x_zero_;
        }
      }
    }
  }

 private:
  static void Step(std::vector<int64_t>* index, const Dims& box) {
    for (size_t k = box.size(); k-- > 0;) {
      if (++(*index)[k] < box[k]) return;
      (*index)[k] = 0;
    }
  }

  std::vector<T> x_;
  T x_zero_;
  std::vector<Slide> slides_;
  int64_t channel_stride_ = 0, taps_ = 0;
  std::vector<int64_t> space_strides_;
  Dims kernel_, space_;
};

template <class T>
Status Run(EvalCtx& ctx, const ConvGeometry& g, Tensor* out) {
  const Tensor& x = ctx.In(0);
  const Tensor& w = ctx.In(1);
  std::vector<T> bias, x_zero, w_zero;
  const int64_t channels_out = w.dim(g.weights.o);
  if (ctx.Has(2)) {
    bias = Widen<T>(ctx.In(2));
    if (ctx.In(2).rank() != 1 || ctx.In(2).dim(0) != channels_out)
      return ctx.Fail("c6", fmt::format("bias is {}", ToString(ctx.In(2).dims())));
  }
  if (ctx.Has(3)) x_zero = Widen<T>(ctx.In(3));
  if (ctx.Has(4)) w_zero = Widen<T>(ctx.In(4));
  if ((ctx.Has(3) && x_zero.size() != 1) ||
      (ctx.Has(4) && w_zero.size() != 1 && static_cast<int64_t>(w_zero.size()) != channels_out))
    return ctx.Fail("c8", fmt::format("{} and {} values", x_zero.size(), w_zero.size()));

  TRY(std::vector<Slide> slides, ConvSlides(ctx, g, x, w));
  const int64_t in_per_group = w.dim(g.weights.i);
  const int64_t out_per_group = channels_out / g.group;
  const std::vector<T> rows = PackWeights<T>(w, g.weights, w_zero);
  const ConvRun<T> run(x, g, std::move(slides), Widen<T>(x), x_zero.empty() ? T(0) : x_zero[0]);
  const int64_t depth = in_per_group * run.taps();

  const std::vector<int64_t> y_strides = RowMajorStrides(out->dims());
  const int64_t plane = y_strides[static_cast<size_t>(g.axes.channel)];
  const std::vector<int64_t> places = PositionOffsets(out->dims(), g.axes);
  const int64_t positions = static_cast<int64_t>(places.size());
  const int64_t x_image = RowMajorStrides(x.dims())[0];

  constexpr int64_t kColumnBytes = 1 << 20;
  constexpr int64_t kColumnElements = kColumnBytes / static_cast<int64_t>(sizeof(T));
  const int64_t chunk = std::clamp<int64_t>(kColumnElements / std::max<int64_t>(1, depth), 4, 4096) / 4 * 4;
  std::vector<T> y(static_cast<size_t>(out->size()));
  std::vector<T> block(static_cast<size_t>(out_per_group * std::min(chunk, std::max<int64_t>(positions, 1))));
  Panels<T> columns(depth, std::min(chunk, std::max<int64_t>(positions, 1)));
  for (int64_t n = 0; n < x.dim(0); ++n) {
    for (int64_t group = 0; group < g.group; ++group) {
      for (int64_t first = 0; first < positions; first += chunk) {
        const int64_t count = std::min(chunk, positions - first);
        run.Fill(n * x_image, group * in_per_group, in_per_group, first, count, &columns);
        WideProduct<T>(out_per_group, count, depth, rows.data() + group * out_per_group * depth, depth, columns,
                       block.data(), count);
        for (int64_t o = 0; o < out_per_group; ++o) {
          const int64_t channel = group * out_per_group + o;
          const T b = bias.empty() ? T(0) : bias[static_cast<size_t>(channel)];
          T* dst = y.data() + n * y_strides[0] + channel * plane;
          const T* src = block.data() + o * count;
          for (int64_t p = 0; p < count; ++p) dst[places[static_cast<size_t>(first + p)]] = src[p] + b;
        }
      }
    }
  }
  Narrow<T>(y, out);
  return Ok{};
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  const Tensor& w = ctx.In(1);
  if (x.dtype() != w.dtype() && !(IsInteger(x.dtype()) && IsInteger(w.dtype())))
    return ctx.Fail("c7", fmt::format("x is {}, w is {}", Name(x.dtype()), Name(w.dtype())));
  TRY(ConvGeometry g, ResolveConv(ctx, ToShape(x.dims()), ToShape(w.dims()), "oihw"));
  Dims dims;
  for (const Dim& d : g.out) dims.push_back(d.value());
  const bool integer = IsInteger(x.dtype());
  TRY(Tensor * out, ctx.Make(0, integer ? DType::kI32 : x.dtype(), std::move(dims)));
  return integer ? Run<uint64_t>(ctx, g, out) : Run<double>(ctx, g, out);
}

double Macs(const CostCtx& ctx) {
  const Type* w = ctx.In(1);
  if (w == nullptr || !w->ranked()) return 0;
  const size_t o = ctx.attrs.Str("weight_layout", "oihw").find('o');
  // Only "o" first or last occurs; the position among the text's letters maps to the first or last axis.
  const Dim& channels = o == 0 ? w->shape().front() : w->shape()[w->shape().size() - 1];
  return CostCtx::Elements(ctx.Out(0)) * CostCtx::Elements(w) / std::max(1.0, CostCtx::Extent(channels));
}

std::span<const Sample> Samples() {
  using Ints = std::vector<int64_t>;
  static const Sample samples[] = {
      {{"f32[1,3,7,6]", "f32[4,3,3,3]", "f32[4]"}, {{"pads", Ints{1, 1, 1, 1}}}},
      {{"f32[2,4,9]", "f32[6,2,3]"}, {{"group", int64_t{2}}, {"strides", Ints{2}}, {"dilations", Ints{2}}}},
      {{"f16[1,2,5,5]", "f16[2,1,3,2]"}, {{"group", int64_t{2}}, {"auto_pad", "same_upper"}, {"strides", Ints{2, 2}}}},
      {{"f32[1,5,6,3]", "f32[2,3,3,3]", "f32[2]"},
       {{"channel_axis", int64_t{-1}}, {"weight_layout", "ohwi"}, {"auto_pad", "same_lower"}}},
      {{"f64[1,4,5,3]", "f64[2,2,3,4]"}, {{"channel_axis", int64_t{3}}, {"weight_layout", "hwio"}}},
      {{"f32[1,1,3,4,5]", "f32[2,1,2,2,2]"}, {{"pads", Ints{0, 1, 0, 1, 0, 1}}}},
      {{"u8[1,2,4,4]", "i8[3,2,2,2]", "", "u8[] = 3", "i8[3] = 1,0,-2"}, {}},
      {{"f32[0,2,4]", "f32[3,2,3]"}, {}}};
  return samples;
}

}  // namespace

extern const OpDef kConv{.name = "conv",
                         .doc = "Convolution (correlation) of x with w; 8-bit integers accumulate into i32.",
                         .operands = kIn,
                         .results = kOut,
                         .attrs = kAttrs,
                         .constraints = kRules,
                         .infer = Infer,
                         .eval = Eval,
                         .commute = CommuteImage,
                         .decompose = DecomposeConv,
                         .macs = Macs,
                         .samples = Samples};

}  // namespace godwit::ops
