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

// A reduction of one axis by versions before 18, of which ReduceSum changed first.
Name ReduceOne(NodeExport& n, std::string_view op, Name x, int64_t axis, bool keep) {
  OnnxAttrs attrs;
  attrs.SetInt("keepdims", keep ? 1 : 0, 1);
  if (op == "ReduceSum" && n.opset() >= 13) return n.Temp(op, {x, n.I64s({axis})}, attrs);
  attrs.Set("axes", std::vector<int64_t>{axis});
  return n.Temp(op, {x}, attrs);
}

// Whether each axis of the operand is reduced, 1 or 0, worked out while the model runs.
Name ReducedAxes(NodeExport& n, int rank, bool none_is_all) {
  const Name axes = InI64List(n, 1), ranks = n.I64s({rank});
  const Name places = n.Temp("Mod", {n.Temp("Add", {axes, ranks}), ranks});
  const Name marks = n.Temp("OneHot", {places, ranks, n.I64s({0, 1})});
  const Name some = ReduceOne(n, "ReduceSum", marks, 0, false);
  if (!none_is_all) return some;
  const Name none = n.Temp("Cast", {n.Temp("Equal", {n.Temp("Size", {axes}), n.ScalarI64(0)})}, {{"to", DType::kI64}});
  return n.Temp("Add", {some, none});
}

// Axes that are not known where only an attribute can name them: each axis in turn is reduced or left, by a slice of
// the reduced tensor and the tensor itself, one behind the other.
Status EmitReduceByTurns(NodeExport& n) {
  const std::string_view mode = n.attrs().Str("mode");
  if (n.opset() >= (mode == "sum" ? 13 : 18) || !n.Has(1) || n.Ints(1)) return n.NotThis();
  TRY(const int rank, n.Rank(0));
  if (rank == 0) return n.NotThis();
  const Name mask = ReducedAxes(n, rank, !n.attrs().Flag("empty_axes_is_none"));
  Name x = n.In(0);
  const Name dims = n.Temp("Shape", {x});
  const Name starts = n.Temp("Sub", {n.ScalarI64(1), mask});
  const Name ends = n.Temp("Add", {n.Temp("Mul", {starts, dims}), n.ScalarI64(1)});
  if (mode == "l1") x = n.Temp("Abs", {x});
  if (mode == "l2" || mode == "sum_square") x = n.Temp("Mul", {x, x});
  const std::string_view each = mode == "mean"          ? "ReduceMean"
                                : mode == "max"         ? "ReduceMax"
                                : mode == "min"         ? "ReduceMin"
                                : mode == "prod"        ? "ReduceProd"
                                : mode == "log_sum_exp" ? "ReduceLogSumExp"
                                                        : "ReduceSum";
  for (int k = 0; k < rank; ++k) {
    const Name reduced = ReduceOne(n, each, x, k, true);
    const Name both = n.Temp("Concat", {reduced, x}, {{"axis", int64_t{k}}});
    const auto at = [&](Name list) { return n.Temp("Slice", {list, n.I64s({k}), n.I64s({k + 1}), n.I64s({0})}); };
    const Name start = at(starts), end = at(ends);
    x = n.Temp("Slice", {both, start, end, n.I64s({k})});
  }
  if (mode == "l2") x = n.Temp("Sqrt", {x});
  if (mode == "log_sum") x = n.Temp("Log", {x});
  if (n.attrs().Flag("keep_dims", true)) {
    n.Emit("Identity", {x});
    return Ok{};
  }
  const Name left = n.Temp("Cast", {starts}, {{"to", DType::kBool}});
  n.Emit("Reshape", {x, n.Temp("Compress", {dims, left}, {{"axis", int64_t{0}}})});
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
    {&ops::kReduce, "ReduceSum and its kin, Slice", 11, EmitReduceByTurns, 17},
};

}  // namespace

extern const RowSet kReduceRows{kRows};

}  // namespace godwit::to_onnx
