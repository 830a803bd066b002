// ImageDecoder.
#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

namespace {

Status ImportImageDecoder(NodeImport& n) {
  auto format = n.Str("pixel_format", "RGB");
  if (!format.ok()) return format.TakeDiag();
  std::string_view ours;
  if (*format == "RGB") ours = "rgb";
  if (*format == "BGR") ours = "bgr";
  if (*format == "Grayscale") ours = "grey";
  if (ours.empty()) return n.BadValue("pixel_format", *format);
  return n.Same(ops::kImageDecode, {{"format", std::string(ours)}});
}

constexpr Rule kRules[] = {{"ImageDecoder", 20, ImportImageDecoder}};

}  // namespace

extern const RuleSet kPictureRules{"", kRules};

}  // namespace godwit::from_onnx
