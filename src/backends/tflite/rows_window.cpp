// Convolutions and poolings.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "backends/tflite/emit.h"
#include "backends/tflite/window.h"
#include "ir/convert.h"

namespace godwit::to_tflite {

namespace {

using Ints = std::vector<int64_t>;

// The permutation that takes weights of layout `has` (one letter an axis, digits for spatial ones) to `wants`.
Ints WeightPerm(std::string_view has, std::string_view wants, int rank) {
  const auto axes = [&](std::string_view layout) {
    std::string out;
    for (size_t i = 0; i < layout.size(); ++i) {
      if (layout.substr(i, 2) != "hw") {
        out += layout[i];
        continue;
      }
      for (int k = 0; k + 2 < rank; ++k) out += static_cast<char>('0' + k);
      ++i;
    }
    return out;
  };
  const std::string from = axes(has), to = axes(wants);
  Ints perm;
  for (const char c : to) perm.push_back(static_cast<int64_t>(from.find(c)));
  return perm;
}

struct ConvForm {
  int rank = 0;
  int64_t group = 1, in = 0, out = 0;
  Ints kernel;  // spatial extents
};

Result<ConvForm> FormOf(NodeExport& n) {
  ConvForm form;
  TRY(form.rank, n.Rank(0));
  form.group = n.attrs().Int("group", 1);
  const Ints perm = WeightPerm(n.attrs().Str("weight_layout", "oihw"), "ohwi", form.rank);
  TRY(const Dims w, n.NeedDims(1, "the weights"));
  form.out = w[static_cast<size_t>(perm[0])];
  form.in = w[static_cast<size_t>(perm.back())] * form.group;
  for (size_t k = 1; k + 1 < perm.size(); ++k) form.kernel.push_back(w[static_cast<size_t>(perm[k])]);
  return form;
}

// Images of one spatial axis get another of extent 1.
Shape WithHeight(const Shape& shape) {
  Shape out = shape;
  out.insert(out.begin() + 1, Dim(1));
  return out;
}

Status EmitConv(NodeExport& n) {
  if (n.Has(3) || n.Has(4)) return n.LacksForm("CONV_2D takes zero points with the types of its tensors only");
  RETURN_IF_ERROR(ChannelsLast(n));
  TRY(const ConvForm form, FormOf(n));
  if (form.rank != 3 && form.rank != 4) return n.NotThis();
  TRY(Window window, WindowOf(n, form.kernel));
  const bool line = form.rank == 3;
  const bool deep = form.group > 1 && form.group == form.in;
  Ints perm = WeightPerm(n.attrs().Str("weight_layout", "oihw"), deep ? "ihwo" : "ohwi", form.rank);
  Ref x = n.In(0);
  Ref w = n.InTurned(1, perm);
  if (line) {
    window.AddHeight();
    x = n.Reshaped(x, WithHeight(n.TypeOf(x).shape));
    w = n.WeightsWithHeight(1, perm);
  }
  TRY(const Ref bias, n.Bias(n.Operand(2), x, w, form.out));
  const int padding = window.Settle();
  if (padding == kValid) x = Padded(n, x, window.Before(), window.After());
  OptionList options{{"padding", padding},
                     {"stride_w", window.strides[1]},
                     {"stride_h", window.strides[0]},
                     {"fused_activation_function", Code(n.TakeActivation())},
                     {"dilation_w_factor", window.dilations[1]},
                     {"dilation_h_factor", window.dilations[0]}};
  if (deep) options.Set("depth_multiplier", form.out / form.group);
  const std::string_view builtin = deep ? "DEPTHWISE_CONV_2D" : "CONV_2D";
  if (!line) {
    n.EmitTo(0, builtin, {x, w, bias}, options);
    return Ok{};
  }
  const TensorType& y = n.TypeOf(n.Out());
  return n.EmitReshapeTo(0, n.Temp(builtin, {x, w, bias}, WithShape(y, WithHeight(y.shape)), options));
}

// Numbers times weights of integers.
Status EmitConvHybrid(NodeExport& n) {
  bool asymmetric = false;
  return n.TakeHybrid(n.Operand(1), &asymmetric) ? EmitConv(n) : Status(n.NotThis());
}

// Volumes: no groups, no dilation.
Status EmitConv3d(NodeExport& n) {
  if (n.Has(3) || n.Has(4)) return n.NotThis();
  TRY(const int rank, n.Rank(0));
  if (rank != 5) return n.NotThis();
  RETURN_IF_ERROR(ChannelsLast(n));
  TRY(const ConvForm form, FormOf(n));
  if (form.group != 1) return n.LacksForm("CONV_3D has no groups");
  TRY(Window window, WindowOf(n, form.kernel));
  if (window.Dilated()) return n.LacksForm("CONV_3D has no dilations");
  Ref x = n.In(0);
  const Ref w = n.InTurned(1, WeightPerm(n.attrs().Str("weight_layout", "oihw"), "hwio", rank));
  TRY(const Ref bias, n.Bias(n.Operand(2), x, w, form.out));
  const int padding = window.Settle();
  if (padding == kValid) x = Padded(n, x, window.Before(), window.After());
  n.EmitTo(0, "CONV_3D", {x, w, bias},
           {{"padding", padding},
            {"stride_d", window.strides[0]},
            {"stride_h", window.strides[1]},
            {"stride_w", window.strides[2]},
            {"fused_activation_function", Code(n.TakeActivation())}});
  return Ok{};
}

// Whether no element can be negative, so that padding with zeros leaves maxima as they are.
bool NeverNegative(NodeExport& n, ValueId id) {
  const Node* maker = n.MakerOf(id);
  if (maker == nullptr) return false;
  if (maker->op == &ops::kRelu || maker->op == &ops::kSigmoid || maker->op == &ops::kSoftmax ||
      maker->op == &ops::kAbs || maker->op == &ops::kHardSigmoid) {
    return maker->op != &ops::kSoftmax || maker->attrs.Str("mode", "soft") == "soft";
  }
  if (maker->op == &ops::kClip) {
    const auto low = maker->in.size() > 1 ? n.Number(maker->in[1]) : std::nullopt;
    return low && *low >= 0;
  }
  return maker->op == &ops::kMaxPool && NeverNegative(n, maker->in[0]);
}

Status EmitMaxPool(NodeExport& n) {
  if (n.Wants(1)) return n.LacksForm("MAX_POOL_2D gives no indices");
  RETURN_IF_ERROR(ChannelsLast(n));
  TRY(const int rank, n.Rank(0));
  if (rank != 3 && rank != 4) return n.LacksForm("MAX_POOL_2D has two spatial axes");
  TRY(Window window, WindowOf(n, n.attrs().Ints("kernel")));
  if (window.Dilated()) return n.LacksForm("MAX_POOL_2D has no dilations");
  Ref x = n.In(0);
  if (rank == 3) {
    window.AddHeight();
    x = n.Reshaped(x, WithHeight(n.TypeOf(x).shape));
  }
  const int padding = window.Settle();
  if (padding == kValid && window.Pads()) {
    const DType dtype = n.TypeOf(x).dtype;
    const bool plain = IsFloat(dtype) && NeverNegative(n, n.Operand(0));
    const double lowest =
        IsFloat(dtype) ? -std::numeric_limits<double>::infinity() : static_cast<double>(IntMin(dtype));
    x = Padded(n, x, window.Before(), window.After(), plain ? std::nullopt : std::optional(lowest));
  }
  const OptionList options{{"padding", padding},
                           {"stride_w", window.strides[1]},
                           {"stride_h", window.strides[0]},
                           {"filter_width", window.kernel[1]},
                           {"filter_height", window.kernel[0]},
                           {"fused_activation_function", Code(n.TakeActivation())}};
  if (rank == 4) {
    n.EmitTo(0, "MAX_POOL_2D", {x}, options);
    return Ok{};
  }
  const TensorType& y = n.TypeOf(n.Out());
  return n.EmitReshapeTo(0, n.Temp("MAX_POOL_2D", {x}, WithShape(y, WithHeight(y.shape)), options));
}

// What TFLite divides by is the number of elements within the tensor: with zeros padded beforehand, all of the window.
// A factor for each place makes up for the difference.
Result<Ref> Factors(NodeExport& n, const Window& window, bool count_pads) {
  const std::optional<std::vector<double>> factors = window.Corrections(count_pads);
  if (!factors) return n.Lacks(diag::kTargetConstant, "sizes must be known where padding does not count");
  Tensor t(DType::kF32, {1, window.out[0], window.out[1], 1});
  for (size_t k = 0; k < factors->size(); ++k) t.mutable_data<float>()[k] = static_cast<float>((*factors)[k]);
  return n.Const(std::move(t));
}

Status EmitAvgPool(NodeExport& n) {
  RETURN_IF_ERROR(ChannelsLast(n));
  TRY(const int rank, n.Rank(0));
  if (rank != 3 && rank != 4) return n.LacksForm("AVERAGE_POOL_2D has two spatial axes");
  TRY(Window window, WindowOf(n, n.attrs().Ints("kernel")));
  if (window.Dilated()) return n.LacksForm("AVERAGE_POOL_2D has no dilations");
  const bool count_pads = n.attrs().Flag("count_pads");
  Ref x = n.In(0);
  if (rank == 3) {
    window.AddHeight();
    x = n.Reshaped(x, WithHeight(n.TypeOf(x).shape));
  }
  const TensorType y_type = n.TypeOf(n.Out());
  TensorType pooled = rank == 3 ? WithShape(y_type, WithHeight(y_type.shape)) : y_type;
  // SAME counts what is within, as pooling without counted pads does.
  int padding = window.Settle();
  if (padding == kSame && window.Pads() && count_pads) padding = kValid;
  const bool padded = padding == kValid && window.Pads();
  if (padded) x = Padded(n, x, window.Before(), window.After());
  const bool exact = !padded || (count_pads && !window.Rounded());
  if (!exact && n.quantised()) return n.NotThis();
  const OptionList options{{"padding", padding},
                           {"stride_w", window.strides[1]},
                           {"stride_h", window.strides[0]},
                           {"filter_width", window.kernel[1]},
                           {"filter_height", window.kernel[0]},
                           {"fused_activation_function", exact ? Code(n.TakeActivation()) : 0}};
  if (exact && rank == 4) {
    n.EmitTo(0, "AVERAGE_POOL_2D", {x}, options);
    return Ok{};
  }
  Ref y = n.Temp("AVERAGE_POOL_2D", {x}, pooled, options);
  if (exact) return n.EmitReshapeTo(0, y);
  TRY(const Ref factors, Factors(n, window, count_pads));
  const OptionList fused{{"fused_activation_function", Code(n.TakeActivation())}};
  if (rank == 4) {
    n.EmitTo(0, "MUL", {y, factors}, fused);
    return Ok{};
  }
  return n.EmitReshapeTo(0, n.Temp("MUL", {y, factors}, pooled, fused));
}

constexpr Row kRows[] = {
    {&ops::kAvgPool, "AVERAGE_POOL_2D", EmitAvgPool, Row::kQuantised},
    {&ops::kConv, "CONV_2D, DEPTHWISE_CONV_2D", EmitConvHybrid},
    {&ops::kConv, "CONV_2D, DEPTHWISE_CONV_2D", EmitConv, Row::kQuantised},
    {&ops::kConv, "CONV_3D", EmitConv3d},
    {&ops::kMaxPool, "MAX_POOL_2D", EmitMaxPool, Row::kQuantised},
};

}  // namespace

extern const RowSet kWindowRows{kRows};

}  // namespace godwit::to_tflite
