// Reductions, running sums and softmax.
#include <fmt/format.h>

#include "frontends/onnx/softmax_import.h"
#include "frontends/onnx/window_import.h"

namespace godwit::from_onnx {

namespace {

// Axes were an attribute until version 13 (ReduceSum) or 18 (the others), and are an operand since.
template <int kOperandSince>
Status ImportReduce(NodeImport& n, const char* mode) {
  TRY(ValueId x, n.In(0));
  Attrs attrs = {{"mode", mode}};
  RETURN_IF_ERROR(CopyInt(n, "keepdims", "keep_dims", 1, &attrs));
  ValueId axes;
  if (n.version() >= kOperandSince) {
    axes = n.InOrNone(1);
    RETURN_IF_ERROR(CopyInt(n, "noop_with_empty_axes", "empty_axes_is_none", 0, &attrs));
  } else {
    TRY(std::vector<int64_t> listed, n.Ints("axes"));
    if (!listed.empty()) axes = n.I64s(listed);
  }
  TRY(ValueId y, n.Emit(ops::kReduce, {x, axes}, std::move(attrs)));
  n.Out(0, y);
  return Ok{};
}

Status ImportSum(NodeImport& n) { return ImportReduce<13>(n, "sum"); }
Status ImportMean(NodeImport& n) { return ImportReduce<18>(n, "mean"); }
Status ImportMax(NodeImport& n) { return ImportReduce<18>(n, "max"); }
Status ImportMin(NodeImport& n) { return ImportReduce<18>(n, "min"); }
Status ImportProd(NodeImport& n) { return ImportReduce<18>(n, "prod"); }
Status ImportL1(NodeImport& n) { return ImportReduce<18>(n, "l1"); }
Status ImportL2(NodeImport& n) { return ImportReduce<18>(n, "l2"); }
Status ImportLogSum(NodeImport& n) { return ImportReduce<18>(n, "log_sum"); }
Status ImportLogSumExp(NodeImport& n) { return ImportReduce<18>(n, "log_sum_exp"); }
Status ImportSumSquare(NodeImport& n) { return ImportReduce<18>(n, "sum_square"); }

Status ImportArg(NodeImport& n, const char* mode) {
  TRY(ValueId x, n.In(0));
  Attrs attrs = {{"mode", mode}};
  RETURN_IF_ERROR(CopyInt(n, "axis", "axis", 0, &attrs));
  RETURN_IF_ERROR(CopyInt(n, "keepdims", "keep_dims", 1, &attrs));
  RETURN_IF_ERROR(CopyInt(n, "select_last_index", "last", 0, &attrs));
  TRY(ValueId y, n.Emit(ops::kArgReduce, {x}, std::move(attrs)));
  n.Out(0, y);
  return Ok{};
}
Status ImportArgMax(NodeImport& n) { return ImportArg(n, "max"); }
Status ImportArgMin(NodeImport& n) { return ImportArg(n, "min"); }

Status ImportCum(NodeImport& n, const char* mode) {
  Attrs attrs = {{"mode", mode}};
  RETURN_IF_ERROR(CopyInt(n, "exclusive", "exclusive", 0, &attrs));
  RETURN_IF_ERROR(CopyInt(n, "reverse", "reverse", 0, &attrs));
  return n.Same(ops::kCum, std::move(attrs));
}
Status ImportCumSum(NodeImport& n) { return ImportCum(n, "sum"); }
Status ImportCumProd(NodeImport& n) { return ImportCum(n, "prod"); }

Attrs SoftmaxAttrs(const char* mode, int64_t axis) {
  Attrs attrs;
  if (axis != -1) attrs.Set("axis", axis);
  if (std::string_view(mode) != "soft") attrs.Set("mode", mode);
  return attrs;
}

// Whether everything after `axis` has extent 1, so that the flattened and the plain meaning agree.
bool IsLastInEffect(const Type& type, int64_t axis) {
  if (!type.ranked()) return false;
  for (size_t k = static_cast<size_t>(axis) + 1; k < type.shape().size(); ++k) {
    if (type.shape()[k] != Dim(1)) return false;
  }
  return axis < type.rank();
}

}  // namespace

Result<ValueId> EmitFlatSoftmax(NodeImport& n, ValueId x, int64_t axis, const char* mode) {
  if (axis < 0 || n.TypeOf(x).ranked()) {
    TRY(const int rank, n.Rank(x));
    if (axis < -rank || axis > rank) return n.BadValue("axis", fmt::format("{} with rank {}", axis, rank));
    if (axis < 0) axis += rank;
  }
  if (axis > 64) return n.BadValue("axis", fmt::format("{}", axis));
  if (IsLastInEffect(n.TypeOf(x), axis)) {
    const bool last = axis == n.TypeOf(x).rank() - 1;
    return n.Emit(ops::kSoftmax, {x}, SoftmaxAttrs(mode, last ? -1 : axis));
  }
  std::vector<int64_t> flat(static_cast<size_t>(axis), 0);
  flat.push_back(-1);
  TRY(ValueId shape, n.Emit(ops::kShapeOf, {x}));
  TRY(ValueId lines, n.Emit(ops::kReshape, {x, n.I64s(flat)}));
  TRY(ValueId soft, n.Emit(ops::kSoftmax, {lines}, SoftmaxAttrs(mode, -1)));
  return n.Emit(ops::kReshape, {soft, shape}, {{"allow_zero", int64_t{1}}});
}

namespace {

Status ImportSoftmaxOf(NodeImport& n, const char* mode) {
  TRY(ValueId x, n.In(0));
  if (n.version() >= 13) {
    TRY(const int64_t axis, n.Int("axis", -1));
    TRY(ValueId y, n.Emit(ops::kSoftmax, {x}, SoftmaxAttrs(mode, axis)));
    n.Out(0, y);
    return Ok{};
  }
  TRY(const int64_t axis, n.Int("axis", 1));
  TRY(ValueId y, EmitFlatSoftmax(n, x, axis, mode));
  n.Out(0, y);
  return Ok{};
}
Status ImportSoftmax(NodeImport& n) { return ImportSoftmaxOf(n, "soft"); }
Status ImportLogSoftmax(NodeImport& n) { return ImportSoftmaxOf(n, "log"); }
Status ImportHardmax(NodeImport& n) { return ImportSoftmaxOf(n, "hard"); }

constexpr Rule kRules[] = {
    {"ArgMax", 1, ImportArgMax},
    {"ArgMin", 1, ImportArgMin},
    {"CumProd", 26, ImportCumProd},
    {"CumSum", 11, ImportCumSum},
    {"Hardmax", 1, ImportHardmax},
    {"Hardmax", 13, ImportHardmax},
    {"LogSoftmax", 1, ImportLogSoftmax},
    {"LogSoftmax", 13, ImportLogSoftmax},
    {"ReduceL1", 1, ImportL1},
    {"ReduceL1", 18, ImportL1},
    {"ReduceL2", 1, ImportL2},
    {"ReduceL2", 18, ImportL2},
    {"ReduceLogSum", 1, ImportLogSum},
    {"ReduceLogSum", 18, ImportLogSum},
    {"ReduceLogSumExp", 1, ImportLogSumExp},
    {"ReduceLogSumExp", 18, ImportLogSumExp},
    {"ReduceMax", 1, ImportMax},
    {"ReduceMax", 18, ImportMax},
    {"ReduceMean", 1, ImportMean},
    {"ReduceMean", 18, ImportMean},
    {"ReduceMin", 1, ImportMin},
    {"ReduceMin", 18, ImportMin},
    {"ReduceProd", 1, ImportProd},
    {"ReduceProd", 18, ImportProd},
    {"ReduceSum", 1, ImportSum},
    {"ReduceSum", 13, ImportSum},
    {"ReduceSumSquare", 1, ImportSumSquare},
    {"ReduceSumSquare", 18, ImportSumSquare},
    {"Softmax", 1, ImportSoftmax},
    {"Softmax", 13, ImportSoftmax},
};

}  // namespace

extern const RuleSet kReduceRules{"", kRules};

}  // namespace godwit::from_onnx
