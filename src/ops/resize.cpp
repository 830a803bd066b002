// resize: interpolation to another size along some axes, one axis after the other.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ir/convert.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/commute_rules.h"
#include "ops/decompose.h"
#include "ops/resize.h"
#include "ops/resize_axis.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr uint8_t kOptionalShape = OperandDef::kOptional | OperandDef::kShapeLike;
constexpr OperandDef kIn[] = {
    {"data"}, {"sizes", kIndex, kOptionalShape}, {"scales", kFloats, kOptionalShape}, {"roi", kFloats, kOptionalShape}};
constexpr OperandDef kOut[] = {{"y"}};
constexpr AttrDef kAttrs[] = {
    {"mode", AttrKind::kString, "nearest", "nearest, linear or cubic."},
    {"coordinates", AttrKind::kString, "half_pixel",
     "How places of the result map to the source: half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, "
     "asymmetric, tf_crop_and_resize, tf_half_pixel_for_nn."},
    {"nearest", AttrKind::kString, "round_prefer_floor",
     "How nearest rounds: round_prefer_floor, round_prefer_ceil, floor, ceil."},
    {"axes", AttrKind::kIntList, "none", "The axes that sizes, scales and roi speak of; absent: all."},
    {"antialias", AttrKind::kInt, "0", "1: the filter of linear and cubic widens when the result is smaller."},
    {"cubic_a", AttrKind::kFloat, "-0.75", "Coefficient of the cubic filter."},
    {"exclude_outside", AttrKind::kInt, "0", "1: places outside the source weigh nothing; 0: they repeat the edge."},
    {"extrapolation", AttrKind::kFloat, "0", "tf_crop_and_resize: value of places outside the source."},
    {"keep_aspect", AttrKind::kString, "stretch",
     "With sizes: stretch (exactly those), not_larger or not_smaller (one scale for all axes)."}};
constexpr std::string_view kRules[] = {"c1: either sizes or scales are given, one for each axis",
                                       "c2: axes are distinct axes",
                                       "c3: sizes are not negative, scales positive and finite",
                                       "c4: roi has a start for each axis, then an end for each",
                                       "c5: mode, coordinates, nearest and keep_aspect are known",
                                       "c6: a dim of 0 stays 0"};

struct Setup {
  Interpolation mode = Interpolation::kNearest;
  Coordinates coordinates = Coordinates::kHalfPixel;
  Nearest nearest = Nearest::kHalfDown;
  std::string_view keep_aspect;
  bool antialias = false;
};

template <class Enum, size_t N>
bool Pick(std::string_view name, const std::string_view (&names)[N], Enum* out) {
  for (size_t i = 0; i < N; ++i) {
    if (names[i] != name) continue;
    *out = static_cast<Enum>(i);
    return true;
  }
  return false;
}

template <class Ctx>
Result<Setup> SetupOf(const Ctx& ctx) {
  static constexpr std::string_view kModes[] = {"nearest", "linear", "cubic"};
  static constexpr std::string_view kCoordinates[] = {
      "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",  "align_corners",
      "asymmetric", "tf_crop_and_resize",   "tf_half_pixel_for_nn"};
  static constexpr std::string_view kNearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  Setup s;
  s.keep_aspect = ctx.attrs.Str("keep_aspect", "stretch");
  s.antialias = ctx.attrs.Flag("antialias");
  const bool known = Pick(ctx.attrs.Str("mode", "nearest"), kModes, &s.mode) &&
                     Pick(ctx.attrs.Str("coordinates", "half_pixel"), kCoordinates, &s.coordinates) &&
                     Pick(ctx.attrs.Str("nearest", "round_prefer_floor"), kNearest, &s.nearest) &&
                     (s.keep_aspect == "stretch" || s.keep_aspect == "not_larger" || s.keep_aspect == "not_smaller");
  if (!known) return ctx.Fail("c5", "an attribute is not one of the words");
  return s;
}

template <class Ctx>
Result<std::vector<int>> AxesOf(const Ctx& ctx, int rank) {
  std::vector<int> axes;
  if (!ctx.attrs.Has("axes")) {
    for (int k = 0; k < rank; ++k) axes.push_back(k);
  }
  for (int64_t a : ctx.attrs.Ints("axes")) {
    TRY(int axis, ctx.Axis("c2", a, rank));
    if (std::find(axes.begin(), axes.end(), axis) != axes.end()) {
      return ctx.Fail("c2", fmt::format("axis {} occurs twice", axis));
    }
    axes.push_back(axis);
  }
  return axes;
}

