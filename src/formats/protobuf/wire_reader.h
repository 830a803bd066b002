// A zero-copy cursor over one protobuf message: sizes are 64-bit, nothing is allocated, and no byte outside the message
// is touched. Errors are sticky: after the first one every call returns an empty value and Next() returns false, so a
// parser checks once, at its end.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"

namespace godwit::proto {

enum class Wire : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kGroup = 3, kGroupEnd = 4, kFixed32 = 5 };

/// The bytes that all cursors of one parse lie in, and the first error that one of them met.
class WireContext {
 public:
  WireContext(ByteSpan file, const Limits& limits) : file_(file), limits_(&limits) {}
  [[nodiscard]] bool ok() const { return error_ == nullptr; }
  [[nodiscard]] const Limits& limits() const { return *limits_; }
  [[nodiscard]] ByteSpan file() const { return file_; }
  [[nodiscard]] uint64_t OffsetOf(const std::byte* p) const { return static_cast<uint64_t>(p - file_.data()); }
  /// Keeps the first error; `at` becomes "byte N".
  void Fail(Diag diag, const std::byte* at);
  std::unique_ptr<Diag> TakeError() { return std::move(error_); }

 private:
  ByteSpan file_;
  const Limits* limits_;
  std::unique_ptr<Diag> error_;
};

class WireReader {
 public:
  /// `nesting` counts the messages around this one.
  WireReader(WireContext* context, ByteSpan message, int nesting = 0)
      : context_(context),
        begin_(message.data()),
        p_(message.data()),
        end_(message.data() + message.size()),
        nesting_(nesting) {}

  /// Steps to the next field, skipping the value of the present one if it was not taken.
  bool Next();
  [[nodiscard]] uint32_t field() const { return field_; }
  [[nodiscard]] Wire wire() const { return wire_; }
  [[nodiscard]] bool ok() const { return context_->ok(); }
  [[nodiscard]] WireContext* context() const { return context_; }
  [[nodiscard]] int nesting() const { return nesting_; }
  /// Where the tag of the present field starts.
  [[nodiscard]] const std::byte* tag() const { return tag_; }
  [[nodiscard]] ByteSpan message() const { return {begin_, end_}; }

  // The value of the present field. Another wire type than the one asked for is an error.
  uint64_t Varint();
  int64_t Int() { return static_cast<int64_t>(Varint()); }
  uint32_t Fixed32();
  uint64_t Fixed64();
  ByteSpan Bytes();
  std::string_view Text() { return AsText(Bytes()); }
  /// Text under the limit name-bytes.
  std::string_view Name();
  WireReader Message();

  /// Steps over the value, whatever it is.
  void Skip();

 private:
  bool Expect(Wire wire);
  bool ReadVarint(uint64_t* value);
  bool ReadVarintSlow(uint64_t* value);
  void SkipGroup(uint32_t field);
  void Truncated(const std::byte* at, uint64_t wanted);

  WireContext* context_;
  const std::byte* begin_;
  const std::byte* p_;
  const std::byte* end_;
  const std::byte* tag_ = nullptr;
  uint32_t field_ = 0;
  Wire wire_ = Wire::kVarint;
  bool taken_ = true;
  int nesting_;
};

/// How many values a repeated scalar field holds here: 1 unpacked, or those of a packed run.
size_t CountVarints(const WireReader& reader);
size_t CountFixed(const WireReader& reader, size_t width);

/// Calls `f(value)` for each value of the present field, packed or not.
template <class F>
void ForEachVarint(WireReader* reader, F&& f);
template <class T, class F>
void ForEachFixed(WireReader* reader, F&& f);

// ---- inline parts: these run for every byte of structure ----

inline bool WireReader::ReadVarint(uint64_t* value) {
  if (p_ < end_ && static_cast<uint8_t>(*p_) < 0x80) {
    *value = static_cast<uint8_t>(*p_++);
    return true;
  }
  return ReadVarintSlow(value);
}

template <class F>
void ForEachVarint(WireReader* reader, F&& f) {
  if (reader->wire() != Wire::kBytes) {
    const uint64_t value = reader->Varint();
    if (reader->ok()) f(value);
    return;
  }
  // A packed run is read as a message of values without tags.
  const ByteSpan run = reader->Bytes();
  const std::byte* p = run.data();
  const std::byte* const end = p + run.size();
  while (p < end) {
    uint64_t value = 0;
    int shift = 0;
    bool more = true;
    const std::byte* const start = p;
    while (more && p < end && shift < 70) {
      const auto byte = static_cast<uint8_t>(*p++);
      value |= static_cast<uint64_t>(byte & 0x7FU) << shift;
      more = (byte & 0x80U) != 0;
      shift += 7;
    }
    if (more) {
      const bool cut = p == end && shift < 70;
      reader->context()->Fail(cut ? Diag(diag::kProtoTruncated, "a packed number runs past the end of its field")
                                  : Diag(diag::kProtoVarint, "a number has more than 10 bytes"),
                              start);
      return;
    }
    f(value);
  }
}

template <class T, class F>
void ForEachFixed(WireReader* reader, F&& f) {
  if (reader->wire() != Wire::kBytes) {
    if constexpr (sizeof(T) == 4) {
      const uint32_t bits = reader->Fixed32();
      if (reader->ok()) f(std::bit_cast<T>(bits));
    } else {
      const uint64_t bits = reader->Fixed64();
      if (reader->ok()) f(std::bit_cast<T>(bits));
    }
    return;
  }
  const ByteSpan run = reader->Bytes();
  if (run.size() % sizeof(T) != 0) {
    reader->context()->Fail(Diag(diag::kProtoTruncated, "a packed run ends within a value"), run.data());
    return;
  }
  for (size_t i = 0; i < run.size(); i += sizeof(T)) f(LoadLe<T>(run.data() + i));
}

}  // namespace godwit::proto
