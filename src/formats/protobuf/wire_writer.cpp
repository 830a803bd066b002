#include "formats/protobuf/wire_writer.h"

#include <array>

#include "formats/protobuf/wire_reader.h"

namespace godwit::proto {

namespace {

uint64_t VarintBytes(uint64_t value) {
  uint64_t n = 1;
  for (; value >= 0x80; value >>= 7) ++n;
  return n;
}

uint64_t Tag(uint32_t field, Wire wire) { return uint64_t{field} << 3 | static_cast<uint64_t>(wire); }

}  // namespace

void WireWriter::Put(ByteSpan bytes) {
  total_ += bytes.size();
  if (!sink_ || failed_ != nullptr) return;
  auto status = sink_(bytes);
  if (!status.ok()) failed_ = status.TakeDiag();
}

void WireWriter::PutVarint(uint64_t value) {
  std::array<std::byte, 10> bytes{};
  size_t n = 0;
  for (; value >= 0x80; value >>= 7) bytes[n++] = static_cast<std::byte>(value | 0x80);
  bytes[n++] = static_cast<std::byte>(value);
  Put(ByteSpan(bytes).first(n));
}

void WireWriter::Varint(uint32_t field, uint64_t value) {
  PutVarint(Tag(field, Wire::kVarint));
  PutVarint(value);
}

void WireWriter::Float(uint32_t field, float value) {
  PutVarint(Tag(field, Wire::kFixed32));
  std::array<std::byte, 4> bytes{};
  StoreLe(bytes.data(), value);
  Put(bytes);
}

uint64_t WireWriter::OpenBytes(uint32_t field, uint64_t size) {
  PutVarint(Tag(field, Wire::kBytes));
  PutVarint(size);
  return total_ + size;
}

void WireWriter::Bytes(uint32_t field, ByteSpan value) {
  OpenBytes(field, value.size());
  Put(value);
}

size_t WireWriter::Open(uint32_t field) {
  PutVarint(Tag(field, Wire::kBytes));
  const size_t slot = next_++;
  if (sink_) {
    CHECK(slot < lengths_.size());
    PutVarint(lengths_[slot]);
  } else {
    lengths_.push_back(0);
  }
  return slot;
}

void WireWriter::Close(size_t slot, uint64_t start) {
  const uint64_t length = total_ - start;
  if (sink_) {
    CHECK(length == lengths_[slot]);
    return;
  }
  lengths_[slot] = length;
  total_ += VarintBytes(length);
}

}  // namespace godwit::proto
