// Resizes of two spatial axes. TFLite has a few rules of where an element of the result lies in the source; whether one
// of them is the node's is found out place by place, so that no rule is taken for another that is nearly the same.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "backends/tflite/emit.h"
#include "ir/convert.h"
#include "ir/eval.h"
#include "ops/resize.h"

namespace godwit::to_tflite {

namespace {

using Ints = std::vector<int64_t>;

struct Rule {
  bool align_corners, half_pixel_centers;
};
constexpr Rule kRules[] = {{false, true}, {false, false}, {true, false}};

// Coordinates are f32 in the runtime: weights are off by what the extent leaves of their digits.
double WeightError(int64_t extent) { return std::max(1e-5, 3e-7 * static_cast<double>(extent)); }

float ScaleOf(const ops::ResizeAxis& axis, const Rule& rule) {
  return rule.align_corners && axis.out > 1 ? static_cast<float>(axis.in - 1) / static_cast<float>(axis.out - 1)
                                            : static_cast<float>(axis.in) / static_cast<float>(axis.out);
}

bool NearestIs(const ops::ResizeAxis& axis, const ops::ResizeTaps& taps, const Rule& rule) {
  const float scale = ScaleOf(axis, rule), offset = rule.half_pixel_centers ? 0.5F : 0.0F;
  for (int64_t i = 0; i < axis.out; ++i) {
    const float at = (static_cast<float>(i) + offset) * scale;
    const auto place = static_cast<int64_t>(rule.align_corners ? std::round(at) : std::floor(at));
    if (std::clamp<int64_t>(place, 0, axis.in - 1) != taps.index[static_cast<size_t>(i)]) return false;
  }
  return true;
}

bool LinearIs(const ops::ResizeAxis& axis, const ops::ResizeTaps& taps, const Rule& rule) {
  const float scale = ScaleOf(axis, rule);
  for (int64_t i = 0; i < axis.out; ++i) {
    const float at =
        rule.half_pixel_centers ? (static_cast<float>(i) + 0.5F) * scale - 0.5F : static_cast<float>(i) * scale;
    const auto low = std::max<int64_t>(static_cast<int64_t>(std::floor(at)), 0);
    const auto high = std::min<int64_t>(static_cast<int64_t>(std::ceil(at)), axis.in - 1);
    std::map<int64_t, double> weights;
    weights[std::min(low, axis.in - 1)] += 1.0 - (static_cast<double>(at) - static_cast<double>(low));
    weights[std::max<int64_t>(high, 0)] += static_cast<double>(at) - static_cast<double>(low);
    for (int64_t k = 0; k < taps.n; ++k) {
      const auto t = static_cast<size_t>(i * taps.n + k);
      if (taps.index[t] < 0) return false;
      weights[taps.index[t]] -= taps.weight[t];
    }
    for (const auto& [index, left] : weights) {
      if (std::abs(left) > WeightError(axis.in)) return false;
    }
  }
  return true;
}

std::optional<EvalCtx> Shapes(NodeExport& n) {
  const auto dims = n.StaticDims(0);
  if (!dims) return std::nullopt;
  std::vector<RtValue> in = {RtValue(Tensor(n.DtypeOf(0), *dims, nullptr, nullptr))};
  for (size_t i = 1; i < n.n_in(); ++i) {
    if (!n.Has(i)) {
      in.emplace_back();
      continue;
    }
    if (const Tensor* known = n.Known(i)) {
      in.emplace_back(*known);
    } else if (const auto ints = n.Ints(i)) {
      in.emplace_back(Tensor::I64({static_cast<int64_t>(ints->size())}, *ints));
    } else {
      return std::nullopt;
    }
  }
  return EvalCtx(n.op(), n.attrs(), std::move(in), 1);
}

// The axes that change, and each axis' taps under the node's own rule.
struct Found {
  Ints axes;
  std::vector<ops::ResizeAxis> sizes;
  std::vector<ops::ResizeTaps> taps;
};

Status EmitResize(NodeExport& n) {
  const auto shapes = Shapes(n);
  if (!shapes) return n.NotThis();
  TRY(const int rank, n.Rank(0));
  TRY(const ops::ResizePlan plan, ops::PlanResize(*shapes));
  const bool nearest = plan.mode == ops::Interpolation::kNearest;
  if (plan.mode == ops::Interpolation::kCubic) return n.LacksForm("TFLite has no cubic resize");
  Found found;
  for (size_t i = 0; i < plan.axes.size(); ++i) {
    if (plan.Keeps(i)) continue;
    if (plan.sizes[i].in == 0 || plan.sizes[i].out == 0) return n.LacksForm("a resize without elements");
    if (!nearest && ops::TapCount(plan.sizes[i].scale, plan.mode, plan.antialias) / 8 > plan.sizes[i].in + 2) {
      return n.LacksForm("the scale is too small");
    }
    found.axes.push_back(plan.axes[i]);
    found.sizes.push_back(plan.sizes[i]);
    found.taps.push_back(nearest ? ops::NearestTaps(plan.sizes[i], plan.nearest)
                                 : ops::WeightedTaps(plan.sizes[i], plan.mode, plan.antialias, -0.75,
                                                     n.attrs().Flag("exclude_outside")));
  }
  if (found.axes.empty()) return n.EmitReshapeTo(0, n.In(0));
  if (found.axes.size() > 2 || rank > 4 || rank < 2) return n.LacksForm("TFLite resizes two axes of four");
  const auto rule = std::find_if(std::begin(kRules), std::end(kRules), [&](const Rule& r) {
    for (size_t i = 0; i < found.axes.size(); ++i) {
      const bool is =
          nearest ? NearestIs(found.sizes[i], found.taps[i], r) : LinearIs(found.sizes[i], found.taps[i], r);
      if (!is) return false;
    }
    return true;
  });
  if (rule == std::end(kRules)) return n.LacksForm("TFLite has no such rule of places");
  // The two axes in the middle: [before, a, b, after], what is missing being 1.
  std::sort(found.axes.begin(), found.axes.end());
  Ints spatial = found.axes;
  if (spatial.size() == 1 && rank == 4) spatial.push_back(spatial[0] == 1 || spatial[0] == 3 ? 2 : spatial[0] - 1);
  std::sort(spatial.begin(), spatial.end());
  Ints others;
  for (int64_t k = 0; k < rank; ++k) {
    if (std::find(spatial.begin(), spatial.end(), k) == spatial.end()) others.push_back(k);
  }
  Ints perm;
  if (!others.empty()) perm.push_back(others[0]);
  perm.insert(perm.end(), spatial.begin(), spatial.end());
  for (size_t k = 1; k < others.size(); ++k) perm.push_back(others[k]);
  Ref x = n.InTurned(0, perm);
  const auto image = [&](const Shape& shape) {
    Shape out;
    size_t at = 0;
    out.push_back(others.empty() ? Dim(1) : shape[at++]);
    if (spatial.size() == 1) out.push_back(Dim(1));
    for (size_t k = 0; k < spatial.size(); ++k) out.push_back(shape[at++]);
    while (at < shape.size()) out.push_back(shape[at++]);
    while (out.size() < 4) out.push_back(Dim(1));
    return out;
  };
  if (rank < 4) x = n.Reshaped(x, image(n.TypeOf(x).shape));
  const TensorType y_type = n.TypeOf(n.Out());
  const Shape turned = Permuted(y_type.shape, perm);
  const Shape whole = image(turned);
  const std::string_view op = nearest ? "RESIZE_NEAREST_NEIGHBOR" : "RESIZE_BILINEAR";
  const OptionList options{{"align_corners", rule->align_corners}, {"half_pixel_centers", rule->half_pixel_centers}};
  if (!whole[1].is_static() || !whole[2].is_static()) return n.NotThis();
  const Refs in = {x, n.I32s({whole[1].value(), whole[2].value()})};
  if (turned == y_type.shape && rank == 4 && std::is_sorted(perm.begin(), perm.end())) {
    n.EmitTo(0, op, in, options);
    return Ok{};
  }
  Ref y = n.Temp(op, in, WithShape(y_type, whole), options);
  if (std::is_sorted(perm.begin(), perm.end())) return n.EmitReshapeTo(0, y);
  y = n.Reshaped(y, turned);
  n.EmitTo(0, "TRANSPOSE", {y, n.I32s(Inverse(perm))});
  return Ok{};
}

// --- extents that only the running model knows

// Factors of the two axes in the middle of an image; nothing where others change, or the factors are not whole.
std::optional<Ints> WholeFactors(NodeExport& n, int rank) {
  const Tensor* scales = n.Has(2) ? n.Known(2) : nullptr;
  if (scales == nullptr || (n.Has(1) && n.ShapeOf(1) != Shape{Dim(0)})) return std::nullopt;
  const std::vector<double> values = ToF64(*scales);
  Ints axes = n.attrs().Ints("axes"), factors = {1, 1};
  if (axes.empty()) {
    for (int64_t k = 0; k < rank; ++k) axes.push_back(k);
  }
  if (axes.size() != values.size()) return std::nullopt;
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t axis = FromFront(axes[i], rank);
    const auto factor = static_cast<int64_t>(values[i]);
    if (values[i] != static_cast<double>(factor) || factor < 1) return std::nullopt;
    if (axis == 1 || axis == 2) {
      factors[static_cast<size_t>(axis) - 1] = factor;
    } else if (factor != 1) {
      return std::nullopt;
    }
  }
  return factors;
}

constexpr int64_t kExtents[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 16, 20, 25, 32, 47, 64, 100, 225};

// Whether the rule is the node's for an axis of `in` elements and this size, or scale, of the result.
Result<bool> IsRuleFor(NodeExport& n, const Rule& rule, int64_t in, RtValue size, RtValue scale) {
  Attrs attrs = n.attrs();
  attrs.Erase("axes");
  const Tensor place(DType::kF32, {in}, nullptr, nullptr);
  const EvalCtx ctx(n.op(), attrs, {RtValue(place), std::move(size), std::move(scale)}, 1);
  TRY(const ops::ResizePlan plan, ops::PlanResize(ctx));
  if (plan.Keeps(0)) return true;
  const ops::ResizeAxis& axis = plan.sizes[0];
  if (plan.mode == ops::Interpolation::kNearest) return NearestIs(axis, ops::NearestTaps(axis, plan.nearest), rule);
  const bool outside = n.attrs().Flag("exclude_outside");
  return LinearIs(axis, ops::WeightedTaps(axis, plan.mode, plan.antialias, -0.75, outside), rule);
}

// The same for extents of all kinds: with these factors, or to any size where there are none.
Result<bool> IsRule(NodeExport& n, const Rule& rule, const std::optional<Ints>& factors) {
  for (const int64_t in : kExtents) {
    const std::span<const int64_t> to = factors ? std::span<const int64_t>(*factors) : std::span(kExtents);
    for (const int64_t k : to) {
      TRY(const bool is, factors ? IsRuleFor(n, rule, in, {}, RtValue(Tensor::F32({1}, {static_cast<float>(k)})))
                                 : IsRuleFor(n, rule, in, RtValue(Tensor::I64({1}, {k})), {}));
      if (!is) return false;
    }
  }
  return true;
}

// The sizes of the two axes in the middle, as the model itself works them out; the others stay what they are.
Result<Ref> SizesAtRun(NodeExport& n, int rank) {
  if (rank != 4 || !n.Has(1) || (n.Has(2) && n.ShapeOf(2) != Shape{Dim(0)}) ||
      n.attrs().Str("keep_aspect", "stretch") != "stretch") {
    return n.Lacks(diag::kTargetConstant, "the sizes of a resize must be known when it is written");
  }
  Ints axes = n.attrs().Ints("axes");
  if (axes.empty()) axes = {0, 1, 2, 3};
  Ints places(2, -1);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t axis = FromFront(axes[i], rank);
    if (axis == 1 || axis == 2) {
      places[static_cast<size_t>(axis) - 1] = static_cast<int64_t>(i);
    } else if (!(n.OutType(0).shape()[static_cast<size_t>(axis)] == n.ShapeOf(0)[static_cast<size_t>(axis)])) {
      return n.LacksForm("TFLite resizes the two axes in the middle");
    }
  }
  if (places[0] < 0 || places[1] < 0) return n.LacksForm("TFLite resizes the two axes in the middle");
  TRY(const Ref sizes, n.InI32(1));
  if (axes.size() == 2 && places[0] == 0) return sizes;
  return n.Temp("GATHER", {sizes, n.I32s(places)}, TensorType(DType::kI32, {Dim(2)}), {{"axis", 0}, {"batch_dims", 0}});
}

