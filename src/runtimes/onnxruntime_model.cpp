#include "runtimes/onnxruntime_model.h"

#include <cstring>

#include "base/checked.h"
#include "base/text.h"

namespace godwit::runtimes::ort {

namespace {

// The runtime numbers element types as the formats do: ours in its order.
constexpr Element kElements[] = {
    Element::kNone,       Element::kF32,    Element::kU8,         Element::kI8,   Element::kU16,  Element::kI16,
    Element::kI32,        Element::kI64,    Element::kString,     Element::kBool, Element::kF16,  Element::kF64,
    Element::kU32,        Element::kU64,    Element::kC64,        Element::kC128, Element::kBF16, Element::kF8E4M3FN,
    Element::kF8E4M3FNUZ, Element::kF8E5M2, Element::kF8E5M2FNUZ, Element::kU4,   Element::kI4,   Element::kF4E2M1,
    Element::kU2,         Element::kI2,
};
Element ElementOf(int number) {
  return number >= 0 && static_cast<size_t>(number) < std::size(kElements) ? kElements[number] : Element::kNone;
}
int NumberOf(Element element) {
  for (size_t i = 0; i < std::size(kElements); ++i) {
    if (kElements[i] == element) return static_cast<int>(i);
  }
  return 0;
}

template <class T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

Result<size_t> CountOf(const std::vector<int64_t>& shape) {
  const auto count = CheckedProduct(shape);
  if (!count) return Diag(diag::kRuntimeValue, "ONNX Runtime: a tensor's size cannot be");
  return static_cast<size_t>(*count);
}
Result<size_t> BytesOf(Element element, const std::vector<int64_t>& shape) {
  TRY(const size_t count, CountOf(shape));
  const auto bits = CheckedMul(count, static_cast<size_t>(BitsOf(element)));
  if (!bits) return Diag(diag::kRuntimeValue, "ONNX Runtime: a tensor's size cannot be");
  return *bits / 8 + (*bits % 8 != 0 ? 1 : 0);
}

class OrtModel : public Model {
 public:
  OrtModel(const Calls& calls, OrtSession* session) : calls_(calls), session_(session, calls.ReleaseSession) {}

  [[nodiscard]] const std::vector<Port>& inputs() const override { return inputs_; }
  [[nodiscard]] const std::vector<Port>& outputs() const override { return outputs_; }
  Status Describe();
  Result<std::vector<Array>> Run(std::span<const Array> inputs) override;

 private:
  Status Try(OrtStatus* status, std::string_view doing) const { return Check(calls_, status, doing); }
  Result<Port> DescribePort(bool input, size_t index) const;
  Result<Owned<OrtValue>> ToValue(const Array& array, const Port& port) const;
  Result<Array> FromValue(OrtValue* value, const Port& port) const;

