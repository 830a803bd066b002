#include "formats/tflite/contents.h"

#include <map>
#include <tuple>

#include "formats/content_hash.h"

namespace godwit::tflite {

size_t Contents::Add(const Buffer& buffer) {
  if (buffer.size() == 0) return kNone;
  items_.push_back({buffer, items_.size()});
  return items_.size() - 1;
}

Result<std::pair<uint64_t, uint64_t>> Contents::HashOf(size_t k) const {
  if (items_[k].buffer.contents) return *items_[k].buffer.contents;
  ContentHash hash;
  RETURN_IF_ERROR(Write(k, [&](ByteSpan piece) -> Status {
    hash.Add(piece);
    return Ok{};
  }));
  return hash.Value();
}

Status Contents::Merge() {
  std::map<uint64_t, size_t> of_size;
  for (const Item& item : items_) ++of_size[item.buffer.size()];
  std::map<std::tuple<uint64_t, uint64_t, uint64_t>, size_t> seen;
  for (size_t k = 0; k < items_.size(); ++k) {
    const uint64_t bytes = items_[k].buffer.size();
    if (of_size[bytes] == 1) continue;
    TRY(const auto known, HashOf(k));
    const auto [a, b] = known;
    items_[k].first = seen.try_emplace({bytes, a, b}, k).first->second;
  }
  return Ok{};
}

Status Contents::Write(size_t k, const std::function<Status(ByteSpan)>& sink) const {
  const Buffer& buffer = items_[k].buffer;
  return buffer.payload != nullptr ? buffer.payload->Write(sink) : sink(buffer.bytes);
}

}  // namespace godwit::tflite