// The resized dims and the scale of each axis. Sizes are products in f32, as every runtime works them out.
template <class Ctx>
Result<std::vector<ResizeAxis>> Plan(const Ctx& ctx, const Setup& setup, const std::vector<int64_t>& dims,
                                     const std::vector<int64_t>* sizes, const std::vector<double>* scales,
                                     const std::vector<double>& roi) {
  const size_t n = dims.size();
  if ((sizes == nullptr) == (scales == nullptr) || (sizes ? sizes->size() : scales->size()) != n) {
    return ctx.Fail(
        "c1", fmt::format("{} axes, {} sizes, {} scales", n, sizes ? sizes->size() : 0, scales ? scales->size() : 0));
  }
  const bool crop = setup.coordinates == Coordinates::kTfCropAndResize;
  if (crop && roi.size() != 2 * n) return ctx.Fail("c4", fmt::format("{} numbers for {} axes", roi.size(), n));
  std::vector<ResizeAxis> plan(n);
  for (size_t i = 0; i < n; ++i) {
    ResizeAxis& axis = plan[i];
    axis.in = dims[i];
    axis.coordinates = setup.coordinates;
    if (crop) {
      axis.roi_start = roi[i];
      axis.roi_end = roi[n + i];
    }
    if (sizes) {
      axis.from_size = true;
      axis.out = (*sizes)[i];
      if (axis.out < 0) return ctx.Fail("c3", fmt::format("size {}", axis.out));
      axis.scale = axis.in == 0 ? 1 : static_cast<double>(axis.out) / static_cast<double>(axis.in);
    } else {
      axis.scale = (*scales)[i];
      if (!(axis.scale > 0) || !(axis.scale < 1e18)) return ctx.Fail("c3", fmt::format("scale {}", axis.scale));
      const float out = std::floor(static_cast<float>(axis.in) * static_cast<float>(axis.scale) *
                                   (crop ? static_cast<float>(axis.roi_end - axis.roi_start) : 1.0F));
      if (!(out >= 0 && out < 1e18F)) return ctx.Fail("c3", fmt::format("a size of {}", out));
      axis.out = static_cast<int64_t>(out);
    }
  }
  if (sizes && setup.keep_aspect != "stretch" && n > 0) {
    double scale = plan[0].scale;
    for (const ResizeAxis& axis : plan) {
      scale = setup.keep_aspect == "not_larger" ? std::min(scale, axis.scale) : std::max(scale, axis.scale);
    }
    for (ResizeAxis& axis : plan) {
      axis.scale = scale;
      axis.from_size = false;
      axis.out = static_cast<int64_t>(std::floor(scale * static_cast<double>(axis.in) + 0.5));
    }
  }
  for (const ResizeAxis& axis : plan) {
    if (axis.in == 0 && axis.out != 0) return ctx.Fail("c6", fmt::format("0 to {}", axis.out));
  }
  return plan;
}

// A symbolic dim times a scale, where that has an exact form.
std::optional<Dim> ScaledDim(const Dim& dim, double scale) {
  if (scale > 0 && scale < 1e6 && scale == std::floor(scale)) return dim * Dim(static_cast<int64_t>(scale));
  const double inverse = scale > 0 ? 1 / scale : 0;
  if (inverse > 1 && inverse < 1e6 && inverse == std::floor(inverse)) {
    return Dim::FloorDiv(dim, Dim(static_cast<int64_t>(inverse)));
  }
  return std::nullopt;
}

bool Given(InferCtx& ctx, size_t i) {
  return ctx.Has(i) && !(ctx.Ranked(i) && ctx.Rank(i) == 1 && ctx.ShapeOf(i)[0] == Dim(0));
}

