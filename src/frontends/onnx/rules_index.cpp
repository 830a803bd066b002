// Operators that pick, place and order elements by index.
#include <fmt/format.h>

#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

namespace {

Status Required(const NodeImport& n, size_t count) {
  for (size_t i = 0; i < count; ++i) RETURN_IF_ERROR(n.In(i));
  return Ok{};
}

template <const OpDef& kOp, size_t kOperands>
Status ImportWithAxis(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, kOperands));
  TRY(int64_t axis, n.Int("axis", 0));
  return n.Same(kOp, {{"axis", axis}});
}

Status ImportGatherNd(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 2));
  TRY(int64_t batch, n.Int("batch_dims", 0));
  return n.Same(ops::kGatherNd, {{"batch_dims", batch}});
}

Result<std::string> Reduction(NodeImport& n) {
  TRY(std::string how, n.Str("reduction", "none"));
  const bool known =
      how == "none" || how == "add" || how == "mul" || (n.version() >= 18 && (how == "max" || how == "min"));
  if (!known) return n.BadValue("reduction", how);
  return how;
}

Status ImportScatterElements(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 3));
  TRY(int64_t axis, n.Int("axis", 0));
  TRY(std::string how, Reduction(n));
  return n.Same(ops::kScatterElements, {{"axis", axis}, {"reduction", how}});
}

Status ImportScatterNd(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 3));
  TRY(std::string how, Reduction(n));
  return n.Same(ops::kScatterNd, {{"reduction", how}});
}

Status ImportTensorScatter(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 2));
  TRY(int64_t axis, n.Int("axis", -2));
  TRY(std::string mode, n.Str("mode", "linear"));
  if (mode != "linear" && mode != "circular") return n.BadValue("mode", mode);
  return n.Same(ops::kTensorScatter, {{"axis", axis}, {"circular", int64_t{mode == "circular"}}});
}

Status ImportNonZero(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 1));
  return n.Same(ops::kNonZero);
}

Status ImportCompress(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 2));
  Attrs attrs;
  if (n.HasAttr("axis")) {
    TRY(int64_t axis, n.Int("axis"));
    attrs.Set("axis", axis);
  }
  return n.Same(ops::kCompress, std::move(attrs));
}

Status ImportUnique(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 1));
  TRY(int64_t sorted, n.Int("sorted", 1));
  Attrs attrs{{"sorted", sorted}};
  if (n.HasAttr("axis")) {
    TRY(int64_t axis, n.Int("axis"));
    attrs.Set("axis", axis);
  }
  return n.Same(ops::kUnique, std::move(attrs));
}

// TopK: k is an attribute in version 1, an operand from 10 on, and from 11 on the smallest can be asked for.
Status ImportTopK1(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(int64_t axis, n.Int("axis", -1));
  TRY(int64_t k, n.Int("k"));
  TRY(std::vector<ValueId> out, n.EmitN(ops::kTopK, {x, n.I64s({k})}, 2, {{"axis", axis}}));
  n.Out(0, out[0]);
  n.Out(1, out[1]);
  return Ok{};
}
Status ImportTopK(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 2));
  TRY(int64_t axis, n.Int("axis", -1));
  Attrs attrs{{"axis", axis}};
  if (n.version() >= 11) {
    TRY(int64_t largest, n.Int("largest", 1));
    attrs.Set("largest", largest);
    n.Ignore("sorted");  // sorted results are right where any order is allowed
  }
  return n.Same(ops::kTopK, std::move(attrs));
}

Status ImportOneHot(NodeImport& n) {
  RETURN_IF_ERROR(Required(n, 3));
  TRY(int64_t axis, n.Int("axis", -1));
  return n.Same(ops::kOneHot, {{"axis", axis}});
}

constexpr Rule kRules[] = {
    {"Compress", 9, ImportCompress},
    {"Gather", 1, ImportWithAxis<ops::kGather, 2>},
    {"GatherElements", 11, ImportWithAxis<ops::kGatherElements, 2>},
    {"GatherND", 11, ImportGatherNd},
    {"NonZero", 9, ImportNonZero},
    {"OneHot", 9, ImportOneHot},
    {"Scatter", 9, ImportWithAxis<ops::kScatterElements, 3>},
    {"ScatterElements", 11, ImportScatterElements},
    {"ScatterND", 11, ImportScatterNd},
    {"TensorScatter", 24, ImportTensorScatter},
    {"TopK", 1, ImportTopK1},
    {"TopK", 10, ImportTopK},
    {"Unique", 11, ImportUnique},
};

}  // namespace

extern const RuleSet kIndexRules{"", kRules};

}  // namespace godwit::from_onnx
