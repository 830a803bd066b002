// QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear, of ai.onnx and of com.microsoft.
#include <fmt/format.h>

#include "frontends/onnx/node_import.h"

namespace godwit::from_onnx {

namespace {

Result<Attrs> GrainAttrs(NodeImport& n, DType to) {
  TRY(const int64_t axis, n.Int("axis", 1));
  TRY(const int64_t block, n.Int("block_size", 0));
  if (block < 0) return n.BadValue("block_size", fmt::format("{} is negative", block));
  Attrs attrs{{"to", to}, {"axis", axis}};
  if (block != 0) attrs.Set("block", block);
  return attrs;
}

Status ImportQuantize(NodeImport& n) {
  DType to = DType::kNone;
  TRY(const int64_t stated, n.Int("output_dtype", 0));
  if (stated != 0) {
    TRY(to, n.DtypeAttr("output_dtype", to));
  }
  if (n.Has(2)) {
    const DType zero_type = n.DtypeOf(n.InOrNone(2));
    if (to != DType::kNone && zero_type != DType::kNone && to != zero_type) {
      return n.BadValue("output_dtype", fmt::format("{}, but the zero point is {}", Name(to), Name(zero_type)));
    }
    if (to == DType::kNone) to = zero_type;
    if (to == DType::kNone) return n.Unsupported("the element type of its zero point is not known");
  }
  if (to == DType::kNone) to = DType::kU8;
  TRY(Attrs attrs, GrainAttrs(n, to));
  TRY(const int64_t saturate, n.Int("saturate", 1));
  if (saturate == 0) attrs.Set("saturate", int64_t{0});
  TRY(const int64_t precision, n.Int("precision", 0));
  if (precision != 0) {
    TRY(const DType type, n.DtypeAttr("precision", DType::kNone));
    attrs.Set("precision", type);
  }
  return n.Same(ops::kQuantize, std::move(attrs));
}

Status ImportDequantize(NodeImport& n) {
  TRY(ValueId scale, n.In(1));
  DType to = n.DtypeOf(scale);
  TRY(const int64_t stated, n.Int("output_dtype", 0));
  if (stated != 0) {
    TRY(to, n.DtypeAttr("output_dtype", to));
  }
  if (to == DType::kNone) return n.Unsupported("the element type of its scale is not known");
  TRY(Attrs attrs, GrainAttrs(n, to));
  return n.Same(ops::kDequantize, std::move(attrs));
}

Status ImportDynamicQuantize(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(const auto out, n.EmitN(ops::kDynamicQuantize, {x}, 3));
  for (size_t i = 0; i < out.size(); ++i) n.Out(i, out[i]);
  return Ok{};
}

constexpr Rule kRules[] = {
    {"DequantizeLinear", 10, ImportDequantize},
    {"DynamicQuantizeLinear", 11, ImportDynamicQuantize},
    {"QuantizeLinear", 10, ImportQuantize},
};
constexpr Rule kMicrosoft[] = {
    {"DequantizeLinear", 1, ImportDequantize},
    {"QuantizeLinear", 1, ImportQuantize},
};

}  // namespace

extern const RuleSet kQuantizeRules{"", kRules};
extern const RuleSet kMicrosoftQuantizeRules{"com.microsoft", kMicrosoft};

}  // namespace godwit::from_onnx
