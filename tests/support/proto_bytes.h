// Protobuf bytes written by hand, right or deliberately wrong: the tests' own writer, which shares no code with ours.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace godwit::testing {

class ProtoBytes {
 public:
  ProtoBytes& RawVarint(uint64_t v) {
    for (; v >= 0x80; v >>= 7) bytes_.push_back(static_cast<char>(v | 0x80));
    bytes_.push_back(static_cast<char>(v));
    return *this;
  }
  ProtoBytes& Raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  ProtoBytes& Tag(uint32_t field, uint32_t wire) { return RawVarint(uint64_t{field} << 3 | wire); }
  ProtoBytes& Int(uint32_t field, int64_t v) { return Tag(field, 0).RawVarint(static_cast<uint64_t>(v)); }
  ProtoBytes& Float(uint32_t field, float v) { return Tag(field, 5).Little(std::bit_cast<uint32_t>(v), 4); }
  ProtoBytes& Double(uint32_t field, double v) { return Tag(field, 1).Little(std::bit_cast<uint64_t>(v), 8); }
  ProtoBytes& Bytes(uint32_t field, std::string_view v) { return Tag(field, 2).RawVarint(v.size()).Raw(v); }
  ProtoBytes& Message(uint32_t field, const ProtoBytes& v) { return Bytes(field, v.str()); }
  template <class Range>
  ProtoBytes& PackedInts(uint32_t field, const Range& values) {
    ProtoBytes run;
    for (const auto v : values) run.RawVarint(static_cast<uint64_t>(static_cast<int64_t>(v)));
    return Message(field, run);
  }
  template <class Range>
  ProtoBytes& PackedFloats(uint32_t field, const Range& values) {
    ProtoBytes run;
    for (const auto v : values) run.Little(std::bit_cast<uint32_t>(static_cast<float>(v)), 4);
    return Message(field, run);
  }
  template <class Range>
  ProtoBytes& PackedDoubles(uint32_t field, const Range& values) {
    ProtoBytes run;
    for (const auto v : values) run.Little(std::bit_cast<uint64_t>(static_cast<double>(v)), 8);
    return Message(field, run);
  }
  ProtoBytes& Little(uint64_t v, int bytes) {
    for (int i = 0; i < bytes; ++i) bytes_.push_back(static_cast<char>(v >> (8 * i)));
    return *this;
  }
  [[nodiscard]] const std::string& str() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace godwit::testing
