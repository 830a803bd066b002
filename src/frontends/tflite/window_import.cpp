#include "frontends/tflite/window_import.h"

#include <fmt/format.h>

namespace godwit::from_tflite {

namespace {

Attrs Window(OpImport& n, const std::vector<std::string_view>& axes, bool dilated) {
  Attrs attrs{{"channel_axis", int64_t{-1}}};
  std::vector<int64_t> strides, dilations;
  bool wide = false;
  for (const std::string_view axis : axes) {
    const std::string stride = fmt::format("stride_{}", axis), dilation = fmt::format("dilation_{}_factor", axis);
    strides.push_back(n.Int(stride));
    dilations.push_back(dilated ? n.Int(dilation) : 1);
    if (strides.back() < 1) n.BadOption(stride, fmt::format("{}", strides.back()));
    if (dilations.back() < 1) n.BadOption(dilation, fmt::format("{}", dilations.back()));
    wide = wide || dilations.back() != 1;
  }
  attrs.Set("strides", std::move(strides));
  if (wide) attrs.Set("dilations", std::move(dilations));
  switch (n.options().Enum<tflite::Padding>("padding")) {
    case tflite::Padding::kSame: attrs.Set("auto_pad", std::string("same_upper")); break;
    case tflite::Padding::kValid: break;
    default: n.BadOption("padding", fmt::format("{}", n.Int("padding")));
  }
  return attrs;
}

}  // namespace

Attrs Window2d(OpImport& n, bool dilated) { return Window(n, {"h", "w"}, dilated); }
Attrs Window3d(OpImport& n) { return Window(n, {"d", "h", "w"}, true); }

}  // namespace godwit::from_tflite
