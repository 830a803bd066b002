// Resize and, before version 10, Upsample.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "backends/onnx/emit.h"
#include "ir/convert.h"

namespace godwit::to_onnx {

namespace {

using Ints = std::vector<int64_t>;

Name F32s(NodeExport& n, const std::vector<double>& values) {
  return n.Const(Tensor::F32({static_cast<int64_t>(values.size())}, {values.begin(), values.end()}));
}

// The f32 by which a dim times it, rounded down, is the wanted one.
double ScaleFor(int64_t from, int64_t to) {
  const float exact = static_cast<float>(to) / static_cast<float>(from);
  for (const float s : {exact, std::nextafter(exact, exact * 2)}) {
    if (static_cast<int64_t>(std::floor(static_cast<float>(from) * s)) == to) return static_cast<double>(s);
  }
  return 0;
}

// Where the node speaks of some axes only: what it says in the place of those, `filler` for the others.
template <class T>
Result<std::vector<T>> Spread(NodeExport& n, const std::vector<T>& values, T filler) {
  const Ints& axes = n.attrs().Ints("axes");
  if (axes.empty()) return values;
  TRY(const int rank, n.Rank(0));
  std::vector<T> all(static_cast<size_t>(rank), filler);
  for (size_t k = 0; k < axes.size() && k < values.size(); ++k) {
    all[static_cast<size_t>(axes[k] < 0 ? axes[k] + rank : axes[k])] = values[k];
  }
  return all;
}

// The scales of all axes as numbers, worked out of the sizes where these are given.
Result<std::vector<double>> AllScales(NodeExport& n) {
  if (n.Has(2)) {
    const Tensor* known = n.Known(2);
    if (known == nullptr) return n.Lacks(diag::kTargetConstant, "the scales must be known");
    return Spread(n, ToF64(*known), 1.0);
  }
  TRY(Ints sizes, n.NeedInts(1, "the sizes"));
  TRY(sizes, Spread(n, sizes, int64_t{-1}));
  TRY(const int rank, n.Rank(0));
  std::vector<double> scales(static_cast<size_t>(rank), 1.0);
  for (size_t k = 0; k < scales.size() && k < sizes.size(); ++k) {
    const Dim& d = n.TypeOf(0).shape()[k];
    if (sizes[k] < 0 || d == Dim(sizes[k])) continue;
    if (!d.is_static() || d.value() == 0) return n.Lacks(diag::kTargetConstant, "the dims that change must be known");
    scales[k] = ScaleFor(d.value(), sizes[k]);
    if (scales[k] == 0) return n.LacksForm(fmt::format("no scale makes {} of {}", sizes[k], d.value()));
  }
  return scales;
}

// Until version 10 places map as result / scale.
Status EmitByScales(NodeExport& n) {
  const std::string_view mode = n.attrs().Str("mode", "nearest");
  const bool plain = n.attrs().Str("coordinates", "half_pixel") == "asymmetric" && mode != "cubic" &&
                     !n.attrs().Flag("antialias") && n.attrs().Str("keep_aspect", "stretch") == "stretch";
  if (!plain) return n.LacksForm(fmt::format("{} of opset {} maps places as result / scale", n.row().onnx, n.opset()));
  const bool nearest = mode == "nearest";
  const std::string_view rounding = n.attrs().Str("nearest", "round_prefer_floor");
  OnnxAttrs attrs{{"mode", std::string(mode)}};
  // Scales that are not known can only have come from such an operator.
  if (n.opset() >= 9 && n.Has(2) && n.Known(2) == nullptr && n.attrs().Ints("axes").empty() &&
      (!nearest || rounding == "floor")) {
    n.Emit(n.row().onnx, {n.In(0), n.In(2)}, attrs);
    return Ok{};
  }
  TRY(const std::vector<double> scales, AllScales(n));
  const bool upsample = n.opset() < 10;
  for (const double s : scales) {
    const bool fits = upsample ? s >= 1 && (!nearest || rounding == "floor")
                               : !nearest || s == 1 || rounding == (s > 1 ? "floor" : "ceil");
    if (!fits) return n.LacksForm(fmt::format("{} of opset {} does not scale by {} so", n.row().onnx, n.opset(), s));
  }
  if (n.opset() >= 9) {
    n.Emit(n.row().onnx, {n.In(0), n.Has(2) && n.attrs().Ints("axes").empty() ? n.In(2) : F32s(n, scales)}, attrs);
  } else {
    attrs.Set("scales", scales);
    n.Emit(n.row().onnx, {n.In(0)}, attrs);
  }
  return Ok{};
}

Status SetModes(NodeExport& n, OnnxAttrs* attrs) {
  const std::string_view mode = n.attrs().Str("mode", "nearest");
  std::string_view places = n.attrs().Str("coordinates", "half_pixel");
  std::string_view nearest = n.attrs().Str("nearest", "round_prefer_floor");
  if (places == "tf_half_pixel_for_nn" && n.opset() > 12) {
    // It is half a pixel further, which rounding down then is what rounding a half up is elsewhere.
    if (mode != "nearest" || nearest != "floor") {
      return n.LacksForm("tf_half_pixel_for_nn is in opsets 11 and 12 only");
    }
    places = "half_pixel";
    nearest = "round_prefer_ceil";
  }
  if (places == "half_pixel_symmetric" && n.opset() < 19) {
    return n.LacksForm("half_pixel_symmetric is in opset 19 and later");
  }
  if (places != "half_pixel") attrs->Set("coordinate_transformation_mode", std::string(places));
  attrs->Set("mode", std::string(mode));
  if (mode == "nearest" && nearest != "round_prefer_floor") attrs->Set("nearest_mode", std::string(nearest));
  if (mode == "cubic") attrs->SetFloat("cubic_coeff_a", n.attrs().Float("cubic_a", -0.75), -0.75);
  attrs->SetInt("exclude_outside", n.attrs().Int("exclude_outside", 0), 0);
  attrs->SetFloat("extrapolation_value", n.attrs().Float("extrapolation", 0), 0);
  return Ok{};
}

Status EmitResize(NodeExport& n) {
  OnnxAttrs attrs;
  RETURN_IF_ERROR(SetModes(n, &attrs));
  const bool antialias = n.attrs().Flag("antialias");
  const std::string_view keep = n.attrs().Str("keep_aspect", "stretch");
  if (n.opset() >= 18) {
    if (antialias) attrs.Set("antialias", int64_t{1});
    if (keep != "stretch") attrs.Set("keep_aspect_ratio_policy", std::string(keep));
    attrs.SetInts("axes", n.attrs().Ints("axes"));
    Names in = {n.In(0), n.In(3), n.In(2), n.Has(1) ? InI64(n, 1) : Name()};
    while (in.back().empty()) in.pop_back();
    n.Emit("Resize", std::move(in), attrs);
    return Ok{};
  }
  if (antialias || keep != "stretch") return n.LacksForm("antialias and keep_aspect are in opset 18 and later");
  // Until version 12 roi and scales have to be there, if only as empty tensors.
  const bool listed = n.opset() < 13;
  const bool some = !n.attrs().Ints("axes").empty();
  Name roi = n.In(3), scales = n.In(2), sizes;
  if (some && n.Has(3)) return n.LacksForm("a region of some axes is in opset 18 and later");
  if (n.Has(2) && some) {
    TRY(const std::vector<double> all, AllScales(n));
    scales = F32s(n, all);
  }
  if (n.Has(1) && some) {
    TRY(Ints all, n.NeedInts(1, "the sizes"));
    TRY(all, Spread(n, all, int64_t{-1}));
    bool known = true;
    for (size_t k = 0; k < all.size(); ++k) {
      const Dim& d = n.TypeOf(0).shape()[k];
      if (all[k] < 0 && d.is_static()) all[k] = d.value();
      known = known && all[k] >= 0;
    }
    if (known) {
      sizes = n.I64s(all);
    } else {
      TRY(const std::vector<double> each, AllScales(n));
      scales = F32s(n, each);
    }
  } else if (n.Has(1)) {
    sizes = InI64(n, 1);
  }
  if (listed && roi.empty()) roi = F32s(n, {});
  if (listed && scales.empty()) scales = F32s(n, {});
  Names in = {n.In(0), roi, scales, sizes};
  while (in.back().empty()) in.pop_back();
  n.Emit("Resize", std::move(in), attrs);
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kResize, "Upsample", 7, EmitByScales, 9},
    {&ops::kResize, "Resize", 10, EmitByScales, 10},
    {&ops::kResize, "Resize", 11, EmitResize},
};

}  // namespace

extern const RowSet kResizeRows{kRows};

}  // namespace godwit::to_onnx
