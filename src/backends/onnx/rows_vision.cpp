// Operators that sample pictures, losses, and the decoding of pictures.
#include <fmt/format.h>

#include "backends/onnx/emit.h"

namespace godwit::to_onnx {

namespace {

Status EmitGridSample(NodeExport& n) {
  TRY(const int rank, n.Rank(0));
  std::string mode(n.attrs().Str("mode", "linear"));
  if (n.opset() < 20) {
    if (rank != 4) return n.LacksForm("GridSample is of pictures before opset 20");
    if (mode == "linear") mode = "bilinear";
    if (mode == "cubic") mode = "bicubic";
  }
  OnnxAttrs attrs;
  if (mode != "linear" && mode != "bilinear") attrs.Set("mode", mode);
  if (const std::string padding(n.attrs().Str("padding", "zeros")); padding != "zeros") {
    attrs.Set("padding_mode", padding);
  }
  attrs.SetInt("align_corners", n.attrs().Int("align_corners", 0), 0);
  n.Emit("GridSample", n.Ins(), attrs);
  return Ok{};
}

Status EmitAffineGrid(NodeExport& n) {
  OnnxAttrs attrs;
  attrs.SetInt("align_corners", n.attrs().Int("align_corners", 0), 0);
  n.Emit("AffineGrid", {n.In(0), InI64(n, 1)}, attrs);
  return Ok{};
}

Status EmitDeformConv(NodeExport& n) {
  OnnxAttrs attrs;
  attrs.SetInts("strides", n.attrs().Ints("strides"));
  attrs.SetInts("dilations", n.attrs().Ints("dilations"));
  attrs.SetInts("pads", n.attrs().Ints("pads"));
  attrs.SetInt("group", n.attrs().Int("group", 1), 1);
  attrs.SetInt("offset_group", n.attrs().Int("offset_group", 1), 1);
  n.Emit("DeformConv", n.Ins(), attrs);
  return Ok{};
}

Status EmitRoiAlign(NodeExport& n) {
  const bool half_pixel = n.attrs().Flag("half_pixel", true);
  OnnxAttrs attrs;
  if (n.opset() < 16) {
    if (half_pixel) return n.LacksForm("RoiAlign has coordinates of edges from opset 16 on");
  } else if (!half_pixel) {
    attrs.Set("coordinate_transformation_mode", std::string("output_half_pixel"));
  }
  attrs.SetInt("output_height", n.attrs().Int("height", 1), 1);
  attrs.SetInt("output_width", n.attrs().Int("width", 1), 1);
  attrs.SetInt("sampling_ratio", n.attrs().Int("samples", 0), 0);
  attrs.SetFloat("spatial_scale", n.attrs().Float("scale", 1), 1);
  if (const std::string mode(n.attrs().Str("mode", "avg")); mode != "avg") attrs.Set("mode", mode);
  n.Emit("RoiAlign", {n.In(0), n.In(1), InI64(n, 2)}, attrs);
  return Ok{};
}

Status EmitMaxRoiPool(NodeExport& n) {
  OnnxAttrs attrs{{"pooled_shape", std::vector<int64_t>{n.attrs().Int("height"), n.attrs().Int("width")}}};
  attrs.SetFloat("spatial_scale", n.attrs().Float("scale", 1), 1);
  n.Emit("MaxRoiPool", n.Ins(), attrs);
  return Ok{};
}

Status EmitNms(NodeExport& n) {
  OnnxAttrs attrs;
  attrs.SetInt("center_point_box", n.attrs().Int("centered", 0), 0);
  Names in = n.Ins();
  if (n.Has(2)) in[2] = InI64List(n, 2);
  n.Emit("NonMaxSuppression", std::move(in), attrs);
  return Ok{};
}

Status EmitImageDecoder(NodeExport& n) {
  const std::string_view format = n.attrs().Str("format", "rgb");
  OnnxAttrs attrs;
  if (format == "bgr") attrs.Set("pixel_format", std::string("BGR"));
  if (format == "grey") attrs.Set("pixel_format", std::string("Grayscale"));
  n.Emit("ImageDecoder", n.Ins(), attrs);
  return Ok{};
}

void SetLoss(const NodeExport& n, OnnxAttrs* attrs) {
  if (const std::string reduction(n.attrs().Str("reduction", "mean")); reduction != "mean") {
    attrs->Set("reduction", reduction);
  }
  if (n.attrs().Has("ignore_index")) attrs->Set("ignore_index", n.attrs().Int("ignore_index"));
}

Status EmitNll(NodeExport& n) {
  OnnxAttrs attrs;
  SetLoss(n, &attrs);
  n.Emit("NegativeLogLikelihoodLoss", n.Ins(), attrs);
  return Ok{};
}

// A loss over the logarithm of a softmax that nobody else looks at.
Status EmitCrossEntropy(NodeExport& n) {
  const Node* log = n.Maker(n.Operand(0), ops::kSoftmax);
  if (log == nullptr || log->attrs.Str("mode") != "log" || log->attrs.Int("axis", -1) != 1) {
    return n.LacksForm("not a SoftmaxCrossEntropyLoss");
  }
  OnnxAttrs attrs;
  SetLoss(n, &attrs);
  Names in = {n.Of(log->in[0]), n.In(1)};
  if (n.Has(2)) in.push_back(n.In(2));
  n.Emit("SoftmaxCrossEntropyLoss", std::move(in), attrs);
  return Ok{};
}

constexpr Row kRows[] = {
    {&ops::kAffineGrid, "AffineGrid", 20, EmitAffineGrid},
    {&ops::kDeformConv, "DeformConv", 19, EmitDeformConv},
    {&ops::kGridSample, "GridSample", 16, EmitGridSample},
    {&ops::kImageDecode, "ImageDecoder", 20, EmitImageDecoder},
    {&ops::kNllLoss, "SoftmaxCrossEntropyLoss", 12, EmitCrossEntropy},
    {&ops::kNllLoss, "NegativeLogLikelihoodLoss", 12, EmitNll},
    {&ops::kNms, "NonMaxSuppression", 10, EmitNms},
    {&ops::kRoiAlign, "RoiAlign", 10, EmitRoiAlign},
    {&ops::kRoiMaxPool, "MaxRoiPool", 7, EmitMaxRoiPool},
};

}  // namespace

extern const RowSet kVisionRows{kRows};

}  // namespace godwit::to_onnx
