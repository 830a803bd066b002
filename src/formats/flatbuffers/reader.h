// Views over FlatBuffers bytes: tables, vectors, texts and unions. Sizes are 64-bit, nothing is allocated, and no byte
// outside the file is touched. Errors are sticky: after the first one every value is absent or empty, so a parser
// checks once, at its end. How deep tables lie within each other is up to the schema of the one who asks.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"

namespace godwit::flat {

class Table;

/// The bytes that all views of one parse lie in, the first error that one of them met, and how far they reach.
class Context {
 public:
  Context(ByteSpan file, const Limits& limits);

  [[nodiscard]] bool ok() const { return error_ == nullptr; }
  [[nodiscard]] ByteSpan file() const { return file_; }
  [[nodiscard]] const Limits& limits() const { return *limits_; }
  /// The four letters behind the root offset.
  [[nodiscard]] std::string_view Identifier() const;
  Table Root();

  /// Keeps the first error, at "byte N".
  void Fail(Diag diag, uint64_t at);
  std::unique_ptr<Diag> TakeError() { return std::move(error_); }
  /// Where the last byte of all that was looked at ends.
  [[nodiscard]] uint64_t reach() const { return reach_; }

  // A small file may refer to one part again and again, so what is made of it is counted against the limit view-bytes,
  // and so is what is looked at without being copied.
  /// Memory for what is read; false, and an error, beyond twice the size of the file and the limit.
  bool Charge(uint64_t count, uint64_t size);
  /// The same, apart, for the bytes of vectors that are looked at where they lie.
  bool Walk(uint64_t bytes);
  /// Whether the file has the bytes; an error if not.
  bool Need(uint64_t at, uint64_t bytes);
  bool Align(uint64_t at, uint64_t size);

  template <class T>
  [[nodiscard]] T Load(uint64_t at) const {
    return LoadLe<T>(file_.data() + at);
  }

 private:
  bool Spend(uint64_t* spent, uint64_t count, uint64_t size);

  ByteSpan file_;
  const Limits* limits_;
  uint64_t budget_ = 0;
  uint64_t used_ = 0;
  uint64_t walked_ = 0;
  uint64_t reach_ = 0;
  std::unique_ptr<Diag> error_;
};

/// A vector of offsets, to tables or to texts.
class Offsets {
 public:
  Offsets() = default;
  Offsets(Context* context, uint64_t at, uint32_t size) : context_(context), at_(at), size_(size) {}
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] Table TableAt(size_t k) const;
  [[nodiscard]] std::string_view TextAt(size_t k) const;

 private:
  Context* context_ = nullptr;
  uint64_t at_ = 0;
  uint32_t size_ = 0;
};

class Table {
 public:
  /// Absent: no field is there.
  Table() = default;
  /// The table at byte `at`.
  Table(Context* context, uint64_t at);

  [[nodiscard]] bool present() const { return context_ != nullptr; }
  [[nodiscard]] uint64_t at() const { return at_; }
  [[nodiscard]] bool Has(uint16_t id) const { return FieldAt(id) != 0; }

  template <class T>
  [[nodiscard]] T Get(uint16_t id, T fallback = {}) const {
    const uint64_t at = ScalarAt(id, sizeof(T));
    return at == 0 ? fallback : context_->Load<T>(at);
  }
  [[nodiscard]] bool Flag(uint16_t id) const { return Get<uint8_t>(id) != 0; }
  [[nodiscard]] std::string_view Text(uint16_t id) const;
  [[nodiscard]] Table Child(uint16_t id) const;
  [[nodiscard]] Offsets Children(uint16_t id) const;
  /// The elements of a vector of numbers, `width` bytes each. Plain bytes cost nothing: they are not walked.
  [[nodiscard]] ByteSpan Elements(uint16_t id, unsigned width) const;

 private:
  [[nodiscard]] uint64_t FieldAt(uint16_t id) const;
  [[nodiscard]] uint64_t ScalarAt(uint16_t id, unsigned width) const;
  [[nodiscard]] uint64_t TargetOf(uint16_t id) const;

  Context* context_ = nullptr;
  uint64_t at_ = 0;
  uint64_t fields_at_ = 0;  // of the field list
  uint16_t fields_bytes_ = 0;
  uint16_t bytes_ = 0;
};

}  // namespace godwit::flat
