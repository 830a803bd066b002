// Little-endian loads and stores at any alignment, and the two views of raw memory that codecs pass around.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace godwit {

using ByteSpan = std::span<const std::byte>;

static_assert(std::endian::native == std::endian::little, "element bytes are used in place, as the formats store them");

/// Reads a little-endian T at p, which need not be aligned. The caller has proven sizeof(T) bytes present.
template <class T>
[[nodiscard]] inline T LoadLe(const std::byte* p) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

template <class T>
inline void StoreLe(std::byte* p, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(p, &value, sizeof(T));
}

[[nodiscard]] inline std::string_view AsText(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[nodiscard]] inline ByteSpan AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace godwit