// The sizes of the two axes in the middle as multiples of what they are.
Ref MultipliedSizes(NodeExport& n, const Ints& factors) {
  const Ref all = n.Temp("SHAPE", {n.In(0)}, TensorType(DType::kI32, {Dim(4)}), {{"out_type", DType::kI32}});
  const TensorType pair(DType::kI32, {Dim(2)});
  const Ref from = n.Temp("SLICE", {all, n.I32s({1}), n.I32s({2})}, pair);
  return n.Temp("MUL", {from, n.I32s(factors)}, pair);
}

Status EmitOpenResize(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  if (Shapes(n)) return n.NotThis();
  const std::string_view mode = n.attrs().Str("mode", "nearest");
  if (mode == "cubic" || n.attrs().Str("coordinates") == "tf_crop_and_resize") {
    return n.LacksForm("TFLite has no such resize");
  }
  const auto factors = rank == 4 ? WholeFactors(n, rank) : std::nullopt;
  Ref to;
  if (factors) {
    to = MultipliedSizes(n, *factors);
  } else {
    TRY(to, SizesAtRun(n, rank));
  }
  for (const Rule& rule : kRules) {
    TRY(const bool is, IsRule(n, rule, factors));
    if (!is) continue;
    n.EmitTo(0, mode == "nearest" ? "RESIZE_NEAREST_NEIGHBOR" : "RESIZE_BILINEAR", {n.In(0), to},
             {{"align_corners", rule.align_corners}, {"half_pixel_centers", rule.half_pixel_centers}});
    return Ok{};
  }
  return n.LacksForm("TFLite has no such rule of places");
}

constexpr Row kRows[] = {
    {&ops::kResize, "RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR", EmitResize},
    {&ops::kResize, "RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR, sizes worked out", EmitOpenResize},
};

}  // namespace

extern const RowSet kResizeRows{kRows};

}  // namespace godwit::to_tflite
