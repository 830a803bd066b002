// Arithmetic on sizes that come from files: an overflow is an answer, never a wrap.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace godwit {

template <class T>
[[nodiscard]] constexpr std::optional<T> CheckedAdd(T a, T b) {
  T out{};
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}

template <class T>
[[nodiscard]] constexpr std::optional<T> CheckedMul(T a, T b) {
  T out{};
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

/// The number of elements of a shape; nothing if a dimension is negative or the product leaves int64. A shape that
/// holds a zero has no elements, whatever its other dimensions multiply to.
[[nodiscard]] constexpr std::optional<int64_t> CheckedProduct(std::span<const int64_t> dims) {
  bool empty = false;
  for (const int64_t d : dims) {
    if (d < 0) return std::nullopt;
    empty = empty || d == 0;
  }
  if (empty) return 0;
  int64_t product = 1;
  for (const int64_t d : dims) {
    if (__builtin_mul_overflow(product, d, &product)) return std::nullopt;
  }
  return product;
}

/// Whether [offset, offset + length) lies within `size` bytes.
[[nodiscard]] constexpr bool FitsWithin(uint64_t offset, uint64_t length, uint64_t size) {
  return offset <= size && length <= size - offset;
}

}  // namespace godwit
