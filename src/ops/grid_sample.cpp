// grid_sample: elements of a picture (or volume) at the places that a grid names, interpolated.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ir/convert.h"
#include "ir/eval.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ops/decompose.h"
#include "ops/samples.h"
#include "ops/strided_copy.h"

namespace godwit::ops {

namespace {

constexpr OperandDef kIn[] = {{"x", kNumbers | kBools}, {"grid", kFloats}};
constexpr OperandDef kOut[] = {{"y", kNumbers | kBools}};
constexpr AttrDef kAttrs[] = {
    {"mode", AttrKind::kString, "linear", "nearest, linear or cubic."},
    {"padding", AttrKind::kString, "zeros", "What lies outside: zeros, border (the edge repeated) or reflection."},
    {"align_corners", AttrKind::kInt, "0",
     "1: -1 and 1 are the centres of the corner elements; 0: their outer edges."}};
constexpr std::string_view kRules[] = {
    "c1: x is a batch of channels with one spatial dim at least, grid has the same rank",
    "c2: the last dim of grid is the number of spatial dims, its first that of x", "c3: mode and padding are known",
    "c4: spatial dims are not 0 where there are results"};

enum class Padding { kZeros, kBorder, kReflection };

Status Infer(InferCtx& ctx) {
  ctx.Out(0, Type::Tensor(ctx.DtypeOf(0)));
  if (!ctx.Ranked(0) || !ctx.Ranked(1)) return Ok{};
  if (ctx.Rank(0) < 3 || ctx.Rank(1) != ctx.Rank(0)) {
    return ctx.Fail("c1", fmt::format("ranks {} and {}", ctx.Rank(0), ctx.Rank(1)));
  }
  Shape out = {ctx.ShapeOf(0)[0], ctx.ShapeOf(0)[1]};
  out.insert(out.end(), ctx.ShapeOf(1).begin() + 1, ctx.ShapeOf(1).end() - 1);
  ctx.Out(0, ctx.DtypeOf(0), std::move(out));
  return Ok{};
}

double Reflect(double x, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  const double over = x < low ? low - x : x > high ? x - high : -1;
  if (over < 0) return x;
  const double turns = std::floor(over / range);
  const double rest = over - turns * range;
  const bool even = std::fmod(turns, 2) == 0;
  return (x < low) == even ? low + rest : high - rest;
}

// Elements along one dim that make up a place, with their weights; a negative index weighs on nothing.
struct Taps {
  int n = 0;
  int64_t index[4] = {};
  double weight[4] = {};
};

class Sampler {
 public:
  Sampler(std::string_view mode, Padding padding, bool align) : mode_(mode), padding_(padding), align_(align) {}

  [[nodiscard]] Taps At(double coordinate, int64_t dim) const {
    const double n = static_cast<double>(dim);
    const double low = align_ ? 0.0 : -0.5;
    const double high = align_ ? n - 1 : n - 0.5;
    double x = align_ ? (coordinate + 1) / 2 * (n - 1) : ((coordinate + 1) * n - 1) / 2;
    // Ties of nearest are those of f32 arithmetic, in which grids are made.
    if (mode_ == "nearest") x = std::rint(static_cast<double>(static_cast<float>(x)));
    if (x < low || x > high) {
      // The taps of a cubic repeat the edge one by one, and keep their weights.
      if (padding_ == Padding::kBorder && mode_ != "cubic") x = std::clamp(x, 0.0, n - 1);
      if (padding_ == Padding::kReflection) x = Reflect(x, low, high);
    }
    // NaN and what is far away: outside, whatever the padding makes of that.
    if (!(x > -1e15)) x = -4;
    if (x > 1e15) x = n + 4;
    Taps taps;
    const double base = std::floor(x);
    const int64_t first = static_cast<int64_t>(base);
    const double t = x - base;
    if (mode_ == "nearest") {
      Add(&taps, first, 1, dim, low, high);
    } else if (mode_ == "linear") {
      Add(&taps, first, 1 - t, dim, low, high);
      Add(&taps, first + 1, t, dim, low, high);
    } else {
      constexpr double kA = -0.75;
      const auto near = [](double v) { return ((kA + 2) * v - (kA + 3)) * v * v + 1; };
      const auto far = [](double v) { return ((kA * v - 5 * kA) * v + 8 * kA) * v - 4 * kA; };
      Add(&taps, first - 1, far(t + 1), dim, low, high);
      Add(&taps, first, near(t), dim, low, high);
      Add(&taps, first + 1, near(1 - t), dim, low, high);
      Add(&taps, first + 2, far(2 - t), dim, low, high);
    }
    return taps;
  }

 private:
  void Add(Taps* taps, int64_t index, double weight, int64_t dim, double low, double high) const {
    if (index < 0 || index >= dim) {
      if (padding_ == Padding::kZeros) {
        index = -1;
      } else {
        if (padding_ == Padding::kReflection) {
          index = static_cast<int64_t>(Reflect(static_cast<double>(index), low, high));
        }
        index = std::clamp<int64_t>(index, 0, dim - 1);
      }
    }
    taps->index[taps->n] = index;
    taps->weight[taps->n++] = weight;
  }

