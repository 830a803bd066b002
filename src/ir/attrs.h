// Attributes of a node: a small sorted map from name to value. One generic form serves the text form, the verifier,
// the documents and opaque nodes alike; the operator's table says which names exist, their kinds and defaults.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ir/tensor.h"
#include "ir/type.h"

namespace godwit {

enum class AttrKind : uint8_t { kInt, kFloat, kString, kIntList, kFloatList, kStringList, kDType, kTensor, kType };

using AttrValue = std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<double>,
                               std::vector<std::string>, DType, Tensor, Type>;
inline AttrKind KindOf(const AttrValue& v) { return static_cast<AttrKind>(v.index()); }

class Attrs {
 public:
  Attrs() = default;
  Attrs(std::initializer_list<std::pair<std::string, AttrValue>> items);
  void Set(std::string_view name, AttrValue value);
  void Erase(std::string_view name);
  [[nodiscard]] const AttrValue* Find(std::string_view name) const;
  [[nodiscard]] bool Has(std::string_view name) const { return Find(name) != nullptr; }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] size_t size() const { return items_.size(); }
  [[nodiscard]] auto begin() const { return items_.begin(); }
  [[nodiscard]] auto end() const { return items_.end(); }

  // Typed reads for code that knows the operator; `fallback` is what an absent attribute means. An attribute of
  // another kind reads as absent: the verifier refuses such nodes before anybody runs them.
  [[nodiscard]] int64_t Int(std::string_view name, int64_t fallback = 0) const;
  [[nodiscard]] bool Flag(std::string_view name, bool fallback = false) const { return Int(name, fallback) != 0; }
  [[nodiscard]] double Float(std::string_view name, double fallback = 0) const;
  [[nodiscard]] std::string_view Str(std::string_view name, std::string_view fallback = {}) const;
  [[nodiscard]] const std::vector<int64_t>& Ints(std::string_view name) const;      ///< empty when absent
  [[nodiscard]] const std::vector<double>& Floats(std::string_view name) const;     ///< empty when absent
  [[nodiscard]] const std::vector<std::string>& Strs(std::string_view name) const;  ///< empty when absent
  [[nodiscard]] DType Dtype(std::string_view name, DType fallback = DType::kNone) const;
  [[nodiscard]] const Tensor* TensorOf(std::string_view name) const;
  [[nodiscard]] const Type* TypeOf(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, AttrValue>> items_;
};

}  // namespace godwit
