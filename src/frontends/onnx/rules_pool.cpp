// Poolings.
#include <fmt/format.h>

#include "frontends/onnx/window_import.h"

namespace godwit::from_onnx {

namespace {

Status ImportMaxPool(NodeImport& n) {
  Attrs attrs;
  RETURN_IF_ERROR(ReadKernel(n, &attrs));
  RETURN_IF_ERROR(ReadWindow(n, &attrs));
  TRY(const int64_t order, n.Int("storage_order", 0));
  if (order != 0 && n.Wants(1)) attrs.Set("column_major", int64_t{1});
  return n.Same(ops::kMaxPool, std::move(attrs));
}

Status ImportAveragePool(NodeImport& n) {
  Attrs attrs;
  RETURN_IF_ERROR(ReadKernel(n, &attrs));
  RETURN_IF_ERROR(ReadWindow(n, &attrs));
  RETURN_IF_ERROR(CopyInt(n, "count_include_pad", "count_pads", 0, &attrs));
  return n.Same(ops::kAvgPool, std::move(attrs));
}

Status ImportLpPool(NodeImport& n) {
  Attrs attrs;
  RETURN_IF_ERROR(ReadKernel(n, &attrs));
  RETURN_IF_ERROR(ReadWindow(n, &attrs));
  if (n.version() < 2) {
    RETURN_IF_ERROR(CopyFloat(n, "p", "p", 2, &attrs));
  } else {
    TRY(const int64_t p, n.Int("p", 2));
    if (p != 2) attrs.Set("p", static_cast<double>(p));
  }
  return n.Same(ops::kLpPool, std::move(attrs));
}

// All axes but batch and channels.
Result<ValueId> SpatialAxes(NodeImport& n, ValueId x) {
  TRY(const int rank, n.Rank(x));
  std::vector<int64_t> axes;
  for (int k = 2; k < rank; ++k) axes.push_back(k);
  return n.I64s(axes);
}

Status ImportGlobal(NodeImport& n, const char* mode) {
  TRY(ValueId x, n.In(0));
  TRY(ValueId axes, SpatialAxes(n, x));
  TRY(ValueId y, n.Emit(ops::kReduce, {x, axes}, {{"mode", mode}, {"empty_axes_is_none", int64_t{1}}}));
  n.Out(0, y);
  return Ok{};
}

Status ImportGlobalAverage(NodeImport& n) { return ImportGlobal(n, "mean"); }
Status ImportGlobalMax(NodeImport& n) { return ImportGlobal(n, "max"); }

Status ImportGlobalLp(NodeImport& n) {
  double p = 2;
  if (n.version() < 2) {
    TRY(p, n.Float("p", 2));
  } else {
    TRY(const int64_t whole, n.Int("p", 2));
    p = static_cast<double>(whole);
  }
  if (p == 1) return ImportGlobal(n, "l1");
  if (p == 2) return ImportGlobal(n, "l2");
  // Other norms are a pooling with one window as large as the picture.
  TRY(ValueId x, n.In(0));
  TRY(const int rank, n.Rank(x));
  std::vector<int64_t> kernel;
  for (int k = 2; k < rank; ++k) {
    const Dim& d = n.TypeOf(x).shape()[static_cast<size_t>(k)];
    if (!d.is_static()) return n.Unsupported(fmt::format("p = {} needs the extents of the picture to be known", p));
    kernel.push_back(d.value());
  }
  TRY(ValueId y, n.Emit(ops::kLpPool, {x}, {{"kernel", std::move(kernel)}, {"p", p}}));
  n.Out(0, y);
  return Ok{};
}

constexpr Rule kRules[] = {
    {"AveragePool", 1, ImportAveragePool}, {"GlobalAveragePool", 1, ImportGlobalAverage},
    {"GlobalLpPool", 1, ImportGlobalLp},   {"GlobalMaxPool", 1, ImportGlobalMax},
    {"LpPool", 1, ImportLpPool},           {"MaxPool", 1, ImportMaxPool},
};

}  // namespace

extern const RuleSet kPoolRules{"", kRules};

}  // namespace godwit::from_onnx
