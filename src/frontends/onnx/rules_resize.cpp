// Resize and Upsample in all their versions.
#include <fmt/format.h>

#include <algorithm>

#include "frontends/onnx/node_import.h"
#include "ir/convert.h"

namespace godwit::from_onnx {

namespace {

// The name of the mode as it is ours; empty for one that this version does not have.
std::string_view ModeName(std::string_view mode, int64_t version) {
  if (mode == "nearest") return "nearest";
  if (mode == "linear" || (mode == "bilinear" && version < 7)) return "linear";
  return mode == "cubic" && version >= 11 ? "cubic" : "";
}

Result<std::string> Mode(NodeImport& n) {
  Result<std::string> given = n.Str("mode", "nearest");
  if (!given.ok()) return given;
  const std::string_view name = ModeName(*given, n.version());
  if (name.empty()) return n.BadValue("mode", *given);
  return std::string(name);
}

ValueId F32s(NodeImport& n, const std::vector<double>& values) {
  return n.Constant(Tensor::F32({static_cast<int64_t>(values.size())}, {values.begin(), values.end()}));
}

// Before version 11 places map as result / scale, and nearest takes the element below.
Result<ValueId> EmitByScales(NodeImport& n, ValueId x, ValueId scales, const std::string& mode, const char* nearest) {
  return n.Emit(ops::kResize, {x, ValueId(), scales},
                {{"mode", mode}, {"coordinates", std::string("asymmetric")}, {"nearest", std::string(nearest)}});
}

Status ImportByScales(NodeImport& n, ValueId scales) {
  TRY(ValueId x, n.In(0));
  TRY(const std::string mode, Mode(n));
  TRY(ValueId y, EmitByScales(n, x, scales, mode, "floor"));
  n.Out(0, y);
  return Ok{};
}

Status ImportUpsample1(NodeImport& n) {
  TRY(double height, n.Float("height_scale"));
  TRY(double width, n.Float("width_scale"));
  return ImportByScales(n, F32s(n, {1, 1, height, width}));
}
Status ImportUpsample7(NodeImport& n) {
  TRY(std::vector<double> scales, n.Floats("scales"));
  return ImportByScales(n, F32s(n, scales));
}
Status ImportUpsample9(NodeImport& n) {
  TRY(ValueId scales, n.In(1));
  return ImportByScales(n, scales);
}

// Where Resize of version 10 makes an axis smaller, nearest takes the element above.
Status ImportResize10(NodeImport& n) {
  TRY(ValueId scales, n.In(1));
  const Tensor* known = n.KnownTensor(scales);
  TRY(const std::string mode, Mode(n));
  if (known == nullptr || mode != "nearest") return ImportByScales(n, scales);
  TRY(ValueId y, n.In(0));
  const std::vector<double> values = ToF64(*known);
  for (const bool smaller : {false, true}) {
    std::vector<double> part = values;
    for (double& s : part) s = (s < 1) == smaller ? s : 1;
    if (smaller && std::all_of(part.begin(), part.end(), [](double s) { return s == 1; })) break;
    TRY(y, EmitByScales(n, y, F32s(n, part), mode, smaller ? "ceil" : "floor"));
  }
  n.Out(0, y);
  return Ok{};
}

bool IsKnownEmpty(const NodeImport& n, ValueId v) {
  const Type& type = n.TypeOf(v);
  return type.ranked() && type.rank() == 1 && type.shape()[0] == Dim(0);
}

Status ImportResize(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(std::string mode, Mode(n));
  TRY(std::string coordinates, n.Str("coordinate_transformation_mode", "half_pixel"));
  TRY(std::string nearest, n.Str("nearest_mode", "round_prefer_floor"));
  TRY(double cubic_a, n.Float("cubic_coeff_a", -0.75));
  TRY(int64_t exclude, n.Int("exclude_outside", 0));
  TRY(double extrapolation, n.Float("extrapolation_value", 0));
  Attrs attrs{{"mode", mode}, {"coordinates", coordinates}};
  if (mode == "nearest") attrs.Set("nearest", nearest);
  if (mode == "cubic") attrs.Set("cubic_a", cubic_a);
  if (exclude != 0) attrs.Set("exclude_outside", int64_t{1});
  if (coordinates == "tf_crop_and_resize") attrs.Set("extrapolation", extrapolation);
  if (n.version() >= 18) {
    TRY(int64_t antialias, n.Int("antialias", 0));
    TRY(std::string keep, n.Str("keep_aspect_ratio_policy", "stretch"));
    if (antialias != 0) attrs.Set("antialias", int64_t{1});
    if (keep != "stretch") attrs.Set("keep_aspect", keep);
    if (n.HasAttr("axes")) {
      TRY(std::vector<int64_t> axes, n.Ints("axes"));
      if (!axes.empty()) attrs.Set("axes", std::move(axes));
    }
  }
  // An empty tensor stands for an operand that is not given.
  const auto given = [&](size_t i) { return n.Has(i) && !IsKnownEmpty(n, n.ins()[i]) ? n.ins()[i] : ValueId(); };
  const ValueId roi = coordinates == "tf_crop_and_resize" ? given(1) : ValueId();
  const ValueId scales = given(2);
  const ValueId sizes = given(3);
  if (!scales && !sizes) return n.BadValue("sizes", "neither scales nor sizes are given");
  TRY(ValueId y, n.Emit(ops::kResize, {x, sizes, scales, roi}, std::move(attrs)));
  n.Out(0, y);
  return Ok{};
}

constexpr Rule kRules[] = {
    {"Resize", 10, ImportResize10},
    {"Resize", 11, ImportResize},
    {"Upsample", 1, ImportUpsample1},
    {"Upsample", 7, ImportUpsample7},
    {"Upsample", 9, ImportUpsample9},
    {"Upsample", 10, nullptr, "version 10 of the operator set replaces Upsample by Resize"},
};

}  // namespace

extern const RuleSet kResizeRules{"", kRules};

}  // namespace godwit::from_onnx
