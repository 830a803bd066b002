#include "ir/attrs.h"

#include <algorithm>

namespace godwit {

namespace {

template <class Items>
auto LowerBound(Items& items, std::string_view name) {
  return std::lower_bound(items.begin(), items.end(), name,
                          [](const auto& item, std::string_view key) { return item.first < key; });
}

template <class T>
const T* Typed(const Attrs& attrs, std::string_view name) {
  const AttrValue* value = attrs.Find(name);
  return value == nullptr ? nullptr : std::get_if<T>(value);
}

template <class T>
const std::vector<T>& TypedList(const Attrs& attrs, std::string_view name) {
  static const std::vector<T> kEmpty;
  const auto* value = Typed<std::vector<T>>(attrs, name);
  return value == nullptr ? kEmpty : *value;
}

}  // namespace

Attrs::Attrs(std::initializer_list<std::pair<std::string, AttrValue>> items) {
  for (const auto& [name, value] : items) Set(name, value);
}

void Attrs::Set(std::string_view name, AttrValue value) {
  auto it = LowerBound(items_, name);
  if (it != items_.end() && it->first == name) {
    it->second = std::move(value);
  } else {
    items_.emplace(it, std::string(name), std::move(value));
  }
}

void Attrs::Erase(std::string_view name) {
  auto it = LowerBound(items_, name);
  if (it != items_.end() && it->first == name) items_.erase(it);
}

const AttrValue* Attrs::Find(std::string_view name) const {
  auto it = LowerBound(items_, name);
  return it != items_.end() && it->first == name ? &it->second : nullptr;
}

int64_t Attrs::Int(std::string_view name, int64_t fallback) const {
  const auto* value = Typed<int64_t>(*this, name);
  return value == nullptr ? fallback : *value;
}

double Attrs::Float(std::string_view name, double fallback) const {
  const auto* value = Typed<double>(*this, name);
  return value == nullptr ? fallback : *value;
}

std::string_view Attrs::Str(std::string_view name, std::string_view fallback) const {
  const auto* value = Typed<std::string>(*this, name);
  return value == nullptr ? fallback : std::string_view(*value);
}

const std::vector<int64_t>& Attrs::Ints(std::string_view name) const { return TypedList<int64_t>(*this, name); }
const std::vector<double>& Attrs::Floats(std::string_view name) const { return TypedList<double>(*this, name); }
const std::vector<std::string>& Attrs::Strs(std::string_view name) const { return TypedList<std::string>(*this, name); }

DType Attrs::Dtype(std::string_view name, DType fallback) const {
  const auto* value = Typed<DType>(*this, name);
  return value == nullptr ? fallback : *value;
}

const Tensor* Attrs::TensorOf(std::string_view name) const { return Typed<Tensor>(*this, name); }
const Type* Attrs::TypeOf(std::string_view name) const { return Typed<Type>(*this, name); }

}  // namespace godwit
