// roi_align and roi_max_pool: a fixed number of bins out of each region of interest.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/convert.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/samples.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kAlignIn[] = {
    {"x", kFloats, OperandDef::kPlain, 'T'}, {"rois", kFloats, OperandDef::kPlain, 'T'}, {"batches", kIndex}};
constexpr OperandDef kOut[] = {{"y", kFloats, OperandDef::kPlain, 'T'}};
constexpr AttrDef kAlignAttrs[] = {
    {"height", AttrKind::kInt, "1", "Bins down."},
    {"width", AttrKind::kInt, "1", "Bins across."},
    {"scale", AttrKind::kFloat, "1", "From the regions' coordinates to those of x."},
    {"samples", AttrKind::kInt, "0", "Samples along each edge of a bin; 0: as many as elements it covers."},
    {"mode", AttrKind::kString, "avg", "avg or max."},
    {"half_pixel", AttrKind::kInt, "1", "1: coordinates are of edges; 0: of centres, and regions cover 1 at least."}};
constexpr std::string_view kAlignRules[] = {
    "c1: x is [batch, channels, height, width], rois [n, 4], batches [n]", "c2: batches are batches of x",
    "c3: height, width and scale are positive, mode is avg or max", "c4: a bin has 1024 samples an edge at most"};

template <class Ctx>
Result<Dims> Bins(const Ctx& ctx) {
  const int64_t height = ctx.attrs.Int("height", 1);
  const int64_t width = ctx.attrs.Int("width", 1);
  const bool sound = height > 0 && width > 0 && ctx.attrs.Float("scale", 1) > 0;
  if (!sound) return ctx.Fail("c3", fmt::format("{} by {} bins", height, width));
  return Dims{height, width};
}

Status Infer(InferCtx& ctx) {
  TRY(Dims bins, Bins(ctx));
  const Dim rois = ctx.Ranked(1) && ctx.Rank(1) == 2 ? ctx.ShapeOf(1)[0] : ctx.Fresh("rois");
  const Dim channels = ctx.Ranked(0) && ctx.Rank(0) == 4 ? ctx.ShapeOf(0)[1] : ctx.Fresh("channels");
  ctx.Out(0, ctx.DtypeOf(0), {rois, channels, Dim(bins[0]), Dim(bins[1])});
  return Ok{};
}

// The four elements around a sample and their weights.
struct Bilinear {
  int64_t at[4] = {};
  double weight[4] = {};
};

Bilinear SampleAt(double y, double x, int64_t height, int64_t width) {
  Bilinear s;
  const double h = static_cast<double>(height);
  const double w = static_cast<double>(width);
  if (!(y >= -1 && y <= h && x >= -1 && x <= w)) return s;
  y = std::clamp(y, 0.0, h - 1);
  x = std::clamp(x, 0.0, w - 1);
  const int64_t top = static_cast<int64_t>(y);
  const int64_t left = static_cast<int64_t>(x);
  const int64_t bottom = std::min(top + 1, height - 1);
  const int64_t right = std::min(left + 1, width - 1);
  const double ly = y - static_cast<double>(top);
  const double lx = x - static_cast<double>(left);
  const int64_t rows[2] = {top, bottom};
  const int64_t cols[2] = {left, right};
  const double wy[2] = {1 - ly, ly};
  const double wx[2] = {1 - lx, lx};
  for (size_t i = 0; i < 4; ++i) {
    s.at[i] = rows[i / 2] * width + cols[i % 2];
    s.weight[i] = wy[i / 2] * wx[i % 2];
  }
  return s;
}

