// Where what the views of a model to be written point into is kept: names, arrays, payloads.
#pragma once

#include <cstring>
#include <memory>
#include <memory_resource>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace godwit::to_onnx {

using Name = std::string_view;

class ExportArena {
 public:
  ExportArena() : resource_(std::make_shared<std::pmr::monotonic_buffer_resource>()) {}

  std::string_view Text(std::string_view text) {
    if (text.empty()) return {};
    char* at = static_cast<char*>(resource_->allocate(text.size(), 1));
    std::memcpy(at, text.data(), text.size());
    return {at, text.size()};
  }
  template <class T>
  std::span<const T> Array(std::span<const T> items) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (items.empty()) return {};
    T* at = static_cast<T*>(resource_->allocate(items.size() * sizeof(T), alignof(T)));
    for (size_t i = 0; i < items.size(); ++i) new (at + i) T(items[i]);
    return {at, items.size()};
  }
  template <class T>
  std::span<const T> Array(const std::vector<T>& items) {
    return Array(std::span<const T>(items));
  }
  template <class T>
  const T* One(const T& item) {
    return Array(std::span<const T>(&item, 1)).data();
  }
  [[nodiscard]] const std::shared_ptr<std::pmr::monotonic_buffer_resource>& resource() const { return resource_; }

 private:
  std::shared_ptr<std::pmr::monotonic_buffer_resource> resource_;
};

}  // namespace godwit::to_onnx
