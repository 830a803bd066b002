// Sums, means, products and extremes along axes.
#include <fmt/format.h>

#include <algorithm>

#include "backends/tflite/emit.h"

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
