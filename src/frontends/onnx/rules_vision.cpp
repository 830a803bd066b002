// Operators that sample pictures: grids, regions, boxes, columns.
#include <fmt/format.h>

#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

namespace {

using Ints = std::vector<int64_t>;

Status Required(const NodeImport& n, size_t count) {
  for (size_t i = 0; i < count; ++i) RETURN_IF_ERROR(n.In(i));
  return Ok{};
}

// Copies integer lists that are given.
Status CopyLists(NodeImport& n, std::initializer_list<std::string_view> names, Attrs* attrs) {
  for (std::string_view name : names) {
    if (!n.HasAttr(name)) continue;
    TRY(Ints list, n.Ints(name));
    attrs->Set(name, std::move(list));
  }
  return Ok{};
}

Status ImportGridSample(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 2));
  TRY(std::string mode, n.Str("mode", n.version() >= 20 ? "linear" : "bilinear"));
  TRY(std::string padding, n.Str("padding_mode", "zeros"));
  TRY(int64_t align, n.Int("align_corners", 0));
  if (mode == "bilinear") mode = "linear";
  if (mode == "bicubic") mode = "cubic";
  if (mode != "linear" && mode != "cubic" && mode != "nearest") return n.BadValue("mode", mode);
  if (padding != "zeros" && padding != "border" && padding != "reflection") return n.BadValue("padding_mode", padding);
  return n.Same(ops::kGridSample, {{"mode", mode}, {"padding", padding}, {"align_corners", align}});
}

Status ImportAffineGrid(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 2));
  TRY(int64_t align, n.Int("align_corners", 0));
  return n.Same(ops::kAffineGrid, {{"align_corners", align}});
}

Status ImportCol2Im(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 3));
  Attrs attrs;
  RETURN_IF_ERROR(CopyLists(n, {"strides", "dilations", "pads"}, &attrs));
  return n.Same(ops::kCol2Im, std::move(attrs));
}

Status ImportMaxUnpool(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 2));
  TRY(Ints kernel, n.Ints("kernel_shape"));
  Attrs attrs{{"kernel", std::move(kernel)}};
  RETURN_IF_ERROR(CopyLists(n, {"strides", "pads"}, &attrs));
  return n.Same(ops::kMaxUnpool, std::move(attrs));
}

// Version 16 moved the regions' coordinates by half an element.
Status ImportRoiAlign(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 3));
  TRY(int64_t height, n.Int("output_height", 1));
  TRY(int64_t width, n.Int("output_width", 1));
  TRY(int64_t samples, n.Int("sampling_ratio", 0));
  TRY(double scale, n.Float("spatial_scale", 1));
  TRY(std::string mode, n.Str("mode", "avg"));
  std::string coordinates = "output_half_pixel";
  if (n.version() >= 16) {
    TRY(coordinates, n.Str("coordinate_transformation_mode", "half_pixel"));
    if (coordinates != "half_pixel" && coordinates != "output_half_pixel") {
      return n.BadValue("coordinate_transformation_mode", coordinates);
    }
  }
  if (mode != "avg" && mode != "max") return n.BadValue("mode", mode);
  return n.Same(ops::kRoiAlign, {{"height", height},
                                 {"width", width},
                                 {"samples", samples},
                                 {"scale", scale},
                                 {"mode", mode},
                                 {"half_pixel", int64_t{coordinates == "half_pixel"}}});
}

Status ImportMaxRoiPool(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 2));
  TRY(Ints pooled, n.Ints("pooled_shape"));
  TRY(double scale, n.Float("spatial_scale", 1));
  if (pooled.size() != 2) return n.BadValue("pooled_shape", fmt::format("{} entries", pooled.size()));
  return n.Same(ops::kRoiMaxPool, {{"height", pooled[0]}, {"width", pooled[1]}, {"scale", scale}});
}

Status ImportNms(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 2));
  TRY(int64_t centered, n.Int("center_point_box", 0));
  return n.Same(ops::kNms, {{"centered", centered}});
}

constexpr Rule kRules[] = {
    {"AffineGrid", 20, ImportAffineGrid}, {"Col2Im", 18, ImportCol2Im},      {"GridSample", 16, ImportGridSample},
    {"MaxRoiPool", 1, ImportMaxRoiPool},  {"MaxUnpool", 9, ImportMaxUnpool}, {"NonMaxSuppression", 10, ImportNms},
    {"RoiAlign", 10, ImportRoiAlign},
};

}  // namespace

extern const RuleSet kVisionRules{"", kRules};

}  // namespace godwit::from_onnx
