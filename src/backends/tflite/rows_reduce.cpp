// Sums, means, products and extremes along axes.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "backends/tflite/emit.h"
#include "ir/convert.h"

namespace godwit::to_tflite {

namespace {

std::string_view BuiltinOf(std::string_view mode, bool logical) {
  if (mode == "mean") return "MEAN";
  if (mode == "sum") return "SUM";
  if (mode == "prod") return "REDUCE_PROD";
  if (mode == "max") return logical ? "REDUCE_ANY" : "REDUCE_MAX";
  if (mode == "min") return logical ? "REDUCE_ALL" : "REDUCE_MIN";
  return {};
}

double OfNothing(DType dtype, std::string_view mode) {
  const double top = IsInteger(dtype) ? static_cast<double>(IntMax(dtype)) : std::numeric_limits<double>::infinity();
  const double bottom = IsInteger(dtype) ? static_cast<double>(IntMin(dtype)) : -top;
  if (mode == "max") return dtype == DType::kBool ? 0 : bottom;
  if (mode == "min") return dtype == DType::kBool ? 1 : top;
  if (mode == "mean") return std::numeric_limits<double>::quiet_NaN();
  return mode == "prod" ? 1 : 0;
}

Status EmitReduce(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  const std::string_view mode = n.attrs().Str("mode");
  const std::string_view op = BuiltinOf(mode, n.DtypeOf(0) == DType::kBool);
  if (op.empty()) return n.LacksForm(fmt::format("TFLite has no reduction by {}", mode));
  if (mode == "mean" && IsInteger(n.DtypeOf(0))) return n.LacksForm("means of integers round otherwise in TFLite");
  std::vector<int64_t> axes;
  if (n.Has(1)) {
    TRY(axes, n.NeedInts(1, "axes"));
  }
  for (int64_t& axis : axes) axis = FromFront(axis, rank);
  if (axes.empty()) {
    if (n.attrs().Flag("empty_axes_is_none")) return n.EmitReshapeTo(0, n.In(0));
    for (int64_t k = 0; k < rank; ++k) axes.push_back(k);
  }
  if (axes.empty()) return n.EmitReshapeTo(0, n.In(0));
  std::sort(axes.begin(), axes.end());
  // Kernels leave results of nothing as they were.
  const auto dims = n.StaticDims(0), left = n.StaticDims(n.OutType());
  if (dims && left &&
      std::any_of(axes.begin(), axes.end(), [&](int64_t a) { return (*dims)[static_cast<size_t>(a)] == 0; })) {
    TRY(const Ref nothing, n.Filled(n.DtypeOf(0), *left, OfNothing(n.DtypeOf(0), mode)));
    return n.EmitReshapeTo(0, nothing);
  }
  n.EmitTo(0, op, {n.In(0), n.I32s(axes)}, {{"keep_dims", n.attrs().Flag("keep_dims", true)}});
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kReduce, "MEAN, SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD, REDUCE_ANY, REDUCE_ALL", EmitReduce,
     Row::kQuantised},
};

}  // namespace

extern const RowSet kReduceRows{kRows};

}  // namespace godwit::to_tflite
