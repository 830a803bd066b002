// Writes FlatBuffers forward: tables are laid out in memory, parents before their children, texts and vectors behind
// them, each content once; blocks of bytes that may be large come last and are only named until the file is written.
//
//   Builder b("TFL3");
//   Fields fields;                                  what the table holds
//   fields.Put<uint32_t>(0, 3).Ref(1);
//   const Placed table = b.Table(b.root(), fields);  lays it out
//   b.Text(table.slot(1), "a name");                 what its field 1 leads to
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace godwit::flat {

/// The fields of a table that is to be laid out.
class Fields {
 public:
  /// Left out if it is the fallback.
  template <class T>
  Fields& Put(uint16_t id, T value, T fallback = {}) {
    return value == fallback ? *this : Always(id, value);
  }
  template <class T>
  Fields& Always(uint16_t id, T value) {
    static_assert(sizeof(T) <= 8);
    Field field{id, sizeof(T), {}};
    std::memcpy(field.value.data(), &value, sizeof(T));
    fields_.push_back(field);
    return *this;
  }
  /// An offset, to be filled in through Placed::slot.
  Fields& Ref(uint16_t id) { return Always(id, uint32_t{0}); }
  Fields& RefIf(bool condition, uint16_t id) { return condition ? Ref(id) : *this; }

 private:
  friend class Builder;
  struct Field {
    uint16_t id;
    uint16_t bytes;
    std::array<std::byte, 8> value;
  };
  std::vector<Field> fields_;
};

/// A table that has been laid out.
class Placed {
 public:
  /// Where in the file the field lies.
  [[nodiscard]] uint64_t slot(uint16_t id) const;

 private:
  friend class Builder;
  std::vector<std::pair<uint16_t, uint64_t>> slots_;
};

class Builder {
 public:
  using Sink = std::function<Status(ByteSpan)>;

  explicit Builder(std::string_view identifier);

  /// The slot of the root table.
  [[nodiscard]] static uint64_t root() { return 0; }
  // Each lays out what the offset at `slot` leads to. Equal texts are one, and so are equal vectors.
  Placed Table(uint64_t slot, const Fields& fields);
  void Text(uint64_t slot, std::string_view text);
  /// `bytes` are whole elements of `width` bytes each; they begin at a multiple of that and of `alignment`.
  void Vector(uint64_t slot, ByteSpan bytes, unsigned width, uint64_t alignment = 4);
  template <class T>
  void Numbers(uint64_t slot, std::span<const T> values) {
    Vector(slot, std::as_bytes(values), sizeof(T));
  }
  /// The slot of the first of n offsets; the others follow, kSlotBytes apart.
  uint64_t Refs(uint64_t slot, size_t n);
  static constexpr uint64_t kSlotBytes = 4;

  /// Bytes behind the tables, in the order in which they are named. Several places may lead to one block.
  size_t Block(uint64_t bytes, uint64_t alignment);
  void RefBlock(uint64_t slot, size_t block);
  /// The 64-bit field at `at` becomes the block's distance from the start of the file.
  void PlaceOfBlock(uint64_t at, size_t block);

  /// Gives vectors and blocks their places, and `behind` zero bytes after the last block. Blocks that offsets lead to
  /// are preceded by their length.
  void Finish(uint64_t behind);
  /// Of the whole file; of the tables alone.
  [[nodiscard]] uint64_t total() const { return total_; }
  [[nodiscard]] uint64_t tables() const { return bytes_.size(); }
  /// `write` hands the bytes of a block to the sink it is given.
  Status Write(const Sink& sink, const std::function<Status(size_t block, const Sink&)>& write) const;

 private:
  void PadTo(uint64_t alignment, uint64_t plus = 0);
  void Share(uint64_t slot, std::string bytes, uint64_t count, uint64_t alignment);
  void PlaceVectors();
  void Point(uint64_t slot, uint64_t target);
  uint64_t FieldList(const std::vector<uint16_t>& list);
  template <class T>
  void Append(T value) {
    const uint64_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    StoreLe(bytes_.data() + at, value);
  }

  struct BlockPlace {
    uint64_t bytes = 0;
    uint64_t alignment = 1;
    uint64_t at = 0;
    std::vector<uint64_t> slots;
    std::vector<uint64_t> places;
  };
  std::vector<std::byte> bytes_;
  // By how they are aligned, the widest first, then by length and content; a text's content ends in a zero byte.
  std::map<std::tuple<uint64_t, uint64_t, std::string>, std::vector<uint64_t>, std::greater<>> vectors_;  // their slots
  std::map<std::vector<uint16_t>, uint64_t> field_lists_;
  std::vector<BlockPlace> blocks_;
  uint64_t total_ = 0;
};

}  // namespace godwit::flat