Status EvalAlign(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  const Tensor& rois = ctx.In(1);
  const std::vector<int64_t> batches = ctx.Ints(2);
  TRY(Dims bins, Bins(ctx));
  if (x.rank() != 4 || rois.rank() != 2 || rois.dim(1) != 4 || rois.dim(0) != static_cast<int64_t>(batches.size())) {
    return ctx.Fail("c1", fmt::format("{}, {}, {} batches", ToString(x.dims()), ToString(rois.dims()), batches.size()));
  }
  const std::string_view mode = ctx.attrs.Str("mode", "avg");
  if (mode != "avg" && mode != "max") return ctx.Fail("c3", std::string(mode));
  const int64_t channels = x.dim(1);
  const int64_t height = x.dim(2);
  const int64_t width = x.dim(3);
  TRY(Tensor * out, ctx.Make(0, x.dtype(), {rois.dim(0), channels, bins[0], bins[1]}));
  if (out->size() == 0) return Ok{};
  if (height == 0 || width == 0) return ctx.Fail("c1", ToString(x.dims()));
  const bool half = ctx.attrs.Flag("half_pixel", true);
  const double scale = ctx.attrs.Float("scale", 1);
  const int64_t wanted = ctx.attrs.Int("samples", 0);
  const std::vector<double> boxes = ToF64(rois);
  const std::vector<double> data = ToF64(x);
  std::vector<double> result(static_cast<size_t>(out->size()));
  for (size_t n = 0; n < batches.size(); ++n) {
    if (batches[n] < 0 || batches[n] >= x.dim(0)) return ctx.Fail("c2", fmt::format("batch {}", batches[n]));
    const double offset = half ? 0.5 : 0;
    double box[4];
    for (size_t k = 0; k < 4; ++k) box[k] = boxes[n * 4 + k] * scale - offset;
    const double least = half ? -std::numeric_limits<double>::infinity() : 1;
    const double bin_h = std::max(box[3] - box[1], least) / static_cast<double>(bins[0]);
    const double bin_w = std::max(box[2] - box[0], least) / static_cast<double>(bins[1]);
    const double grid_h = wanted > 0 ? static_cast<double>(wanted) : std::ceil(bin_h);
    const double grid_w = wanted > 0 ? static_cast<double>(wanted) : std::ceil(bin_w);
    if (!(grid_h <= 1024) || !(grid_w <= 1024)) return ctx.Fail("c4", fmt::format("{} by {}", grid_h, grid_w));
    const double count = std::max(grid_h * grid_w, 1.0);
    std::vector<Bilinear> samples;
    for (int64_t bin = 0; bin < bins[0] * bins[1]; ++bin) {
      samples.clear();
      const int64_t row = bin / bins[1];
      const double y0 = box[1] + static_cast<double>(row) * bin_h;
      const double x0 = box[0] + static_cast<double>(bin % bins[1]) * bin_w;
      for (double iy = 0; iy < grid_h; ++iy) {
        for (double ix = 0; ix < grid_w; ++ix) {
          samples.push_back(
              SampleAt(y0 + (iy + 0.5) * bin_h / grid_h, x0 + (ix + 0.5) * bin_w / grid_w, height, width));
        }
      }
      for (int64_t c = 0; c < channels; ++c) {
        const double* plane = data.data() + (batches[n] * channels + c) * height * width;
        double value = 0;
        for (size_t s = 0; s < samples.size(); ++s) {
          double part[4];
          for (size_t k = 0; k < 4; ++k) part[k] = samples[s].weight[k] * plane[samples[s].at[k]];
          if (mode == "avg") {
            value += part[0] + part[1] + part[2] + part[3];
          } else {
            const double largest = *std::max_element(part, part + 4);
            value = s == 0 ? largest : std::max(value, largest);
          }
        }
        result[(n * static_cast<size_t>(channels) + static_cast<size_t>(c)) * static_cast<size_t>(bins[0] * bins[1]) +
               static_cast<size_t>(bin)] = mode == "avg" ? value / count : value;
      }
    }
  }
  return FromF64(result, out);
}

constexpr OperandDef kPoolIn[] = {{"x", kFloats, OperandDef::kPlain, 'T'}, {"rois", kFloats, OperandDef::kPlain, 'T'}};
constexpr AttrDef kPoolAttrs[] = {{"height", AttrKind::kInt, "", "Bins down."},
                                  {"width", AttrKind::kInt, "", "Bins across."},
                                  {"scale", AttrKind::kFloat, "1", "From the regions' coordinates to those of x."}};
constexpr std::string_view kPoolRules[] = {"c1: x is [batch, channels, height, width], rois [n, 5], batch first",
                                           "c2: batches are batches of x", "c3: height, width and scale are positive"};

