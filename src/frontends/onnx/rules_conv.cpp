// Convolutions.
#include <fmt/format.h>

#include "frontends/onnx/window_import.h"

namespace godwit::from_onnx {

namespace {

Status ImportConv(NodeImport& n) {
  Attrs attrs;
  RETURN_IF_ERROR(ReadWindow(n, &attrs));
  RETURN_IF_ERROR(CopyInt(n, "group", "group", 1, &attrs));
  TRY(ValueId w, n.In(1));
  RETURN_IF_ERROR(CheckKernel(n, w, 2));
  return n.Same(ops::kConv, std::move(attrs));
}

Status ImportConvTranspose(NodeImport& n) {
  Attrs attrs;
  RETURN_IF_ERROR(ReadWindow(n, &attrs));
  RETURN_IF_ERROR(CopyInt(n, "group", "group", 1, &attrs));
  TRY(ValueId w, n.In(1));
  RETURN_IF_ERROR(CheckKernel(n, w, 2));
  TRY(std::vector<int64_t> extra, n.Ints("output_padding"));
  if (!extra.empty()) attrs.Set("output_pads", std::move(extra));
  TRY(std::vector<int64_t> shape, n.Ints("output_shape"));
  if (!shape.empty()) {
    // Some exporters write the whole shape, others the spatial extents only.
    TRY(const int rank, n.Rank(w));
    if (static_cast<int>(shape.size()) == rank) shape.erase(shape.begin(), shape.begin() + 2);
    attrs.Set("output_shape", std::move(shape));
    attrs.Erase("pads");
  }
  return n.Same(ops::kConvTranspose, std::move(attrs));
}

Status ImportDeformConv(NodeImport& n) {
  Attrs attrs;
  RETURN_IF_ERROR(ReadWindow(n, &attrs));
  RETURN_IF_ERROR(CopyInt(n, "group", "group", 1, &attrs));
  RETURN_IF_ERROR(CopyInt(n, "offset_group", "offset_group", 1, &attrs));
  TRY(ValueId w, n.In(1));
  RETURN_IF_ERROR(CheckKernel(n, w, 2));
  return n.Same(ops::kDeformConv, std::move(attrs));
}

constexpr Rule kRules[] = {
    {"Conv", 1, ImportConv},
    {"ConvTranspose", 1, ImportConvTranspose},
    {"DeformConv", 19, ImportDeformConv},
};

}  // namespace

extern const RuleSet kConvRules{"", kRules};

}  // namespace godwit::from_onnx
