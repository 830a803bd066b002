// Writes protobuf messages forward, without holding them in memory: the same code that emits a message runs twice,
// first over a writer that only counts and notes the length of every nested message, then over one that writes.
//
//   WireWriter counter;            EmitModel(model, &counter);
//   WireWriter writer(counter, &sink);  EmitModel(model, &writer);
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace godwit::proto {

class WireWriter {
 public:
  using Sink = std::function<Status(ByteSpan)>;

  /// Counts.
  WireWriter() = default;
  /// Writes what `counter` has counted.
  WireWriter(const WireWriter& counter, Sink sink) : lengths_(counter.lengths_), sink_(std::move(sink)) {}

  void Varint(uint32_t field, uint64_t value);
  void Int(uint32_t field, int64_t value) { Varint(field, static_cast<uint64_t>(value)); }
  void Float(uint32_t field, float value);
  void Bytes(uint32_t field, ByteSpan value);
  void Text(uint32_t field, std::string_view value) { Bytes(field, AsBytes(value)); }
  /// `size` bytes that `produce(sink)` hands to the sink piece by piece, when they are written.
  template <class F>
  void Stream(uint32_t field, uint64_t size, F&& produce) {
    const uint64_t end = OpenBytes(field, size);
    if (!sink_) {
      total_ = end;
    } else if (failed_ == nullptr) {
      Status status = produce([this](ByteSpan bytes) -> Status {
        Put(bytes);
        return Ok{};
      });
      if (!status.ok() && failed_ == nullptr) failed_ = status.TakeDiag();
      CHECK(failed_ != nullptr || total_ == end);
    }
  }
  /// Bytes that hold whole fields already.
  void Raw(ByteSpan fields) { Put(fields); }
  /// `emit` writes the fields of the message.
  template <class F>
  void Message(uint32_t field, F&& emit) {
    const size_t slot = Open(field);
    const uint64_t start = total_;
    emit();
    Close(slot, start);
  }

  /// Bytes counted or written.
  [[nodiscard]] uint64_t total() const { return total_; }
  /// The first failure of the sink.
  Status status() { return failed_ == nullptr ? Status(Ok{}) : Status(std::move(failed_)); }

 private:
  size_t Open(uint32_t field);
  uint64_t OpenBytes(uint32_t field, uint64_t size);
  void Close(size_t slot, uint64_t start);
  void PutVarint(uint64_t value);
  void Put(ByteSpan bytes);

  std::vector<uint64_t> lengths_;  // of the nested messages, in the order in which they open
  size_t next_ = 0;
  uint64_t total_ = 0;
  Sink sink_;
  std::unique_ptr<Diag> failed_;
};

}  // namespace godwit::proto