Status Infer(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  TRY(Setup setup, SetupOf(ctx));
  if (!ctx.Ranked(0)) return Ok{};
  TRY(std::vector<int> axes, AxesOf(ctx, ctx.Rank(0)));
  Shape out = ctx.ShapeOf(0);
  const bool stretch = setup.keep_aspect == "stretch";
  std::optional<std::vector<Dim>> sizes;
  if (Given(ctx, 1)) sizes = ctx.Contents(1);
  const Tensor* scales = Given(ctx, 2) ? ctx.Const(2) : nullptr;
  const Tensor* roi = Given(ctx, 3) ? ctx.Const(3) : nullptr;
  const bool crops = setup.coordinates == Coordinates::kTfCropAndResize;
  for (size_t i = 0; i < axes.size(); ++i) {
    Dim& dim = out[static_cast<size_t>(axes[i])];
    std::optional<Dim> resized;
    if (sizes && stretch && i < sizes->size()) resized = (*sizes)[i];
    if (scales && !crops && !dim.is_static() && scales->size() == static_cast<int64_t>(axes.size())) {
      resized = ScaledDim(dim, ToF64(*scales)[i]);
    }
    dim = resized ? *resized : dim.is_static() ? dim : ctx.Fresh("resize");
  }
  // All numbers known: the evaluation's own rule.
  Dims dims;
  for (int a : axes) {
    if (const auto known = ctx.ShapeOf(0)[static_cast<size_t>(a)].known()) dims.push_back(*known);
  }
  std::optional<std::vector<int64_t>> wanted;
  if (sizes) wanted = ctx.Ints(1);
  const bool have_roi = !crops || roi != nullptr;
  const bool known = dims.size() == axes.size() && (wanted || (scales && !Given(ctx, 1))) && have_roi;
  if (known) {
    std::vector<double> scale_values;
    if (scales) scale_values = ToF64(*scales);
    const std::vector<double> roi_values = roi ? ToF64(*roi) : std::vector<double>();
    TRY(std::vector<ResizeAxis> plan,
        Plan(ctx, setup, dims, wanted ? &*wanted : nullptr, wanted ? nullptr : &scale_values, roi_values));
    for (size_t i = 0; i < axes.size(); ++i) out[static_cast<size_t>(axes[i])] = Dim(plan[i].out);
  } else if (!(sizes && stretch)) {
    for (int a : axes) {
      Dim& dim = out[static_cast<size_t>(a)];
      if (dim.is_static() && !scales) dim = ctx.Fresh("resize");
      if (dim.is_static() && scales) {
        const std::vector<double> s = ToF64(*scales);
        const size_t i = static_cast<size_t>(std::find(axes.begin(), axes.end(), a) - axes.begin());
        if (i >= s.size() || crops || !(s[i] > 0 && s[i] < 1e9)) {
          dim = ctx.Fresh("resize");
        } else {
          dim = Dim(static_cast<int64_t>(std::floor(static_cast<float>(dim.value()) * static_cast<float>(s[i]))));
        }
      }
    }
  }
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

bool IsIdentity(const ResizeAxis& axis) {
  const bool crops = axis.coordinates == Coordinates::kTfCropAndResize && (axis.roi_start != 0 || axis.roi_end != 1);
  return axis.in == axis.out && axis.scale == 1 && !crops;
}

// Element movement only, so it serves every element type.
Result<Tensor> ResizeNearest(const EvalCtx& ctx, const std::vector<int>& axes, const std::vector<ResizeAxis>& plan,
                             Nearest rounding) {
  Tensor done = ctx.In(0);
  const size_t step = ByteSize(done.dtype());
  for (size_t i = 0; i < axes.size(); ++i) {
    if (IsIdentity(plan[i])) continue;
    const ResizeTaps taps = NearestTaps(plan[i], rounding);
    Dims dims = done.dims();
    dims[static_cast<size_t>(axes[i])] = plan[i].out;
    TRY(Tensor next, Tensor::Make(done.dtype(), dims));
    if (std::find(taps.index.begin(), taps.index.end(), -1) != taps.index.end()) {
      std::byte fill[16] = {};
      const StringRef empty = Intern("");
      if (done.dtype() == DType::kString) {
        std::memcpy(fill, &empty, sizeof(empty));
      } else {
        StoreF64(done.dtype(), ctx.attrs.Float("extrapolation"), fill);
      }
      FillElements(next.mutable_raw(), next.size(), fill, step);
    }
    const size_t row = static_cast<size_t>(InnerCount(dims, axes[i])) * step;
    TakeRows(done.raw(), next.mutable_raw(), OuterCount(dims, axes[i]), plan[i].in, row, taps.index);
    done = std::move(next);
  }
  return done;
}

void Interpolate(const ResizeTaps& taps, int64_t outer, int64_t in, int64_t inner, double extrapolation,
                 const std::vector<double>& src, std::vector<double>* dst) {
  const int64_t out = static_cast<int64_t>(taps.index.size()) / taps.n;
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < out; ++i) {
      double* row = dst->data() + (o * out + i) * inner;
      const int64_t* index = taps.index.data() + i * taps.n;
      std::fill(row, row + inner, index[0] < 0 ? extrapolation : 0.0);
      if (index[0] < 0) continue;
      for (int64_t k = 0; k < taps.n; ++k) {
        const double w = taps.weight[static_cast<size_t>(i * taps.n + k)];
        if (w == 0) continue;
        const double* from = src.data() + (o * in + index[k]) * inner;
        for (int64_t x = 0; x < inner; ++x) row[x] += w * from[x];
      }
    }
  }
}

