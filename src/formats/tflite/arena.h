// Where what the views of a model point into is kept while one is made: names, arrays, options.
#pragma once

#include <cstring>
#include <memory>
#include <memory_resource>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "formats/tflite/options.h"

namespace godwit::tflite {

class ModelArena {
 public:
  using Resource = std::pmr::monotonic_buffer_resource;
  ModelArena() : resource_(std::make_shared<Resource>()) {}

  std::string_view Text(std::string_view text) {
    const std::span<const char> kept = Array(std::span<const char>(text.data(), text.size()));
    return {kept.data(), kept.size()};
  }
  ByteSpan Bytes(ByteSpan bytes) { return Array(bytes); }
  /// n default elements, to be filled in.
  template <class T>
  std::span<T> Fresh(size_t n) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (n == 0) return {};
    T* at = static_cast<T*>(resource_->allocate(n * sizeof(T), alignof(T)));
    for (size_t i = 0; i < n; ++i) new (at + i) T();
    return {at, n};
  }
  template <class T>
  std::span<const T> Array(std::span<const T> items) {
    const std::span<T> kept = Fresh<T>(items.size());
    for (size_t i = 0; i < items.size(); ++i) kept[i] = items[i];
    return kept;
  }
  template <class T>
  std::span<const T> Array(const std::vector<T>& items) {
    return Array(std::span<const T>(items));
  }
  template <class T>
  const T* One(const T& item) {
    return Array(std::span<const T>(&item, 1)).data();
  }
  [[nodiscard]] const std::shared_ptr<Resource>& resource() const { return resource_; }

 private:
  std::shared_ptr<Resource> resource_;
};

/// Fills in options, the values being kept in the arena:
///
///   OptionsSetter set(&arena, "Conv2DOptions");
///   set.Int("stride_w", 2).Enum("padding", Padding::kValid);
///   op.options = set.options();
class OptionsSetter {
 public:
  OptionsSetter(ModelArena* arena, std::string_view table);
  OptionsSetter(ModelArena* arena, const TableDef* table);

  OptionsSetter& Int(std::string_view field, int64_t value);
  OptionsSetter& Bool(std::string_view field, bool value) { return Int(field, value ? 1 : 0); }
  template <class E>
  OptionsSetter& Enum(std::string_view field, E value) {
    return Int(field, static_cast<int64_t>(value));
  }
  OptionsSetter& Float(std::string_view field, float value);
  OptionsSetter& Text(std::string_view field, std::string_view value);
  OptionsSetter& Bytes(std::string_view field, ByteSpan value);
  OptionsSetter& Ints(std::string_view field, std::span<const int64_t> values);
  OptionsSetter& Floats(std::string_view field, std::span<const float> values);

  [[nodiscard]] const Options& options() const { return options_; }

 private:
  OptionValue* Place(std::string_view field, const FieldDef** def);

  ModelArena* arena_;
  Options options_;
};

}  // namespace godwit::tflite
