// The distinct constants of a model that is to be written: equal ones are one.
#pragma once

#include <vector>

#include "formats/tflite/model.h"

namespace godwit::tflite {

class Contents {
 public:
  static constexpr size_t kNone = SIZE_MAX;

  /// The number of the content; equal numbers for equal contents once Merge has run. kNone if it is empty.
  size_t Add(const Buffer& buffer);
  /// Reads what is as long as another content.
  Status Merge();

  [[nodiscard]] size_t size() const { return items_.size(); }
  /// The first content that equals this one.
  [[nodiscard]] size_t FirstOf(size_t k) const { return items_[k].first; }
  [[nodiscard]] uint64_t BytesOf(size_t k) const { return items_[k].buffer.size(); }
  Status Write(size_t k, const std::function<Status(ByteSpan)>& sink) const;

 private:
  Result<std::pair<uint64_t, uint64_t>> HashOf(size_t k) const;
  struct Item {
    Buffer buffer;
    size_t first = 0;
  };
  std::vector<Item> items_;
};

}  // namespace godwit::tflite