Status ResizeWeighted(EvalCtx& ctx, const Setup& setup, const std::vector<int>& axes,
                      const std::vector<ResizeAxis>& plan) {
  const Tensor& in = ctx.In(0);
  if (IsComplex(in.dtype()) || in.dtype() == DType::kString) {
    return ctx.NoKernel(fmt::format("{} of {}", ctx.attrs.Str("mode"), Name(in.dtype())));
  }
  std::vector<double> done = ToF64(in);
  Dims dims = in.dims();
  for (size_t i = 0; i < axes.size(); ++i) {
    if (IsIdentity(plan[i])) continue;
    dims[static_cast<size_t>(axes[i])] = plan[i].out;
    TRY(int64_t bytes, CheckedByteSize(DType::kF64, dims));
    const int64_t taps_wanted = TapCount(plan[i].scale, setup.mode, setup.antialias);
    // A scale that leaves at least one element asks for a few times the source's elements at most.
    if (taps_wanted / 8 > plan[i].in + 2) return ctx.Fail("c3", fmt::format("scale {}", plan[i].scale));
    RETURN_IF_ERROR(CheckedByteSize(DType::kF64, {plan[i].out, taps_wanted}));
    const ResizeTaps taps = WeightedTaps(plan[i], setup.mode, setup.antialias, ctx.attrs.Float("cubic_a", -0.75),
                                         ctx.attrs.Flag("exclude_outside"));
    std::vector<double> next(static_cast<size_t>(bytes) / sizeof(double));
    Interpolate(taps, OuterCount(dims, axes[i]), plan[i].in, InnerCount(dims, axes[i]),
                ctx.attrs.Float("extrapolation"), done, &next);
    done = std::move(next);
  }
  TRY(Tensor * out, ctx.Make(0, in.dtype(), dims));
  if (!IsFloat(in.dtype())) {
    for (double& v : done)
      v = std::clamp(std::rint(v), static_cast<double>(IntMin(in.dtype())), static_cast<double>(IntMax(in.dtype())));
  }
  return FromF64(done, out);
}

struct Wanted {
  Setup setup;
  std::vector<int> axes;
  std::vector<ResizeAxis> plan;
};

// What the operands and attributes ask for, checked.
Result<Wanted> WantedOf(const EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  Wanted wanted;
  TRY(wanted.setup, SetupOf(ctx));
  TRY(wanted.axes, AxesOf(ctx, in.rank()));
  Dims dims;
  for (int a : wanted.axes) dims.push_back(in.dim(a));
  const bool by_size = ctx.Has(1) && ctx.In(1).size() != 0;
  const bool by_scale = ctx.Has(2) && ctx.In(2).size() != 0;
  const std::vector<int64_t> sizes = ctx.Ints(1);
  const std::vector<double> scales = by_scale ? ToF64(ctx.In(2)) : std::vector<double>();
  const std::vector<double> roi = ctx.Has(3) ? ToF64(ctx.In(3)) : std::vector<double>();
  TRY(wanted.plan,
      Plan(ctx, wanted.setup, dims, by_size ? &sizes : nullptr, by_scale && !by_size ? &scales : nullptr, roi));
  return wanted;
}

Status Eval(EvalCtx& ctx) {
  const Tensor& in = ctx.In(0);
  TRY(const Wanted wanted, WantedOf(ctx));
  Dims result = in.dims();
  for (size_t i = 0; i < wanted.axes.size(); ++i) result[static_cast<size_t>(wanted.axes[i])] = wanted.plan[i].out;
  RETURN_IF_ERROR(CheckedByteSize(in.dtype(), result));
  if (wanted.setup.mode == Interpolation::kNearest || ElementCount(result) == 0) {
    TRY(Tensor out, ResizeNearest(ctx, wanted.axes, wanted.plan, wanted.setup.nearest));
    ctx.Set(0, std::move(out));
    return Ok{};
  }
  return ResizeWeighted(ctx, wanted.setup, wanted.axes, wanted.plan);
}

