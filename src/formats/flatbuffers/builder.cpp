#include "formats/flatbuffers/builder.h"

#include <algorithm>

namespace godwit::flat {

namespace {

constexpr uint64_t kLengthBytes = 4;
constexpr std::array<std::byte, 4096> kZeros{};

Status WriteZeros(uint64_t n, const Builder::Sink& sink) {
  while (n != 0) {
    const uint64_t step = std::min<uint64_t>(n, kZeros.size());
    RETURN_IF_ERROR(sink(ByteSpan(kZeros).first(step)));
    n -= step;
  }
  return Ok{};
}

}  // namespace

uint64_t Placed::slot(uint16_t id) const {
  const auto found = std::ranges::find(slots_, id, &std::pair<uint16_t, uint64_t>::first);
  CHECK(found != slots_.end());
  return found->second;
}

Builder::Builder(std::string_view identifier) {
  CHECK(identifier.size() == 4);
  Append<uint32_t>(0);
  bytes_.insert(bytes_.end(), AsBytes(identifier).begin(), AsBytes(identifier).end());
}

void Builder::PadTo(uint64_t alignment, uint64_t plus) {
  while ((bytes_.size() + plus) % alignment != 0) bytes_.push_back({});
}

void Builder::Point(uint64_t slot, uint64_t target) {
  // Files whose tables are longer than offsets reach are refused when they are finished.
  StoreLe(bytes_.data() + slot, static_cast<uint32_t>(target - slot));
}

uint64_t Builder::FieldList(const std::vector<uint16_t>& list) {
  const auto [place, added] = field_lists_.try_emplace(list, 0);
  if (added) {
    PadTo(2);
    place->second = bytes_.size();
    for (const uint16_t v : list) Append(v);
  }
  return place->second;
}

Placed Builder::Table(uint64_t slot, const Fields& fields) {
  // Large fields first, so that none needs padding: those of 8 bytes begin behind the 4 of the table's own head.
  std::vector<Fields::Field> sorted = fields.fields_;
  std::ranges::sort(sorted,
                    [](const auto& a, const auto& b) { return a.bytes != b.bytes ? a.bytes > b.bytes : a.id < b.id; });
  uint16_t end = 4;
  std::vector<uint16_t> list(2);
  for (const auto& f : sorted) {
    if (list.size() < f.id + size_t{3}) list.resize(f.id + size_t{3});
    CHECK(list[f.id + size_t{2}] == 0);
    list[f.id + size_t{2}] = end;
    end = static_cast<uint16_t>(end + f.bytes);
  }
  list[0] = static_cast<uint16_t>(list.size() * 2);
  list[1] = end;
  const uint64_t list_at = FieldList(list);
  const bool wide = !sorted.empty() && sorted.front().bytes == 8;
  PadTo(wide ? 8 : 4, wide ? 4 : 0);
  const uint64_t at = bytes_.size();
  Point(slot, at);
  Append(static_cast<int32_t>(static_cast<int64_t>(at) - static_cast<int64_t>(list_at)));
  Placed out;
  for (const auto& f : sorted) {
    out.slots_.emplace_back(f.id, bytes_.size());
    bytes_.insert(bytes_.end(), f.value.begin(), f.value.begin() + f.bytes);
  }
  return out;
}

void Builder::Share(uint64_t slot, std::string bytes, uint64_t count, uint64_t alignment) {
  vectors_[{alignment, count, std::move(bytes)}].push_back(slot);
}

void Builder::Text(uint64_t slot, std::string_view text) {
  Share(slot, std::string(text) + '\0', text.size(), kLengthBytes);
}

void Builder::Vector(uint64_t slot, ByteSpan bytes, unsigned width, uint64_t alignment) {
  Share(slot, std::string(AsText(bytes)), bytes.size() / width, std::max<uint64_t>(width, alignment));
}

void Builder::PlaceVectors() {
  for (const auto& [key, slots] : vectors_) {
    const auto& [alignment, count, content] = key;
    PadTo(alignment, kLengthBytes);
    for (const uint64_t slot : slots) Point(slot, bytes_.size());
    Append(static_cast<uint32_t>(count));
    bytes_.insert(bytes_.end(), AsBytes(content).begin(), AsBytes(content).end());
  }
  vectors_.clear();
}

uint64_t Builder::Refs(uint64_t slot, size_t n) {
  PadTo(kLengthBytes);
  Point(slot, bytes_.size());
  Append(static_cast<uint32_t>(n));
  const uint64_t first = bytes_.size();
  bytes_.resize(first + n * kSlotBytes);
  return first;
}

size_t Builder::Block(uint64_t bytes, uint64_t alignment) {
  blocks_.push_back({bytes, alignment, 0, {}, {}});
  return blocks_.size() - 1;
}

void Builder::RefBlock(uint64_t slot, size_t block) { blocks_[block].slots.push_back(slot); }
void Builder::PlaceOfBlock(uint64_t at, size_t block) { blocks_[block].places.push_back(at); }

void Builder::Finish(uint64_t behind) {
  PlaceVectors();
  total_ = bytes_.size();
  for (BlockPlace& b : blocks_) {
    const uint64_t head = b.slots.empty() ? 0 : kLengthBytes;
    b.at = (total_ + head + b.alignment - 1) / b.alignment * b.alignment;
    for (const uint64_t slot : b.slots) Point(slot, b.at - head);
    for (const uint64_t place : b.places) StoreLe(bytes_.data() + place, b.at);
    total_ = b.at + b.bytes;
  }
  if (!blocks_.empty()) total_ += behind;
}

Status Builder::Write(const Sink& sink, const std::function<Status(size_t, const Sink&)>& write) const {
  uint64_t at = 0;
  const auto put = [&](ByteSpan bytes) -> Status {
    at += bytes.size();
    return sink(bytes);
  };
  RETURN_IF_ERROR(put(bytes_));
  for (size_t k = 0; k < blocks_.size(); ++k) {
    const BlockPlace& b = blocks_[k];
    const uint64_t head = b.slots.empty() ? 0 : kLengthBytes;
    RETURN_IF_ERROR(WriteZeros(b.at - head - at, put));
    std::array<std::byte, kLengthBytes> length{};
    StoreLe(length.data(), static_cast<uint32_t>(b.bytes));
    RETURN_IF_ERROR(put(ByteSpan(length).first(head)));
    RETURN_IF_ERROR(write(k, put));
    CHECK(at == b.at + b.bytes);
  }
  return WriteZeros(total_ - at, put);
}

}  // namespace godwit::flat