  Calls calls_;
  Owned<OrtSession> session_;
  OrtAllocator* allocator_ = nullptr;
  OrtMemoryInfo* memory_ = nullptr;
  std::vector<Port> inputs_, outputs_;
};

Status OrtModel::Describe() {
  RETURN_IF_ERROR(Try(calls_.GetAllocatorWithDefaultOptions(&allocator_), "setting up"));
  RETURN_IF_ERROR(
      Try(calls_.CreateCpuMemoryInfo(/*device allocator*/ 0, /*default memory*/ 0, &memory_), "setting up"));
  size_t n_in = 0, n_out = 0;
  RETURN_IF_ERROR(Try(calls_.SessionGetInputCount(session_.get(), &n_in), "reading inputs"));
  RETURN_IF_ERROR(Try(calls_.SessionGetOutputCount(session_.get(), &n_out), "reading outputs"));
  for (size_t i = 0; i < n_in; ++i) {
    TRY(Port port, DescribePort(true, i));
    inputs_.push_back(std::move(port));
  }
  for (size_t i = 0; i < n_out; ++i) {
    TRY(Port port, DescribePort(false, i));
    outputs_.push_back(std::move(port));
  }
  return Ok{};
}

Result<Port> OrtModel::DescribePort(bool input, size_t index) const {
  Port port;
  char* name = nullptr;
  RETURN_IF_ERROR(Try(input ? calls_.SessionGetInputName(session_.get(), index, allocator_, &name)
                            : calls_.SessionGetOutputName(session_.get(), index, allocator_, &name),
                      "reading names"));
  port.name = name;
  RETURN_IF_ERROR(Try(calls_.AllocatorFree(allocator_, name), "reading names"));
  OrtTypeInfo* type = nullptr;
  RETURN_IF_ERROR(Try(input ? calls_.SessionGetInputTypeInfo(session_.get(), index, &type)
                            : calls_.SessionGetOutputTypeInfo(session_.get(), index, &type),
                      "reading types"));
  const Owned<OrtTypeInfo> owner(type, calls_.ReleaseTypeInfo);
  const OrtTensorInfo* tensor = nullptr;  // belongs to the type
  RETURN_IF_ERROR(Try(calls_.CastTypeInfoToTensorInfo(type, &tensor), "reading types"));
  if (tensor == nullptr) return port;
  int element = 0;
  size_t rank = 0;
  RETURN_IF_ERROR(Try(calls_.GetTensorElementType(tensor, &element), "reading types"));
  RETURN_IF_ERROR(Try(calls_.GetDimensionsCount(tensor, &rank), "reading types"));
  port.element = ElementOf(element);
  port.shape.resize(rank);
  RETURN_IF_ERROR(Try(calls_.GetDimensions(tensor, port.shape.data(), rank), "reading types"));
  return port;
}

Result<Owned<OrtValue>> OrtModel::ToValue(const Array& array, const Port& port) const {
  OrtValue* value = nullptr;
  const std::string doing = Concat("input '", Printable(port.name, 200), "'");
  const int number = NumberOf(array.element);
  if (number == 0) return Diag(diag::kRuntimeValue, Concat("ONNX Runtime: ", doing, " has no element type"));
  if (array.element == Element::kString) {
    RETURN_IF_ERROR(
        Try(calls_.CreateTensorAsOrtValue(allocator_, array.shape.data(), array.shape.size(), number, &value), doing));
    Owned<OrtValue> owned(value, calls_.ReleaseValue);
    std::vector<const char*> texts;
    for (const std::string& text : array.texts) texts.push_back(text.c_str());
    RETURN_IF_ERROR(Try(calls_.FillStringTensor(value, texts.data(), texts.size()), doing));
    return owned;
  }
  TRY(const size_t bytes, BytesOf(array.element, array.shape));
  if (bytes != array.bytes.size()) {
    return Diag(diag::kRuntimeValue, Concat("ONNX Runtime: ", doing, ": bytes and shape disagree"));
  }
  // The runtime only reads what inputs point to.
  void* data = const_cast<std::byte*>(array.bytes.data());
  RETURN_IF_ERROR(Try(calls_.CreateTensorWithDataAsOrtValue(memory_, data, bytes, array.shape.data(),
                                                            array.shape.size(), number, &value),
                      doing));
  return Owned<OrtValue>(value, calls_.ReleaseValue);
}

Result<Array> OrtModel::FromValue(OrtValue* value, const Port& port) const {
  const std::string doing = Concat("output '", Printable(port.name, 200), "'");
  int is_tensor = 0;
  if (value != nullptr) RETURN_IF_ERROR(Try(calls_.IsTensor(value, &is_tensor), doing));
  if (is_tensor == 0) return Diag(diag::kRuntimeValue, Concat("ONNX Runtime: ", doing, " is not a tensor"));
  OrtTensorInfo* info = nullptr;
  RETURN_IF_ERROR(Try(calls_.GetTensorTypeAndShape(value, &info), doing));
  const Owned<OrtTensorInfo> owner(info, calls_.ReleaseTensorInfo);
  Array array;
  int element = 0;
  size_t rank = 0;
  RETURN_IF_ERROR(Try(calls_.GetTensorElementType(info, &element), doing));
  RETURN_IF_ERROR(Try(calls_.GetDimensionsCount(info, &rank), doing));
  array.element = ElementOf(element);
  array.shape.resize(rank);
  RETURN_IF_ERROR(Try(calls_.GetDimensions(info, array.shape.data(), rank), doing));
  if (array.element == Element::kString) {
    TRY(const size_t count, CountOf(array.shape));
    size_t length = 0;
    if (count == 0) return array;
    RETURN_IF_ERROR(Try(calls_.GetStringTensorDataLength(value, &length), doing));
    std::string all(length, '\0');
    std::vector<size_t> offsets(count + 1, length);
    RETURN_IF_ERROR(Try(calls_.GetStringTensorContent(value, all.data(), length, offsets.data(), count), doing));
    offsets[count] = length;
    for (size_t i = 0; i < count; ++i) array.texts.push_back(all.substr(offsets[i], offsets[i + 1] - offsets[i]));
    return array;
  }
  TRY(const size_t bytes, BytesOf(array.element, array.shape));
  void* data = nullptr;
  RETURN_IF_ERROR(Try(calls_.GetTensorMutableData(value, &data), doing));
  array.bytes.resize(bytes);
  if (bytes > 0) std::memcpy(array.bytes.data(), data, bytes);
  return array;
}

Result<std::vector<Array>> OrtModel::Run(std::span<const Array> inputs) {
  if (inputs.size() != inputs_.size()) {
    return Diag(diag::kRuntimeValue, Concat("ONNX Runtime: the model has ", std::to_string(inputs_.size()), " inputs, ",
                                            std::to_string(inputs.size()), " values were given"));
  }
  std::vector<Owned<OrtValue>> owned;
  std::vector<const OrtValue*> in;
  std::vector<const char*> in_names, out_names;
  for (size_t i = 0; i < inputs.size(); ++i) {
    TRY(Owned<OrtValue> value, ToValue(inputs[i], inputs_[i]));
    in.push_back(value.get());
    in_names.push_back(inputs_[i].name.c_str());
    owned.push_back(std::move(value));
  }
  for (const Port& port : outputs_) out_names.push_back(port.name.c_str());
  std::vector<OrtValue*> out(outputs_.size(), nullptr);
  Status ran = Try(calls_.Run(session_.get(), nullptr, in_names.data(), in.data(), in.size(), out_names.data(),
                              out.size(), out.data()),
                   "running the model");
  for (OrtValue* value : out) {
    if (value != nullptr) owned.emplace_back(value, calls_.ReleaseValue);
  }
  if (!ran.ok()) return ran.TakeDiag();
  std::vector<Array> arrays;
  for (size_t i = 0; i < out.size(); ++i) {
    TRY(Array array, FromValue(out[i], outputs_[i]));
    arrays.push_back(std::move(array));
  }
  return arrays;
}

}  // namespace

Result<std::unique_ptr<Model>> MakeModel(const Calls& calls, OrtSession* session) {
  auto model = std::make_unique<OrtModel>(calls, session);
  RETURN_IF_ERROR(model->Describe());
  return std::unique_ptr<Model>(std::move(model));
}

}  // namespace godwit::runtimes::ort
