// Reductions and running sums.
#include <limits>

#include "backends/onnx/emit.h"

namespace godwit::to_onnx {

namespace {

struct ReduceMode {
  std::string_view mode;
  std::string_view onnx;
};
constexpr ReduceMode kModes[] = {{"sum", "ReduceSum"},
                                 {"mean", "ReduceMean"},
                                 {"max", "ReduceMax"},
                                 {"min", "ReduceMin"},
                                 {"prod", "ReduceProd"},
                                 {"l1", "ReduceL1"},
                                 {"l2", "ReduceL2"},
                                 {"log_sum", "ReduceLogSum"},
                                 {"log_sum_exp", "ReduceLogSumExp"},
                                 {"sum_square", "ReduceSumSquare"}};

// Nothing is reduced: what the mode makes of single elements.
Status EmitOfSingles(NodeExport& n, std::string_view mode) {
  const Name x = n.In(0);
  if (mode == "l1" || mode == "l2") {
    n.Emit("Abs", {x});
  } else if (mode == "log_sum") {
    n.Emit("Log", {x});
  } else if (mode == "sum_square") {
    n.Emit("Mul", {x, x});
  } else {
    n.Emit("Identity", {x});
  }
  return Ok{};
}

Status EmitReduce(NodeExport& n) {
  const std::string_view mode = n.attrs().Str("mode");
  std::string_view name;
  for (const ReduceMode& m : kModes) {
    if (m.mode == mode) name = m.onnx;
  }
  OnnxAttrs attrs;
  attrs.SetInt("keepdims", n.attrs().Int("keep_dims", 1), 1);
  const bool none = n.attrs().Flag("empty_axes_is_none");
  if (const auto axes = n.Ints(1); none && (!n.Has(1) || (axes && axes->empty()))) return EmitOfSingles(n, mode);
  if (n.opset() >= (mode == "sum" ? 13 : 18)) {
    if (none) attrs.Set("noop_with_empty_axes", int64_t{1});
    Names in = {n.In(0)};
    if (n.Has(1)) in.push_back(InI64(n, 1));
    n.Emit(name, std::move(in), attrs);
    return Ok{};
  }
  if (n.Has(1)) {
    TRY(std::vector<int64_t> axes, n.NeedInts(1, "axes"));
    TRY(axes, Axes(n, 0, std::move(axes)));
    attrs.SetInts("axes", axes);
  }
  n.Emit(name, {n.In(0)}, attrs);
  return Ok{};
}

Status EmitArg(NodeExport& n) {
  OnnxAttrs attrs;
  TRY(const int64_t axis, Axis(n, 0, n.attrs().Int("axis", 0)));
  attrs.SetInt("axis", axis, 0);
  attrs.SetInt("keepdims", n.attrs().Int("keep_dims", 1), 1);
  const std::string_view name = n.attrs().Str("mode") == "max" ? "ArgMax" : "ArgMin";
  const bool last = n.attrs().Flag("last");
  if (last && n.opset() < 10) return n.LacksForm("the last of equal elements can be asked for from opset 10 on");
  if (last && n.opset() < 12) {
    // The first one from the other end.
    const Name x = n.In(0);
    constexpr int64_t kBeyond = std::numeric_limits<int64_t>::min();
    const Name turned = n.Temp("Slice", {x, n.I64s({-1}), n.I64s({kBeyond}), n.I64s({axis}), n.I64s({-1})});
    const Name first = n.Temp(name, {turned}, attrs);
    TRY(const int rank, n.Rank(0));
    const Name dim = n.Temp("Gather", {n.Temp("Shape", {x}), n.ScalarI64(axis < 0 ? axis + rank : axis)});
    n.Emit("Sub", {n.Temp("Sub", {dim, n.ScalarI64(1)}), first});
    return Ok{};
  }
  if (last) attrs.Set("select_last_index", int64_t{1});
  n.Emit(name, n.Ins(), attrs);
  return Ok{};
}

Status EmitCum(NodeExport& n) {
  const bool sum = n.attrs().Str("mode") == "sum";
  if (sum == (n.row().onnx == "CumProd")) return n.NotThis();
  OnnxAttrs attrs;
  attrs.SetInt("exclusive", n.attrs().Int("exclusive", 0), 0);
  attrs.SetInt("reverse", n.attrs().Int("reverse", 0), 0);
  n.Emit(n.row().onnx, n.Ins(), attrs);
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kArgReduce, "ArgMax, ArgMin", 7, EmitArg},
    {&ops::kCum, "CumSum", 11, EmitCum},
    {&ops::kCum, "CumProd", 26, EmitCum},
    {&ops::kReduce, "ReduceSum and its kin", 7, EmitReduce},
};

}  // namespace

extern const RowSet kReduceRows{kRows};

}  // namespace godwit::to_onnx
