#include "ir/stored_elements.h"

namespace godwit {

namespace {

constexpr size_t kChunk = size_t{1} << 16;  // bytes that are packed in one go

Status Write(const Tensor& tensor, const ByteSink& sink) {
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

}  // namespace

uint64_t StoredBytes(const TensorType& type) {
  uint64_t elements = 1;
  for (const Dim& d : type.shape) elements *= static_cast<uint64_t>(d.value());
  return (elements * Info(type.dtype).bits + 7) / 8;
}

Status WriteStored(const Constant& constant, const ByteSink& sink) {
  if (const auto* source = std::get_if<1>(&constant.data)) {
    const PackedBytes packed = (*source)->Packed();
    if (packed.owner != nullptr && packed.bytes.size() == StoredBytes(constant.type)) return sink(packed.bytes);
  }
  TRY(const Tensor tensor, constant.Load());
  return Write(tensor, sink);
}

std::vector<std::byte> StoredElements(const Tensor& tensor) {
  std::vector<std::byte> out;
  (void)Write(tensor, [&](ByteSpan bytes) -> Status {
    out.insert(out.end(), bytes.begin(), bytes.end());
    return Ok{};
  });
  return out;
}

}  // namespace godwit
