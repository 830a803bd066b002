#include "frontends/onnx/window_import.h"

#include <fmt/format.h>

#include <algorithm>

namespace godwit::from_onnx {

Status ReadWindow(NodeImport& n, Attrs* attrs) {
  TRY(const std::string auto_pad, n.Str("auto_pad", "NOTSET"));
  if (auto_pad == "SAME_UPPER") {
    attrs->Set("auto_pad", "same_upper");
  } else if (auto_pad == "SAME_LOWER") {
    attrs->Set("auto_pad", "same_lower");
  } else if (auto_pad == "VALID") {
    attrs->Set("auto_pad", "valid");
  } else if (auto_pad != "NOTSET" && !auto_pad.empty()) {
    return n.BadValue("auto_pad", fmt::format("'{}' is not NOTSET, SAME_UPPER, SAME_LOWER or VALID", auto_pad));
  }
  TRY(std::vector<int64_t> pads, n.Ints("pads"));
  const bool padded = std::any_of(pads.begin(), pads.end(), [](int64_t p) { return p != 0; });
  if (padded && !attrs->Has("auto_pad")) attrs->Set("pads", std::move(pads));
  // Ones are the default, but a wrong number of them is still an error of the file.
  TRY(const ValueId data, n.In(0));
  const Type& type = n.TypeOf(data);
  const auto miscounted = [&](size_t count) {
    return count > 0 && type.ranked() && count + 2 != static_cast<size_t>(type.rank());
  };
  for (const std::string_view name : {"strides", "dilations"}) {
    TRY(std::vector<int64_t> values, n.Ints(name));
    if (miscounted(values.size()) || std::any_of(values.begin(), values.end(), [](int64_t v) { return v != 1; })) {
      attrs->Set(name, std::move(values));
    }
  }
  return CopyInt(n, "ceil_mode", "ceil_mode", 0, attrs);
}

Status ReadKernel(NodeImport& n, Attrs* attrs) {
  if (!n.HasAttr("kernel_shape")) return Diag(diag::kOnnxAttrMissing, "required attribute 'kernel_shape' is missing");
  TRY(std::vector<int64_t> kernel, n.Ints("kernel_shape"));
  attrs->Set("kernel", std::move(kernel));
  return Ok{};
}

Status CheckKernel(NodeImport& n, ValueId weights, size_t first) {
  TRY(const std::vector<int64_t> kernel, n.Ints("kernel_shape"));
  const Type& type = n.TypeOf(weights);
  if (kernel.empty() || !type.ranked()) return Ok{};
  const Shape& shape = type.shape();
  bool agrees = shape.size() >= first && shape.size() - first >= kernel.size();
  for (size_t k = 0; agrees && k < kernel.size(); ++k) {
    agrees = !shape[first + k].is_static() || shape[first + k].value() == kernel[k];
  }
  if (!agrees) return n.BadValue("kernel_shape", fmt::format("the weights are {}", ToString(shape)));
  return Ok{};
}

Status CopyInt(NodeImport& n, std::string_view from, std::string_view to, int64_t fallback, Attrs* attrs) {
  TRY(const int64_t value, n.Int(from, fallback));
  if (value != fallback) attrs->Set(to, value);
  return Ok{};
}

Status CopyFloat(NodeImport& n, std::string_view from, std::string_view to, double fallback, Attrs* attrs) {
  TRY(const double value, n.Float(from, fallback));
  // Files hold f32: what rounds to the same f32 as the default is the default, with the digits people wrote.
  if (static_cast<float>(value) != static_cast<float>(fallback)) attrs->Set(to, value);
  return Ok{};
}

}  // namespace godwit::from_onnx
