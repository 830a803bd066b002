// Operators that pick, place and order elements by index.
#include <fmt/format.h>

#include "backends/onnx/emit.h"
#include "ir/convert.h"

namespace godwit::to_onnx {

namespace {

Status EmitWithAxis(NodeExport& n) {
  TRY(const int64_t axis, Axis(n, 0, n.attrs().Int("axis", 0)));
  OnnxAttrs attrs;
  attrs.SetInt("axis", axis, 0);
  n.Emit(n.row().onnx, n.Ins(), attrs);
  return Ok{};
}

// Before version 11 an index does not count from the end.
Status EmitGather(NodeExport& n) {
  const Tensor* known = n.opset() < 11 ? n.Known(1) : nullptr;
  if (known == nullptr) return EmitWithAxis(n);
  TRY(const int rank, n.Rank(0));
  int64_t axis = n.attrs().Int("axis", 0);
  if (axis < 0) axis += rank;
  std::vector<int64_t> indices = ToI64(*known);
  bool changed = false;
  for (int64_t& i : indices) {
    if (i >= 0) continue;
    const Dim& d = n.TypeOf(0).shape()[static_cast<size_t>(axis)];
    if (!d.is_static()) return n.LacksForm("indices count from the end in opset 11 and later");
    i += d.value();
    changed = true;
  }
  if (!changed) return EmitWithAxis(n);
  OnnxAttrs attrs;
  attrs.SetInt("axis", axis, 0);
  n.Emit("Gather", {n.In(0), n.Const(Tensor::I64(known->dims(), indices))}, attrs);
  return Ok{};
}

Name IndicesInI64(NodeExport& n) { return InI64(n, 1); }

Status EmitGatherNd(NodeExport& n) {
  const int64_t batch = n.attrs().Int("batch_dims", 0);
  if (batch != 0 && n.opset() < 12) return n.LacksForm("batch_dims is in opset 12 and later");
  OnnxAttrs attrs;
  attrs.SetInt("batch_dims", batch, 0);
  n.Emit("GatherND", {n.In(0), IndicesInI64(n)}, attrs);
  return Ok{};
}

Status SetReduction(NodeExport& n, OnnxAttrs* attrs) {
  const std::string_view how = n.attrs().Str("reduction", "none");
  if (how == "none") return Ok{};
  const int since = how == "add" || how == "mul" ? 16 : 18;
  if (n.opset() < since) return n.LacksForm(fmt::format("reduction '{}' is in opset {} and later", how, since));
  attrs->Set("reduction", std::string(how));
  return Ok{};
}

Status EmitScatterElements(NodeExport& n) {
  TRY(const int64_t axis, Axis(n, 0, n.attrs().Int("axis", 0)));
  OnnxAttrs attrs;
  attrs.SetInt("axis", axis, 0);
  RETURN_IF_ERROR(SetReduction(n, &attrs));
  n.Emit(n.row().onnx, n.Ins(), attrs);
  return Ok{};
}

Status EmitScatterNd(NodeExport& n) {
  OnnxAttrs attrs;
  RETURN_IF_ERROR(SetReduction(n, &attrs));
  n.Emit("ScatterND", {n.In(0), IndicesInI64(n), n.In(2)}, attrs);
  return Ok{};
}

Status EmitTensorScatter(NodeExport& n) {
  OnnxAttrs attrs;
  attrs.SetInt("axis", n.attrs().Int("axis", -2), -2);
  if (n.attrs().Flag("circular")) attrs.Set("mode", std::string("circular"));
  Names in = {n.In(0), n.In(1)};
  if (n.Has(2)) in.push_back(InI64(n, 2));
  n.Emit("TensorScatter", std::move(in), attrs);
  return Ok{};
}

Status EmitCompress(NodeExport& n) {
  OnnxAttrs attrs;
  if (n.attrs().Has("axis")) {
    TRY(const int64_t axis, Axis(n, 0, n.attrs().Int("axis")));
    attrs.Set("axis", axis);
  }
  n.Emit("Compress", n.Ins(), attrs);
  return Ok{};
}

Status EmitUnique(NodeExport& n) {
  OnnxAttrs attrs;
  if (n.attrs().Has("axis")) attrs.Set("axis", n.attrs().Int("axis"));
  attrs.SetInt("sorted", n.attrs().Int("sorted", 1), 1);
  Names out;
  for (size_t i = 0; i < n.n_out(); ++i) out.push_back(i == 0 || n.Wants(i) ? n.Out(i) : Name());
  while (out.size() > 1 && out.back().empty()) out.pop_back();
  n.EmitAs("Unique", n.Ins(), std::move(out), attrs);
  return Ok{};
}

Status EmitTopK(NodeExport& n) {
  OnnxAttrs attrs;
  TRY(const int64_t axis, Axis(n, 0, n.attrs().Int("axis", -1)));
  attrs.SetInt("axis", axis, -1);
  const bool largest = n.attrs().Flag("largest", true);
  if (n.opset() < 11 && !largest) return n.LacksForm("the smallest elements can be asked for from opset 11 on");
  if (!largest) attrs.Set("largest", int64_t{0});
  if (n.opset() < 10) {
    TRY(const double k, n.NeedNumber(1, "k"));
    attrs.Set("k", static_cast<int64_t>(k));
    n.Emit("TopK", {n.In(0)}, attrs);
    return Ok{};
  }
  n.Emit("TopK", {n.In(0), InI64List(n, 1)}, attrs);
  return Ok{};
}

Status EmitOneHot(NodeExport& n) {
  OnnxAttrs attrs;
  const int64_t axis = n.attrs().Int("axis", -1);
  attrs.SetInt("axis", axis, -1);
  n.Emit("OneHot", n.Ins(), attrs);
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kCompress, "Compress", 9, EmitCompress},
    {&ops::kGather, "Gather", 7, EmitGather},
    {&ops::kGatherElements, "GatherElements", 11, EmitWithAxis},
    {&ops::kGatherNd, "GatherND", 11, EmitGatherNd},
    {&ops::kNonZero, "NonZero", 9, EmitSame},
    {&ops::kOneHot, "OneHot", 9, EmitOneHot},
    {&ops::kScatterElements, "Scatter", 9, EmitScatterElements, 10},
    {&ops::kScatterElements, "ScatterElements", 11, EmitScatterElements},
    {&ops::kScatterNd, "ScatterND", 11, EmitScatterNd},
    {&ops::kTensorScatter, "TensorScatter", 24, EmitTensorScatter},
    {&ops::kTopK, "TopK", 7, EmitTopK},
    {&ops::kUnique, "Unique", 11, EmitUnique},
};

}  // namespace

extern const RowSet kIndexRows{kRows};

}  // namespace godwit::to_onnx
