#include "api/arrays.h"

#include <cstring>
#include <set>

#include "base/text.h"

namespace godwit {

namespace {

DType FromNpyType(NpyType t) {
  switch (t.kind) {
    case 'b': return DType::kBool;
    case 'f':
      return t.bytes == 8 ? DType::kF64 : t.bytes == 4 ? DType::kF32 : t.bytes == 2 ? DType::kF16 : DType::kNone;
    case 'c': return t.bytes == 16 ? DType::kC128 : t.bytes == 8 ? DType::kC64 : DType::kNone;
    case 'i':
      return t.bytes == 8   ? DType::kI64
             : t.bytes == 4 ? DType::kI32
             : t.bytes == 2 ? DType::kI16
             : t.bytes == 1 ? DType::kI8
                            : DType::kNone;
    case 'u':
      return t.bytes == 8   ? DType::kU64
             : t.bytes == 4 ? DType::kU32
             : t.bytes == 2 ? DType::kU16
             : t.bytes == 1 ? DType::kU8
                            : DType::kNone;
    case 'U':
    case 'S': return DType::kString;
    default: return DType::kNone;
  }
}

NpyType ToNpyType(DType d) {
  const auto bytes = static_cast<int64_t>(ByteSize(d));
  switch (Info(d).kind) {
    case DKind::kBool: return {'b', 1};
    case DKind::kSigned: return {'i', bytes};
    case DKind::kUnsigned: return {'u', bytes};
    case DKind::kComplex: return {'c', bytes};
    case DKind::kFloat: return {d == DType::kF64 || d == DType::kF32 || d == DType::kF16 ? 'f' : 'V', bytes};
    default: return {'V', bytes};
  }
}

bool IsOpaqueInNumpy(DType d) { return ToNpyType(d).kind == 'V'; }

// Names within one archive are unique and not empty.
std::string UniqueName(std::string name, std::set<std::string>* used) {
  if (name.empty()) name = "unnamed";
  std::string out = name;
  for (int i = 2; !used->insert(out).second; ++i) out = Concat(name, "_", std::to_string(i));
  return out;
}

void Collect(const std::string& name, const RtValue& value, std::set<std::string>* used, std::vector<NamedNpy>* out) {
  switch (value.kind) {
    case RtValue::Kind::kTensor: out->push_back({UniqueName(name, used), NpyFromTensor(value.tensor)}); break;
    case RtValue::Kind::kSequence:
      for (size_t i = 0; i < value.sequence->size(); ++i) {
        Collect(Concat(name, ".", std::to_string(i)), (*value.sequence)[i], used, out);
      }
      break;
    case RtValue::Kind::kMap:
      out->push_back({UniqueName(name + ".keys", used), NpyFromTensor(value.map->keys)});
      for (size_t i = 0; i < value.map->values.size(); ++i) {
        Collect(Concat(name, ".", std::to_string(i)), value.map->values[i], used, out);
      }
      break;
    default: break;
  }
}

}  // namespace

Result<Tensor> TensorFromNpy(const NpyArray& array, DType expected, const MappedFile::Ptr& file) {
  DType dtype = FromNpyType(array.type);
  const auto bytes = static_cast<size_t>(array.type.bytes);
  if (array.type.kind == 'V' && IsOpaqueInNumpy(expected) && ByteSize(expected) == bytes) dtype = expected;
  // NumPy has no types below a byte: they are kept in whole bytes, as here.
  if (expected != DType::kNone && Info(expected).bits < 8 && ByteSize(expected) == 1 &&
      (dtype == DType::kI8 || dtype == DType::kU8 || array.type.kind == 'V') && bytes == 1) {
    dtype = expected;
  }
  if (dtype == DType::kNone) {
    return Diag(diag::kNpyDtype, Concat("the element type ", NpyDescr(array.type), " is not one of godwit's"));
  }
  if (dtype == DType::kString) {
    TRY(std::vector<std::string> texts, NpyStrings(array));
    TRY(Tensor out, Tensor::Make(dtype, array.shape));
    for (size_t i = 0; i < texts.size(); ++i) out.mutable_data<StringRef>()[i] = Intern(texts[i]);
    return out;
  }
  if (Info(dtype).bits < 8) {
    const int64_t least = IntMin(dtype), most = IntMax(dtype);
    for (const std::byte b : array.bytes) {
      const int64_t v = IsSigned(dtype) ? static_cast<int8_t>(b) : static_cast<int64_t>(b);
      if (IsInteger(dtype) ? v < least || v > most : v > 15) {
        return Diag(diag::kExecInput, Concat("the value ", std::to_string(v), " does not fit ", Name(dtype)));
      }
    }
  }
  const auto address = reinterpret_cast<uintptr_t>(array.bytes.data());
  const size_t unit = IsComplex(dtype) ? bytes / 2 : bytes;
  if (address % unit == 0 && dtype != DType::kBool) {
    std::shared_ptr<const void> owner = array.owner ? array.owner : std::shared_ptr<const void>(file);
    return Tensor(dtype, array.shape, array.bytes.data(), std::move(owner));
  }
  TRY(Tensor out, Tensor::Make(dtype, array.shape));
  if (dtype == DType::kBool) {
    for (size_t i = 0; i < array.bytes.size(); ++i) {
      out.mutable_raw()[i] = array.bytes[i] == std::byte{0} ? std::byte{0} : std::byte{1};
    }
  } else if (!array.bytes.empty()) {
    std::memcpy(out.mutable_raw(), array.bytes.data(), array.bytes.size());
  }
  return out;
}

NpyArray NpyFromTensor(const Tensor& tensor) {
  if (tensor.dtype() == DType::kString) {
    std::vector<std::string> texts;
    for (const StringRef s : tensor.span<StringRef>()) texts.push_back(s == nullptr ? std::string() : *s);
    return NpyFromStrings(texts, tensor.dims());
  }
  NpyArray array;
  array.type = ToNpyType(tensor.dtype());
  array.shape = tensor.dims();
  array.bytes = ByteSpan(tensor.raw(), tensor.bytes());
  array.owner = tensor.owner();
  return array;
}

Status WriteValues(const std::string& path, const std::vector<std::pair<std::string, RtValue>>& values,
                   const std::vector<std::string>& inputs) {
  std::vector<NamedNpy> arrays;
  std::set<std::string> used;
  for (const auto& [name, value] : values) Collect(name, value, &used, &arrays);
  TRY(AtomicFile out, AtomicFile::Create(path, inputs));
  RETURN_IF_ERROR(WriteNpz(arrays, false, &out));
  return out.Commit();
}

}  // namespace godwit
