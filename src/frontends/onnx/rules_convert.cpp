// Changes of element type: Cast, CastLike, BitCast.
#include "frontends/onnx/node_import.h"
#include "frontends/onnx/tensor_import.h"

namespace godwit::from_onnx {

namespace {

struct NamedType {
  std::string_view name;
  DType dtype;
};
// What the first version could spell, and 16-bit floats which files of its time hold.
constexpr NamedType kNames[] = {
    {"FLOAT", DType::kF32},   {"UINT8", DType::kU8},      {"INT8", DType::kI8},         {"UINT16", DType::kU16},
    {"INT16", DType::kI16},   {"INT32", DType::kI32},     {"INT64", DType::kI64},       {"STRING", DType::kString},
    {"BOOL", DType::kBool},   {"DOUBLE", DType::kF64},    {"UINT32", DType::kU32},      {"UINT64", DType::kU64},
    {"FLOAT16", DType::kF16}, {"COMPLEX64", DType::kC64}, {"COMPLEX128", DType::kC128},
};

Result<Attrs> CastAttrs(NodeImport& n, DType to) {
  Attrs attrs{{"to", to}};
  TRY(const int64_t saturate, n.Int("saturate", 1));
  TRY(const std::string mode, n.Str("round_mode", "up"));
  if (mode != "up" && mode != "down" && mode != "nearest") return n.BadValue("round_mode", mode);
  if (saturate == 0) attrs.Set("saturate", int64_t{0});
  if (mode != "up") attrs.Set("round_mode", mode);
  return attrs;
}

Status ImportCastByName(NodeImport& n) {
  TRY(const std::string name, n.Str("to"));
  for (const NamedType& t : kNames) {
    if (t.name == name) return n.Same(ops::kCast, {{"to", t.dtype}});
  }
  return n.BadValue("to", name);
}

Status ImportCast(NodeImport& n) {
  RETURN_IF_ERROR(n.Int("to"));
  TRY(const DType to, n.DtypeAttr("to", DType::kNone));
  TRY(Attrs attrs, CastAttrs(n, to));
  return n.Same(ops::kCast, std::move(attrs));
}

Status ImportCastLike(NodeImport& n) {
  TRY(ValueId x, n.In(0));
  TRY(ValueId like, n.In(1));
  const DType to = n.DtypeOf(like);
  if (to == DType::kNone) return n.Unsupported("the element type of its second input is not known");
  TRY(Attrs attrs, CastAttrs(n, to));
  TRY(ValueId y, n.Emit(ops::kCast, {x}, std::move(attrs)));
  n.Out(0, y);
  return Ok{};
}

Status ImportBitCast(NodeImport& n) {
  RETURN_IF_ERROR(n.Int("to"));
  TRY(const DType to, n.DtypeAttr("to", DType::kNone));
  if (to == DType::kString) return n.BadValue("to", "text has no bits of its own");
  return n.Same(ops::kBitCast, {{"to", to}});
}

constexpr Rule kRules[] = {
    {"BitCast", 26, ImportBitCast},
    {"Cast", 1, ImportCastByName},
    {"Cast", 6, ImportCast},
    {"CastLike", 15, ImportCastLike},
};

}  // namespace

extern const RuleSet kConvertRules{"", kRules};

}  // namespace godwit::from_onnx
