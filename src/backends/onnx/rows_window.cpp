// Convolutions and poolings.
#include <fmt/format.h>

#include <algorithm>

#include "backends/onnx/emit.h"

namespace godwit::to_onnx {

namespace {

using Ints = std::vector<int64_t>;

// strides, pads, dilations and auto_pad are ours by other names.
void SetWindow(const Attrs& ours, OnnxAttrs* attrs) {
  const std::string_view pad = ours.Str("auto_pad", "none");
  if (pad == "same_upper") attrs->Set("auto_pad", std::string("SAME_UPPER"));
  if (pad == "same_lower") attrs->Set("auto_pad", std::string("SAME_LOWER"));
  if (pad == "valid") attrs->Set("auto_pad", std::string("VALID"));
  attrs->SetInts("dilations", ours.Ints("dilations"));
  if (pad == "none") attrs->SetInts("pads", ours.Ints("pads"));
  attrs->SetInts("strides", ours.Ints("strides"));
}

// The extents of the taps, which readers of old files expect beside the weights.
void SetKernelOf(const Type& w, OnnxAttrs* attrs) {
  if (!w.ranked() || w.rank() < 3) return;
  Ints kernel;
  for (size_t k = 2; k < w.shape().size(); ++k) {
    if (!w.shape()[k].is_static()) return;
    kernel.push_back(w.shape()[k].value());
  }
  attrs->Set("kernel_shape", std::move(kernel));
}

}  // namespace

OnnxAttrs ConvAttrs(const NodeExport& n, const Node& conv) {
  OnnxAttrs attrs;
  SetWindow(conv.attrs, &attrs);
  attrs.SetInt("group", conv.attrs.Int("group", 1), 1);
  SetKernelOf(n.TypeOf(conv.in[1]), &attrs);
  return attrs;
}

namespace {

Status WeightsAs(NodeExport& n, std::string_view layout) {
  const std::string_view has = n.attrs().Str("weight_layout", layout);
  if (has == layout) return Ok{};
  return n.Lacks(diag::kTargetLayout, fmt::format("weights of {} are {}, ONNX has {}", n.op().name, has, layout),
                 targets::Repair::kRelayout);
}

Status EmitConv(NodeExport& n) {
  RETURN_IF_ERROR(ChannelsSecond(n));
  RETURN_IF_ERROR(WeightsAs(n, "oihw"));
  if (n.Has(3) || n.Has(4) || IsInteger(n.DtypeOf(0))) return n.LacksForm("Conv is of floating-point numbers");
  n.Emit("Conv", n.Ins(), ConvAttrs(n, n.node()));
  return Ok{};
}

// A bias of 32-bit integers follows as a sum of its own.
Status EmitConvInteger(NodeExport& n) {
  RETURN_IF_ERROR(ChannelsSecond(n));
  RETURN_IF_ERROR(WeightsAs(n, "oihw"));
  if (!IsInteger(n.DtypeOf(0))) return n.LacksForm("ConvInteger is of 8-bit integers");
  OnnxAttrs attrs;
  SetWindow(n.attrs(), &attrs);
  attrs.SetInt("group", n.attrs().Int("group", 1), 1);
  SetKernelOf(n.TypeOf(1), &attrs);
  Names in = {n.In(0), n.In(1)};
  if (n.Has(3) || n.Has(4)) in.push_back(n.In(3));
  if (n.Has(4)) in.push_back(OneZero(n, n.Operand(4)));
  if (!n.Has(2)) {
    n.Emit("ConvInteger", std::move(in), attrs);
    return Ok{};
  }
  TRY(const int rank, n.Rank(0));
  Ints shape(static_cast<size_t>(rank - 1), 1);
  shape[0] = -1;
  const Name sum = n.Temp("ConvInteger", std::move(in), attrs);
  n.Emit("Add", {sum, n.Temp("Reshape", {n.In(2), n.I64s(shape)})});
  return Ok{};
}

Status EmitConvTranspose(NodeExport& n) {
  RETURN_IF_ERROR(ChannelsSecond(n));
  RETURN_IF_ERROR(WeightsAs(n, "iohw"));
  OnnxAttrs attrs;
  SetWindow(n.attrs(), &attrs);
  attrs.SetInt("group", n.attrs().Int("group", 1), 1);
  attrs.SetInts("output_padding", n.attrs().Ints("output_pads"));
  attrs.SetInts("output_shape", n.attrs().Ints("output_shape"));
  SetKernelOf(n.TypeOf(1), &attrs);
  n.Emit("ConvTranspose", n.Ins(), attrs);
  return Ok{};
}

bool AllOnes(const Ints& values) {
  return std::all_of(values.begin(), values.end(), [](int64_t v) { return v == 1; });
}

// Whether rounding up adds no window, as the results' extents tell: the last one may begin in the padding, and then it
// does not count, which versions before 22 say otherwise.
bool RoundsDownAlike(NodeExport& n) {
  const Type &x = n.TypeOf(0), &y = n.OutType();
  if (!x.ranked() || !y.ranked() || x.rank() != y.rank() || n.attrs().Str("auto_pad", "none") != "none") return false;
  const Ints &kernel = n.attrs().Ints("kernel"), &pads = n.attrs().Ints("pads");
  const auto of = [](const Ints& list, size_t k, int64_t fallback) { return k < list.size() ? list[k] : fallback; };
  for (size_t k = 0; k < kernel.size(); ++k) {
    if (k + 2 >= x.shape().size()) return false;
    const Dim &from = x.shape()[k + 2], &to = y.shape()[k + 2];
    if (!from.is_static() || !to.is_static()) return false;
    const int64_t window = (kernel[k] - 1) * of(n.attrs().Ints("dilations"), k, 1) + 1;
    const int64_t room = from.value() + of(pads, k, 0) + of(pads, k + kernel.size(), 0) - window;
    if (room < 0 || room / of(n.attrs().Ints("strides"), k, 1) + 1 != to.value()) return false;
  }
  return true;
}

// What poolings have in common; `dilated` is the first version with dilations, `ceiled` that with ceil_mode.
Status SetPool(NodeExport& n, int dilated, int ceiled, OnnxAttrs* attrs) {
  RETURN_IF_ERROR(ChannelsSecond(n));
  attrs->SetInts("kernel_shape", n.attrs().Ints("kernel"));
  SetWindow(n.attrs(), attrs);
  if (n.opset() < dilated && !AllOnes(n.attrs().Ints("dilations"))) {
    return n.LacksForm(fmt::format("{} has dilations from opset {} on", n.row().onnx, dilated));
  }
  const bool ceil = n.attrs().Flag("ceil_mode") && (n.opset() >= 22 || !RoundsDownAlike(n));
  if (n.opset() < ceiled && ceil) {
    return n.LacksForm(fmt::format("{} has ceil_mode from opset {} on", n.row().onnx, ceiled));
  }
  if (ceil) attrs->Set("ceil_mode", int64_t{1});
  return Ok{};
}

Status EmitMaxPool(NodeExport& n) {
  OnnxAttrs attrs;
  RETURN_IF_ERROR(SetPool(n, 10, 10, &attrs));
  if (n.opset() < 8 && n.Wants(1)) return n.LacksForm("MaxPool gives indices from opset 8 on");
  if (n.Wants(1)) attrs.SetInt("storage_order", n.attrs().Int("column_major", 0), 0);
  n.Emit("MaxPool", n.Ins(), attrs);
  return Ok{};
}

Status EmitAveragePool(NodeExport& n) {
  OnnxAttrs attrs;
  RETURN_IF_ERROR(SetPool(n, 19, 10, &attrs));
  attrs.SetInt("count_include_pad", n.attrs().Int("count_pads", 0), 0);
  n.Emit("AveragePool", n.Ins(), attrs);
  return Ok{};
}

bool IsWhole(double v) { return v == static_cast<double>(static_cast<int64_t>(v)); }

Status EmitLpPool(NodeExport& n) {
  OnnxAttrs attrs;
  const double p = n.attrs().Float("p", 2);
  if (!IsWhole(p)) return n.LacksForm(fmt::format("LpPool has whole exponents, not {}", p));
  // What the source had as a pooling of the whole picture.
  if (n.source_op() == "GlobalLpPool") {
    n.Emit("GlobalLpPool", n.Ins(), {{"p", static_cast<int64_t>(p)}});
    return Ok{};
  }
  RETURN_IF_ERROR(SetPool(n, 18, 18, &attrs));
  attrs.SetInt("p", static_cast<int64_t>(p), 2);
  n.Emit("LpPool", n.Ins(), attrs);
  return Ok{};
}

// A reduction of all axes behind the channels.
Status EmitGlobalPool(NodeExport& n) {
  const std::string_view source = n.source_op();
  if (!source.starts_with("Global")) return n.NotThis();
  TRY(const int rank, n.Rank(0));
  auto axes = n.Ints(1);
  if (!axes || !n.attrs().Flag("keep_dims", true)) return n.NotThis();
  for (int64_t& a : *axes) a += a < 0 ? rank : 0;
  std::sort(axes->begin(), axes->end());
  Ints spatial;
  for (int k = 2; k < rank; ++k) spatial.push_back(k);
  if (*axes != spatial) return n.NotThis();
  const std::string_view mode = n.attrs().Str("mode");
  OnnxAttrs attrs;
  std::string_view name = mode == "mean" ? "GlobalAveragePool" : mode == "max" ? "GlobalMaxPool" : "";
  if (mode == "l1" || mode == "l2") {
    name = "GlobalLpPool";
    attrs.SetInt("p", mode == "l1" ? 1 : 2, 2);
  }
  if (name.empty()) return n.NotThis();
  n.Emit(name, {n.In(0)}, attrs);
  return Ok{};
}

Status EmitMaxUnpool(NodeExport& n) {
  OnnxAttrs attrs;
  attrs.SetInts("kernel_shape", n.attrs().Ints("kernel"));
  attrs.SetInts("pads", n.attrs().Ints("pads"));
  attrs.SetInts("strides", n.attrs().Ints("strides"));
  n.Emit("MaxUnpool", n.Ins(), attrs);
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kAvgPool, "AveragePool", 7, EmitAveragePool},
    {&ops::kConv, "Conv", 7, EmitConv},
    {&ops::kConv, "ConvInteger", 10, EmitConvInteger},
    {&ops::kConvTranspose, "ConvTranspose", 7, EmitConvTranspose},
    {&ops::kLpPool, "LpPool", 7, EmitLpPool},
    {&ops::kMaxPool, "MaxPool", 7, EmitMaxPool},
    {&ops::kMaxUnpool, "MaxUnpool", 9, EmitMaxUnpool},
    {&ops::kReduce, "GlobalAveragePool, GlobalMaxPool, GlobalLpPool", 7, EmitGlobalPool},
};

}  // namespace

extern const RowSet kWindowRows{kRows};

}  // namespace godwit::to_onnx