std::span<const Sample> Samples() {
  using Ints = std::vector<int64_t>;
  const auto word = [](const char* text) { return std::string(text); };
  static const Sample samples[] = {
      {{"f32[1,1,2,3]", "", "f32[4] = 1,1,2,3"}, {}},
      {{"f32[1,2,4,4]", "i64[2] = 3,7"}, {{"mode", word("linear")}, {"axes", Ints{2, 3}}}},
      {{"f32[1,5,5,2]", "i64[2] = 8,3"}, {{"mode", word("cubic")}, {"axes", Ints{1, 2}}}},
      {{"f32[1,1,8,8]", "i64[4] = 1,1,3,3"},
       {{"mode", word("linear")}, {"antialias", int64_t{1}}, {"coordinates", word("half_pixel")}}},
      {{"u8[1,1,4,4]", "i64[4] = 1,1,7,7"}, {{"mode", word("linear")}, {"coordinates", word("align_corners")}}},
      {{"f32[1,1,5,4]", "i64[2] = 8,3"},
       {{"nearest", word("floor")}, {"coordinates", word("tf_half_pixel_for_nn")}, {"axes", Ints{2, 3}}}},
      {{"f64[6]", "", "f32[1] = 0.5"}, {{"nearest", word("ceil")}, {"coordinates", word("asymmetric")}}}};
  return samples;
}

}  // namespace

bool ResizePlan::Keeps(size_t i) const { return IsIdentity(sizes[i]); }

Result<ResizePlan> PlanResize(const EvalCtx& ctx) {
  TRY(Wanted wanted, WantedOf(ctx));
  return ResizePlan{std::move(wanted.axes), std::move(wanted.plan), wanted.setup.mode, wanted.setup.nearest,
                    wanted.setup.antialias};
}

Result<std::optional<PlaneResize>> AsPlaneResize(const EvalCtx& ctx, int height_axis) {
  const std::optional<PlaneResize> none;
  const int rank = ctx.In(0).rank();
  TRY(const Wanted wanted, WantedOf(ctx));
  const Interpolation mode = wanted.setup.mode;
  if (rank < 3 || mode == Interpolation::kCubic || wanted.setup.antialias) return none;
  PlaneResize plane;
  plane.linear = mode == Interpolation::kLinear;
  const auto taps_of = [&](const ResizeAxis& axis) {
    return plane.linear ? WeightedTaps(axis, mode, false, 0, ctx.attrs.Flag("exclude_outside"))
                        : NearestTaps(axis, wanted.setup.nearest);
  };
  // Axes that are not spoken of keep their extent.
  ResizeAxis height, width;
  height.in = height.out = ctx.In(0).dim(height_axis);
  width.in = width.out = ctx.In(0).dim(height_axis + 1);
  for (size_t i = 0; i < wanted.axes.size(); ++i) {
    if (wanted.axes[i] == height_axis)
      height = wanted.plan[i];
    else if (wanted.axes[i] == height_axis + 1)
      width = wanted.plan[i];
    else if (!IsIdentity(wanted.plan[i]))
      return none;
  }
  for (const ResizeAxis* axis : {&height, &width}) {
    if (axis->in <= 0 || axis->out <= 0 || axis->in > INT32_MAX || axis->out > INT32_MAX) return none;
  }
  plane.out_height = height.out;
  plane.out_width = width.out;
  plane.rows = taps_of(height);
  plane.columns = taps_of(width);
  for (const ResizeTaps* taps : {&plane.rows, &plane.columns}) {
    const bool inside = std::find(taps->index.begin(), taps->index.end(), -1) == taps->index.end();
    if (!inside || taps->n != (plane.linear ? 2 : 1)) return none;
  }
  return std::optional(std::move(plane));
}

extern const OpDef kResize{.name = "resize",
                           .doc = "Interpolates to another size along some axes.",
                           .operands = kIn,
                           .results = kOut,
                           .attrs = kAttrs,
                           .constraints = kRules,
                           .infer = Infer,
                           .eval = Eval,
                           .commute = CommuteResize,
                           .decompose = DecomposeResize,
                           .samples = Samples};

}  // namespace godwit::ops
