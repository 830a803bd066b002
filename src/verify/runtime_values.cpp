#include "verify/runtime_values.h"

#include <cstring>

#include "base/text.h"

namespace godwit {

namespace {

using runtimes::Array;
using runtimes::Element;

struct Pair {
  Element element;
  DType dtype;
};
constexpr Pair kPairs[] = {
    {Element::kF32, DType::kF32},
    {Element::kU8, DType::kU8},
    {Element::kI8, DType::kI8},
    {Element::kU16, DType::kU16},
    {Element::kI16, DType::kI16},
    {Element::kI32, DType::kI32},
    {Element::kI64, DType::kI64},
    {Element::kString, DType::kString},
    {Element::kBool, DType::kBool},
    {Element::kF16, DType::kF16},
    {Element::kF64, DType::kF64},
    {Element::kU32, DType::kU32},
    {Element::kU64, DType::kU64},
    {Element::kC64, DType::kC64},
    {Element::kC128, DType::kC128},
    {Element::kBF16, DType::kBF16},
    {Element::kF8E4M3FN, DType::kF8E4M3FN},
    {Element::kF8E4M3FNUZ, DType::kF8E4M3FNUZ},
    {Element::kF8E5M2, DType::kF8E5M2},
    {Element::kF8E5M2FNUZ, DType::kF8E5M2FNUZ},
    {Element::kU4, DType::kU4},
    {Element::kI4, DType::kI4},
    {Element::kF4E2M1, DType::kF4E2M1},
    {Element::kU2, DType::kU2},
    {Element::kI2, DType::kI2},
};

// Elements of less than a byte: packed there, one byte each here, sign-extended where signed.
void Pack(const Tensor& tensor, int bits, std::vector<std::byte>* out) {
  const int each = 8 / bits;
  const auto mask = static_cast<unsigned>((1 << bits) - 1);
  out->assign(static_cast<size_t>((tensor.size() + each - 1) / each), std::byte{0});
  for (int64_t i = 0; i < tensor.size(); ++i) {
    const unsigned v = std::to_integer<unsigned>(tensor.raw()[i]) & mask;
    (*out)[static_cast<size_t>(i / each)] |= static_cast<std::byte>(v << (bits * static_cast<int>(i % each)));
  }
}
void Unpack(const std::vector<std::byte>& packed, int bits, Tensor* out) {
  const int each = 8 / bits;
  const auto mask = static_cast<unsigned>((1 << bits) - 1);
  const bool sign = IsSigned(out->dtype());
  for (int64_t i = 0; i < out->size(); ++i) {
    unsigned v = std::to_integer<unsigned>(packed[static_cast<size_t>(i / each)]);
    v = (v >> (bits * static_cast<int>(i % each))) & mask;
    if (sign && (v >> (bits - 1)) != 0) v |= ~mask;
    out->mutable_raw()[i] = static_cast<std::byte>(v & 0xFFU);
  }
}

}  // namespace

Result<Array> ToArray(const RtValue& value) {
  if (!value.is_tensor()) {
    return Diag(diag::kRuntimeValue, "a sequence, map or optional does not cross to a runtime: tensors do");
  }
  const Tensor& tensor = value.tensor;
  Array array;
  for (const Pair& p : kPairs) {
    if (p.dtype == tensor.dtype()) array.element = p.element;
  }
  if (array.element == Element::kNone) {
    return Diag(diag::kRuntimeValue, Concat("no runtime takes elements of ", Name(tensor.dtype())));
  }
  array.shape = tensor.dims();
  if (array.element == Element::kString) {
    for (const StringRef text : tensor.span<StringRef>()) array.texts.push_back(*text);
  } else if (const int bits = runtimes::BitsOf(array.element); bits < 8) {
    Pack(tensor, bits, &array.bytes);
  } else {
    array.bytes.assign(tensor.raw(), tensor.raw() + tensor.bytes());
  }
  return array;
}

Result<RtValue> FromArray(const Array& array) {
  DType dtype = DType::kNone;
  for (const Pair& p : kPairs) {
    if (p.element == array.element) dtype = p.dtype;
  }
  if (dtype == DType::kNone) return Diag(diag::kRuntimeValue, "the runtime gave elements of a type that is not known");
  TRY(Tensor tensor, Tensor::Make(dtype, array.shape));
  const int bits = runtimes::BitsOf(array.element);
  const size_t wanted = bits == 0 ? 0 : (static_cast<size_t>(tensor.size()) * static_cast<size_t>(bits) + 7) / 8;
  if (array.bytes.size() != wanted || (bits == 0 && array.texts.size() != static_cast<size_t>(tensor.size()))) {
    return Diag(diag::kRuntimeValue, "the runtime gave bytes that do not fit the shape");
  }
  if (bits == 0) {
    for (int64_t i = 0; i < tensor.size(); ++i) {
      tensor.mutable_data<StringRef>()[i] = Intern(array.texts[static_cast<size_t>(i)]);
    }
  } else if (bits < 8) {
    Unpack(array.bytes, bits, &tensor);
  } else if (wanted > 0) {
    std::memcpy(tensor.mutable_raw(), array.bytes.data(), wanted);
  }
  return RtValue(std::move(tensor));
}

Result<std::vector<Array>> ArraysFor(const runtimes::Model& model,
                                     const std::vector<std::pair<std::string, RtValue>>& inputs) {
  std::vector<Array> arrays;
  for (const runtimes::Port& port : model.inputs()) {
    const RtValue* found = nullptr;
    for (const auto& [name, value] : inputs) {
      if (name == port.name) found = &value;
    }
    const std::string shown = Printable(port.name, 200);
    if (found == nullptr) {
      return Diag(diag::kExecInput, Concat("the runtime wants input '", shown, "', which is not given"));
    }
    auto array = ToArray(*found);
    if (!array.ok()) {
      array.diag().what = Concat("input '", shown, "': ", array.diag().what);
      return array.TakeDiag();
    }
    arrays.push_back(*std::move(array));
  }
  return arrays;
}

Result<std::vector<RtValue>> RunInRuntime(runtimes::Model* model,
                                          const std::vector<std::pair<std::string, RtValue>>& inputs) {
  TRY(const std::vector<Array> arrays, ArraysFor(*model, inputs));
  TRY(const std::vector<Array> results, model->Run(arrays));
  std::vector<RtValue> values;
  for (const Array& array : results) {
    TRY(RtValue value, FromArray(array));
    values.push_back(std::move(value));
  }
  return values;
}

}  // namespace godwit
