#include "backends/onnx/weights.h"

#include "backends/onnx/values.h"
#include "base/checked.h"

namespace godwit::to_onnx {

namespace {

// Elements that are written in one go when they have to be packed first.
constexpr size_t kChunk = size_t{1} << 16;

Status WritePacked(const Tensor& tensor, const std::function<Status(ByteSpan)>& sink) {
  const unsigned bits = Info(tensor.dtype()).bits;
  const auto count = static_cast<size_t>(tensor.size());
  if (bits >= 8) return count == 0 ? Status(Ok{}) : sink({tensor.raw(), tensor.bytes()});
  const unsigned per_byte = 8 / bits;
  const unsigned mask = (1U << bits) - 1;
  std::vector<std::byte> chunk;
  for (size_t i = 0; i < count; i += per_byte) {
    unsigned byte = 0;
    for (unsigned k = 0; k < per_byte && i + k < count; ++k) {
      byte |= (std::to_integer<unsigned>(tensor.raw()[i + k]) & mask) << (k * bits);
    }
    chunk.push_back(static_cast<std::byte>(byte));
    if (chunk.size() == kChunk) {
      RETURN_IF_ERROR(sink(chunk));
      chunk.clear();
    }
  }
  return chunk.empty() ? Status(Ok{}) : sink(chunk);
}

class ConstantPayload final : public onnx::Payload {
 public:
  explicit ConstantPayload(Constant constant) : constant_(std::move(constant)) {
    uint64_t elements = 1;
    for (const Dim& d : constant_.type.shape) elements *= static_cast<uint64_t>(d.value());
    size_ = (elements * Info(constant_.type.dtype).bits + 7) / 8;
  }
  [[nodiscard]] uint64_t size() const override { return size_; }
  Status Write(const std::function<Status(ByteSpan)>& sink) const override {
    if (const auto* source = std::get_if<1>(&constant_.data)) {
      const PackedBytes packed = (*source)->Packed();
      if (packed.owner != nullptr && packed.bytes.size() == size_) return sink(packed.bytes);
    }
    TRY(const Tensor tensor, constant_.Load());
    return WritePacked(tensor, sink);
  }

 private:
  Constant constant_;
  uint64_t size_ = 0;
};

}  // namespace

std::vector<std::byte> PackElements(const Tensor& tensor) {
  std::vector<std::byte> out;
  (void)WritePacked(tensor, [&](ByteSpan bytes) -> Status {
    out.insert(out.end(), bytes.begin(), bytes.end());
    return Ok{};
  });
  return out;
}

onnx::Tensor ToInitializer(const Constant& constant, std::string_view name, ExportArena* arena,
                           std::vector<std::shared_ptr<const void>>* keep) {
  if (constant.type.dtype == DType::kString) {
    if (auto tensor = constant.Load(); tensor.ok()) return ToOnnxTensor(*tensor, name, arena);
  }
  onnx::Tensor out;
  out.name = name;
  out.data_type = ToDataType(constant.type.dtype);
  std::vector<int64_t> dims;
  for (const Dim& d : constant.type.shape) dims.push_back(d.value());
  out.dims = arena->Array(dims);
  auto payload = std::make_shared<const ConstantPayload>(constant);
  out.payload = payload.get();
  keep->push_back(std::move(payload));
  return out;
}

}  // namespace godwit::to_onnx