  std::string_view mode_;
  Padding padding_;
  bool align_;
};

// Every combination of one tap a dim: the offset of the element and the product of the weights.
struct Combination {
  int64_t offset;
  double weight;
};

void Combine(const std::vector<Taps>& dims, const std::vector<int64_t>& strides, std::vector<Combination>* out) {
  out->assign(1, {0, 1});
  for (size_t k = 0; k < dims.size(); ++k) {
    std::vector<Combination> next;
    for (const Combination& c : *out) {
      for (int t = 0; t < dims[k].n; ++t) {
        if (dims[k].index[t] < 0) continue;
        next.push_back({c.offset + dims[k].index[t] * strides[k], c.weight * dims[k].weight[t]});
      }
    }
    *out = std::move(next);
  }
}

Status Eval(EvalCtx& ctx) {
  const Tensor& x = ctx.In(0);
  const Tensor& grid = ctx.In(1);
  const int spatial = x.rank() - 2;
  if (spatial < 1 || spatial > 8 || grid.rank() != x.rank()) {
    return ctx.Fail("c1", fmt::format("ranks {} and {}", x.rank(), grid.rank()));
  }
  if (grid.dim(-1) != spatial || grid.dim(0) != x.dim(0)) {
    return ctx.Fail("c2", fmt::format("{} for {}", ToString(grid.dims()), ToString(x.dims())));
  }
  const std::string_view mode = ctx.attrs.Str("mode", "linear");
  const std::string_view pad = ctx.attrs.Str("padding", "zeros");
  const bool known = (mode == "nearest" || mode == "linear" || mode == "cubic") &&
                     (pad == "zeros" || pad == "border" || pad == "reflection");
  if (!known) return ctx.Fail("c3", fmt::format("{}, {}", mode, pad));
  const Padding padding = pad == "zeros" ? Padding::kZeros : pad == "border" ? Padding::kBorder : Padding::kReflection;
  Dims dims = {x.dim(0), x.dim(1)};
  dims.insert(dims.end(), grid.dims().begin() + 1, grid.dims().end() - 1);
  TRY(Tensor * out, ctx.Make(0, x.dtype(), dims));
  if (out->size() == 0) return Ok{};
  if (x.size() == 0) return ctx.Fail("c4", ToString(x.dims()));

  const Sampler sampler(mode, padding, ctx.attrs.Flag("align_corners"));
  const std::vector<double> places = ToF64(grid);
  const std::vector<int64_t> all = RowMajorStrides(x.dims());
  const std::vector<int64_t> strides(all.begin() + 2, all.end());
  const size_t step = ByteSize(x.dtype());
  const int64_t plane = all[1];
  const int64_t points = out->size() / (x.dim(0) * x.dim(1));
  std::vector<Taps> taps(static_cast<size_t>(spatial));
  std::vector<Combination> parts;
  for (int64_t b = 0; b < x.dim(0); ++b) {
    for (int64_t p = 0; p < points; ++p) {
      // A grid names the last dim first.
      const double* place = places.data() + (b * points + p) * spatial;
      for (int k = 0; k < spatial; ++k) {
        taps[static_cast<size_t>(k)] = sampler.At(place[spatial - 1 - k], x.dim(2 + k));
      }
      Combine(taps, strides, &parts);
      for (int64_t c = 0; c < x.dim(1); ++c) {
        const std::byte* src = x.raw() + static_cast<size_t>((b * x.dim(1) + c) * plane) * step;
        std::byte* dst = out->mutable_raw() + static_cast<size_t>((b * x.dim(1) + c) * points + p) * step;
        if (mode == "nearest" && !parts.empty()) {
          std::memcpy(dst, src + static_cast<size_t>(parts[0].offset) * step, step);
          continue;
        }
        double sum = 0;
        for (const Combination& part : parts) {
          sum += part.weight * LoadF64(x.dtype(), src + static_cast<size_t>(part.offset) * step);
        }
        StoreF64(x.dtype(), sum, dst);
      }
    }
  }
  return Ok{};
}

std::span<const Sample> Samples() {
  const auto word = [](const char* text) { return std::string(text); };
  static const Sample samples[] = {
      {{"f32[1,2,4,4]", "f32[1,3,3,2]"}, {}},
      {{"f32[2,1,3,5]", "f32[2,2,2,2]"}, {{"mode", word("cubic")}, {"padding", word("border")}}},
      {{"f64[1,1,3,3,3]", "f64[1,2,2,2,3]"}, {{"padding", word("reflection")}, {"align_corners", int64_t{1}}}},
      {{"f32[1,1,4,4]", "f32[1,2,2,2]"}, {{"mode", word("nearest")}}}};
  return samples;
}

}  // namespace

extern const OpDef kGridSample{.name = "grid_sample",
                               .doc = "Elements at the places that a grid names, interpolated.",
                               .operands = kIn,
                               .results = kOut,
                               .attrs = kAttrs,
                               .constraints = kRules,
                               .infer = Infer,
                               .eval = Eval,
                               .decompose = DecomposeGridSample,
                               .samples = Samples};

}  // namespace godwit::ops
