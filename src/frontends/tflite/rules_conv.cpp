// Convolutions, channels last: filters as they lie.
#include <fmt/format.h>

#include "frontends/tflite/window_import.h"

namespace godwit::from_tflite {

namespace {

using B = tflite::BuiltinOperator;

void ImportConv2d(OpImport& n) {
  const ValueId x = n.In(0), w = n.In(1);
  Attrs attrs = Window2d(n, true);
  attrs.Set("weight_layout", std::string("ohwi"));
  const int64_t in_per_group = n.DimOf(w, 3);
  if (!n.ok()) return;
  // Groups are not stated: the filters are as deep as one.
  const Type& type = n.TypeOf(x);
  if (type.ranked() && type.rank() == 4 && type.shape()[3].is_static() && in_per_group > 0) {
    const int64_t group = type.shape()[3].value() / in_per_group;
    if (group != 1) attrs.Set("group", group);
  }
  n.Out(0, n.Activate(n.Emit(ops::kConv, {x, w, n.Bias(2, 0, 1)}, std::move(attrs))));
}

// Each input channel makes depth_multiplier results, which stand side by side.
void ImportDepthwise(OpImport& n) {
  const ValueId x = n.In(0), w = n.In(1);
  Attrs attrs = Window2d(n, true);
  attrs.Set("weight_layout", std::string("ihwo"));
  attrs.Set("group", n.DimOf(x, 3));
  n.Out(0, n.Activate(n.Emit(ops::kConv, {x, w, n.Bias(2, 0, 1)}, std::move(attrs))));
}

void EmitTransposed(OpImport& n, size_t shape, size_t x_at, size_t w_at, size_t bias, std::string layout,
                    size_t spatial) {
  const ValueId x = n.In(x_at), w = n.In(w_at);
  Attrs attrs = spatial == 2 ? Window2d(n, false) : Window3d(n);
  const auto padding = n.options().Enum<tflite::Padding>("padding");
  const std::vector<int64_t> strides = attrs.Ints("strides");
  const size_t first = layout.find("hw") == 0 ? 0 : 1;
  if (!n.ok()) return;
  attrs.Set("weight_layout", std::move(layout));
  const auto wanted = n.builder().inference().Contents(n.Stored(shape));
  std::vector<int64_t> output, extra;
  bool natural = true;  // the extents that the operator has by itself
  for (size_t k = 0; k < spatial; ++k) {
    const Type& type = n.TypeOf(x);
    const int axis = static_cast<int>(k + 1);
    const Dim in = type.ranked() && type.rank() == static_cast<int>(spatial + 2) ? type.shape()[k + 1] : Dim(-1);
    const int64_t kernel = n.DimOf(w, static_cast<int>(first + k));
    const int64_t dilation = attrs.Ints("dilations").empty() ? 1 : attrs.Ints("dilations")[k];
    if (!n.ok()) return;
    if (kernel < 1 || kernel > INT32_MAX) {
      n.Unsupported(fmt::format("a filter of {} along axis {}", kernel, axis));
      return;
    }
    const int64_t reach = (kernel - 1) * dilation + 1;
    if (!wanted || wanted->size() != spatial + 2) {
      n.Unsupported("the shape of the result must be known");
      return;
    }
    const Dim& out = (*wanted)[k + 1];
    if (padding == tflite::Padding::kSame) {
      natural = natural && out == in * Dim(strides[k]);
      if (out.is_static()) output.push_back(out.value());
    } else {
      const Dim more = out - ((in - Dim(1)) * Dim(strides[k]) + Dim(reach));
      if (!more.is_static()) {
        n.Unsupported(fmt::format("extent {} of the result must be known", axis));
        return;
      }
      extra.push_back(more.value());
    }
  }
  if (padding == tflite::Padding::kSame) {
    if (!natural && output.size() != spatial) {
      n.Unsupported("the shape of the result must be known");
      return;
    }
    if (!natural) attrs.Set("output_shape", output);
  } else {
    attrs.Erase("auto_pad");
    std::vector<int64_t> pads(2 * spatial, 0);
    bool cut = false, more = false;
    for (size_t k = 0; k < spatial; ++k) {
      if (extra[k] < 0) pads[spatial + k] = -extra[k], extra[k] = 0, cut = true;
      more = more || extra[k] > 0;
    }
    if (cut) attrs.Set("pads", std::move(pads));
    if (more) attrs.Set("output_pads", std::move(extra));
  }
  n.Out(0, n.Activate(n.Emit(ops::kConvTranspose, {x, w, n.Bias(bias, x_at, w_at)}, std::move(attrs))));
}

void ImportTransposeConv(OpImport& n) { EmitTransposed(n, 0, 2, 1, 3, "ohwi", 2); }
void ImportConv3dTranspose(OpImport& n) { EmitTransposed(n, 0, 2, 1, 3, "hwoi", 3); }

void ImportConv3d(OpImport& n) {
  const ValueId x = n.In(0), w = n.In(1);
  Attrs attrs = Window3d(n);
  attrs.Set("weight_layout", std::string("hwio"));
  n.Out(0, n.Activate(n.Emit(ops::kConv, {x, w, n.InOrNone(2)}, std::move(attrs))));
}

// MediaPipe's: padding, stride_w, stride_h as three integers; the result's extents follow from the operand's.
void ImportTransposeBias(OpImport& n) {
  const ByteSpan bytes = n.op().custom_options;
  if (bytes.size() < 12) {
    n.BadOption("custom_options", "padding and two strides are expected");
    return;
  }
  // The enum of the runtime counts from 1: same, then valid.
  const auto padding = LoadLe<int32_t>(bytes.data());
  const auto stride_w = LoadLe<int32_t>(bytes.data() + 4), stride_h = LoadLe<int32_t>(bytes.data() + 8);
  if (padding < 1 || padding > 2 || stride_w < 1 || stride_h < 1) {
    n.BadOption("custom_options", fmt::format("padding {}, strides {} and {}", padding, stride_w, stride_h));
    return;
  }
  Attrs attrs{{"channel_axis", int64_t{-1}},
              {"strides", std::vector<int64_t>{stride_h, stride_w}},
              {"weight_layout", std::string("ohwi")}};
  if (padding == 1) attrs.Set("auto_pad", std::string("same_upper"));
  n.Out(0, n.Emit(ops::kConvTranspose, {n.Real(0), n.Real(1), n.Real(2)}, std::move(attrs)));
}

constexpr Rule kRules[] = {
    {B::kConv2d, Numbers::kHybrid, ImportConv2d},
    {B::kConv3d, Numbers::kReal, ImportConv3d},
    {B::kConv3dTranspose, Numbers::kReal, ImportConv3dTranspose},
    {B::kDepthwiseConv2d, Numbers::kHybrid, ImportDepthwise},
    {B::kTransposeConv, Numbers::kHybrid, ImportTransposeConv},
};
constexpr CustomRule kCustom[] = {{"Convolution2DTransposeBias", ImportTransposeBias}};

}  // namespace

extern const RuleSet kConvRules{kRules, kCustom};

}  // namespace godwit::from_tflite
