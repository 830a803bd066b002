#include "backends/onnx/values.h"

#include <array>

#include "formats/protobuf/wire_writer.h"
#include "ir/stored_elements.h"

namespace godwit::to_onnx {

namespace {

constexpr uint32_t kStringData = 6;  // the field of TensorProto

// The texts of a string tensor as fields of its message.
std::string_view StringFields(const Tensor& tensor, ExportArena* arena) {
  const auto emit = [&](proto::WireWriter* out) {
    for (const StringRef s : tensor.span<StringRef>()) out->Text(kStringData, *s);
  };
  proto::WireWriter counter;
  emit(&counter);
  std::string bytes;
  proto::WireWriter writer(counter, [&](ByteSpan b) -> Status {
    bytes.append(AsText(b));
    return Ok{};
  });
  emit(&writer);
  return arena->Text(bytes);
}

onnx::Dim ToOnnxDim(const Dim& dim, Symbols symbols, ExportArena* arena) {
  onnx::Dim out;
  if (symbols == Symbols::kNoDims) return out;
  if (dim.is_static()) {
    out.kind = onnx::Dim::Kind::kValue;
    out.value = dim.value();
  } else if (symbols == Symbols::kNamed) {
    // Names that begin with "=" stand for what grew too large to be written.
    const std::string text = dim.ToString();
    if (text.find('=') == std::string::npos && text.size() <= 64) {
      out.kind = onnx::Dim::Kind::kParam;
      out.param = arena->Text(text);
    }
  }
  return out;
}

}  // namespace

onnx::DataType ToDataType(DType dtype) {
  using enum onnx::DataType;
  static constexpr std::array<onnx::DataType, kDTypeCount> kTypes = {
      kUndefined,  kDouble,         kFloat,      kFloat16,    kBfloat16,   kFloat8E4M3Fn, kFloat8E4M3Fnuz,
      kFloat8E5M2, kFloat8E5M2Fnuz, kFloat8E8M0, kFloat4E2M1, kInt64,      kInt32,        kInt16,
      kInt8,       kInt4,           kInt2,       kUint64,     kUint32,     kUint16,       kUint8,
      kUint4,      kUint2,          kBool,       kComplex64,  kComplex128, kString};
  return kTypes[static_cast<size_t>(dtype)];
}

const onnx::Type* ToOnnxType(const Type& type, Symbols symbols, ExportArena* arena) {
  onnx::Type out;
  switch (type.kind()) {
    case Type::Kind::kTensor: {
      if (type.dtype() == DType::kNone) return nullptr;
      out.kind = onnx::Type::Kind::kTensor;
      out.elem_type = ToDataType(type.dtype());
      out.has_shape = type.ranked();
      std::vector<onnx::Dim> dims;
      for (const Dim& d : type.shape()) dims.push_back(ToOnnxDim(d, symbols, arena));
      out.shape = arena->Array(dims);
      break;
    }
    case Type::Kind::kSequence:
    case Type::Kind::kOptional:
    case Type::Kind::kMap:
      out.kind = type.kind() == Type::Kind::kSequence   ? onnx::Type::Kind::kSequence
                 : type.kind() == Type::Kind::kOptional ? onnx::Type::Kind::kOptional
                                                        : onnx::Type::Kind::kMap;
      if (type.kind() == Type::Kind::kMap) out.elem_type = ToDataType(type.key());
      out.element = ToOnnxType(type.element(), symbols, arena);
      if (out.element == nullptr) return nullptr;
      break;
    case Type::Kind::kUnknown:
    case Type::Kind::kResource: return nullptr;
  }
  return arena->One(out);
}

onnx::Tensor ToOnnxTensor(const Tensor& tensor, std::string_view name, ExportArena* arena) {
  onnx::Tensor out;
  out.name = name;
  out.data_type = ToDataType(tensor.dtype());
  out.dims = arena->Array(tensor.dims());
  if (tensor.dtype() == DType::kString) {
    out.message = AsBytes(StringFields(tensor, arena));
    out.typed_fields = tensor.size() == 0 ? 0 : uint16_t{1} << kStringData;
  } else {
    const std::vector<std::byte> packed = StoredElements(tensor);
    out.raw_data = arena->Array(packed);
  }
  return out;
}

onnx::Attribute ToAttribute(std::string_view name, const OnnxAttrs::Value& value, ExportArena* arena) {
  onnx::Attribute a;
  a.name = arena->Text(name);
  const auto set = [&](onnx::AttributeType type, const void* data, size_t count) {
    a.type = type;
    a.data = data;
    a.count = count;
  };
  using Kind = onnx::AttributeType;
  if (const auto* i = std::get_if<int64_t>(&value)) {
    a.type = Kind::kInt;
    a.i = *i;
  } else if (const auto* f = std::get_if<double>(&value)) {
    a.type = Kind::kFloat;
    a.f = static_cast<float>(*f);
  } else if (const auto* s = std::get_if<std::string>(&value)) {
    const std::string_view kept = arena->Text(*s);
    set(Kind::kString, kept.data(), kept.size());
  } else if (const auto* ints = std::get_if<std::vector<int64_t>>(&value)) {
    set(Kind::kInts, arena->Array(*ints).data(), ints->size());
  } else if (const auto* floats = std::get_if<std::vector<double>>(&value)) {
    const std::vector<float> narrow(floats->begin(), floats->end());
    set(Kind::kFloats, arena->Array(narrow).data(), narrow.size());
  } else if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
    std::vector<std::string_view> kept;
    for (const std::string& t : *texts) kept.push_back(arena->Text(t));
    set(Kind::kStrings, arena->Array(kept).data(), kept.size());
  } else if (const auto* dtype = std::get_if<DType>(&value)) {
    a.type = Kind::kInt;
    a.i = static_cast<int64_t>(ToDataType(*dtype));
  } else if (const auto* tensor = std::get_if<Tensor>(&value)) {
    set(Kind::kTensor, arena->One(ToOnnxTensor(*tensor, {}, arena)), 1);
  } else if (const auto* type = std::get_if<Type>(&value)) {
    const onnx::Type* written = ToOnnxType(*type, Symbols::kNamed, arena);
    set(Kind::kType, written, written == nullptr ? 0 : 1);
  } else if (const auto* graph = std::get_if<const onnx::Graph*>(&value)) {
    set(Kind::kGraph, *graph, 1);
  }
  return a;
}

}  // namespace godwit::to_onnx
