// Typed 32-bit ids and the chunked store they index: stable addresses, no shared ownership, cheap to copy.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace godwit {

template <class Tag>
struct Id {
  static constexpr uint32_t kNone = 0xFFFFFFFFU;
  uint32_t index = kNone;

  [[nodiscard]] constexpr bool valid() const { return index != kNone; }
  explicit constexpr operator bool() const { return valid(); }
  friend constexpr auto operator<=>(const Id&, const Id&) = default;
};

/// Elements never move, so a reference stays good while others are added.
template <class T, class IdType>
class Store {
 public:
  Store() = default;
  Store(const Store& other) : size_(other.size_) {
    chunks_.reserve(other.chunks_.size());
    for (const auto& chunk : other.chunks_) chunks_.push_back(std::make_unique<Chunk>(*chunk));
  }
  Store(Store&&) noexcept = default;
  Store& operator=(const Store&) = delete;
  Store& operator=(Store&&) noexcept = default;
  ~Store() = default;

  IdType Add(T value) {
    const size_t slot = size_ % kChunk;
    if (slot == 0) chunks_.push_back(std::make_unique<Chunk>());
    (*chunks_.back())[slot] = std::move(value);
    return IdType{static_cast<uint32_t>(size_++)};
  }
  T& operator[](IdType id) { return (*chunks_[id.index / kChunk])[id.index % kChunk]; }
  const T& operator[](IdType id) const { return (*chunks_[id.index / kChunk])[id.index % kChunk]; }
  [[nodiscard]] size_t size() const { return size_; }

 private:
  static constexpr size_t kChunk = 256;
  struct Chunk {
    T items[kChunk];
    T& operator[](size_t i) { return items[i]; }
    const T& operator[](size_t i) const { return items[i]; }
  };
  std::vector<std::unique_ptr<Chunk>> chunks_;
  size_t size_ = 0;
};

}  // namespace godwit

template <class Tag>
struct std::hash<godwit::Id<Tag>> {
  size_t operator()(godwit::Id<Tag> id) const noexcept { return std::hash<uint32_t>()(id.index); }
};