Status EvalPool(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  const Tensor& rois = ctx.In(1);
  TRY(Dims bins, Bins(ctx));
  if (x.rank() != 4 || rois.rank() != 2 || rois.dim(1) != 5) {
    return ctx.Fail("c1", fmt::format("{}, {}", ToString(x.dims()), ToString(rois.dims())));
  }
  const int64_t channels = x.dim(1);
  const double limit[2] = {static_cast<double>(x.dim(2)), static_cast<double>(x.dim(3))};
  TRY(Tensor * out, ctx.Make(0, x.dtype(), {rois.dim(0), channels, bins[0], bins[1]}));
  const std::vector<double> boxes = ToF64(rois);
  const std::vector<double> data = ToF64(x);
  std::vector<double> result(static_cast<size_t>(out->size()), 0.0);
  const double scale = ctx.attrs.Float("scale", 1);
  size_t next = 0;
  for (int64_t n = 0; n < rois.dim(0); ++n) {
    const double* box = boxes.data() + n * 5;
    if (!(box[0] >= 0 && box[0] < static_cast<double>(x.dim(0))))
      return ctx.Fail("c2", fmt::format("batch {}", box[0]));
    const int64_t batch = static_cast<int64_t>(box[0]);
    // Corners round to elements, halves up; both corners belong to the region.
    double start[2], bin[2];
    for (size_t k = 0; k < 2; ++k) {
      start[k] = std::floor(box[2 - k] * scale + 0.5);
      const double end = std::floor(box[4 - k] * scale + 0.5);
      bin[k] = std::max(end - start[k] + 1, 1.0) / static_cast<double>(bins[k]);
    }
    const auto edge = [&](size_t k, int64_t i, bool upper) {
      const double at = static_cast<double>(i) * bin[k];
      const double v = (upper ? std::ceil(at) : std::floor(at)) + start[k];
      return v > 0 ? static_cast<int64_t>(std::min(v, limit[k])) : int64_t{0};
    };
    for (int64_t c = 0; c < channels; ++c) {
      const double* plane = data.data() + (batch * channels + c) * x.dim(2) * x.dim(3);
      for (int64_t b = 0; b < bins[0] * bins[1]; ++b) {
        const int64_t top = edge(0, b / bins[1], false);
        const int64_t bottom = edge(0, b / bins[1] + 1, true);
        const int64_t left = edge(1, b % bins[1], false);
        const int64_t right = edge(1, b % bins[1] + 1, true);
        const bool empty = bottom <= top || right <= left;
        double largest = empty ? 0 : -std::numeric_limits<double>::infinity();
        for (int64_t i = top; i < bottom; ++i) {
          for (int64_t j = left; j < right; ++j) largest = std::max(largest, plane[i * x.dim(3) + j]);
        }
        result[next++] = largest;
      }
    }
  }
  return FromF64(result, out);
}

std::span<const Sample> AlignSamples() {
  static const Sample samples[] = {
      {{"f32[1,2,10,10]", "f32[2,4] = 0,0,9,9,0,5,4,9", "i64[2] = 0,0"},
       {{"height", int64_t{5}}, {"width", int64_t{5}}, {"samples", int64_t{2}}}},
      {{"f64[2,1,6,6]", "f64[1,4] = 1,1,4,5", "i64[1] = 1"},
       {{"height", int64_t{2}}, {"width", int64_t{3}}, {"mode", std::string("max")}, {"half_pixel", int64_t{0}}}}};
  return samples;
}
std::span<const Sample> PoolSamples() {
  static const Sample samples[] = {
      {{"f32[1,2,8,8]", "f32[2,5] = 0,0,0,7,7,0,2,3,5,6"}, {{"height", int64_t{2}}, {"width", int64_t{2}}}}};
  return samples;
}

}  // namespace

extern const OpDef kRoiAlign{.name = "roi_align",
                             .doc = "Bins of regions of interest, each from samples between the elements.",
                             .operands = kAlignIn,
                             .results = kOut,
                             .attrs = kAlignAttrs,
                             .constraints = kAlignRules,
                             .infer = Infer,
                             .eval = EvalAlign,
                             .decompose = DecomposeRoiAlign,
                             .samples = AlignSamples};
extern const OpDef kRoiMaxPool{.name = "roi_max_pool",
                               .doc = "Bins of regions of interest, each the largest of its elements.",
                               .operands = kPoolIn,
                               .results = kOut,
                               .attrs = kPoolAttrs,
                               .constraints = kPoolRules,
                               .infer = Infer,
                               .eval = EvalPool,
                               .samples = PoolSamples};

}  // namespace godwit::ops
