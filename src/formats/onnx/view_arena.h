// Where a parser puts the arrays of the views: one arena that counts what it hands out against the limit view-bytes.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <memory_resource>
#include <new>
#include <span>
#include <string>
#include <type_traits>

#include "formats/protobuf/wire_reader.h"

namespace godwit::onnx {

class ViewArena {
 public:
  using Resource = std::pmr::monotonic_buffer_resource;

  explicit ViewArena(proto::WireContext* context)
      : context_(context),
        budget_(2 * static_cast<uint64_t>(context->file().size()) +
                static_cast<uint64_t>(context->limits().view_bytes)),
        resource_(std::make_shared<Resource>()) {}

  /// n default elements; an empty span, and an error in the context, when memory beyond the limit would be needed.
  template <class T>
  std::span<T> Array(size_t n) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (n == 0 || !Charge(n, sizeof(T))) return {};
    T* items = static_cast<T*>(resource_->allocate(n * sizeof(T), alignof(T)));
    for (size_t i = 0; i < n; ++i) new (items + i) T();
    return {items, n};
  }

  template <class T>
  const T* Keep(const T& value) {
    const std::span<T> place = Array<T>(1);
    if (place.empty()) return nullptr;
    place[0] = value;
    return place.data();
  }

  [[nodiscard]] std::shared_ptr<Resource> resource() const { return resource_; }

 private:
  bool Charge(size_t n, size_t size) {
    if (n > (budget_ - used_) / size) {
      // What else the model needs is not known here, so the hint offers room rather than a count.
      const Limits& limits = context_->limits();
      const uint64_t wanted =
          used_ + n * static_cast<uint64_t>(size) - 2 * static_cast<uint64_t>(context_->file().size());
      Diag diag = LimitExceeded(limits, &Limits::view_bytes, wanted, "memory for the structure of the model");
      diag.hint =
          "if the file is trusted: --limit view-bytes=" + std::to_string(4 * std::max<uint64_t>(wanted, 1 << 20));
      context_->Fail(std::move(diag), nullptr);
      return false;
    }
    used_ += n * static_cast<uint64_t>(size);
    return true;
  }

  proto::WireContext* context_;
  uint64_t budget_;
  uint64_t used_ = 0;
  std::shared_ptr<Resource> resource_;
};

/// Fills an array whose length was counted beforehand.
template <class T>
class Filler {
 public:
  Filler(ViewArena* arena, size_t n) : items_(arena->Array<T>(n)) {}
  void Add(const T& value) {
    if (used_ < items_.size()) items_[used_++] = value;
  }
  [[nodiscard]] std::span<const T> items() const { return items_.first(used_); }

 private:
  std::span<T> items_;
  size_t used_ = 0;
};

/// How the repeated numbers of a message are stored: bit n stands for field n.
struct NumberFields {
  uint32_t varints = 0;
  uint32_t fixed32 = 0;
};

/// How often each field below 32 occurs in a message; values, not occurrences, for fields of repeated numbers.
class FieldCounts {
 public:
  FieldCounts(proto::WireReader reader, NumberFields numbers = {}) {
    while (reader.Next()) {
      const uint32_t f = reader.field();
      if (f >= counts_.size()) continue;
      const uint32_t bit = uint32_t{1} << f;
      counts_[f] += (numbers.varints & bit) != 0   ? proto::CountVarints(reader)
                    : (numbers.fixed32 & bit) != 0 ? proto::CountFixed(reader, 4)
                                                   : 1;
    }
  }
  size_t operator[](size_t field) const { return counts_[field]; }

 private:
  std::array<size_t, 32> counts_{};
};

}  // namespace godwit::onnx
