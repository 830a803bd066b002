// Types and attributes of ours as those of ONNX.
#pragma once

#include <initializer_list>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "backends/onnx/arena.h"
#include "formats/onnx/model.h"
#include "ir/attrs.h"
#include "ir/type.h"

namespace godwit::to_onnx {

onnx::DataType ToDataType(DType dtype);

/// How the dims of a type that are not numbers are written.
enum class Symbols : uint8_t {
  kNamed,    ///< as dim_param, expressions as their text
  kUnknown,  ///< left open: within bodies, where a size may change from turn to turn
  kNoDims,   ///< all dims are left open: results of bodies, which may be those of a branch that is never taken
};
/// Null for types that ONNX cannot state.
const onnx::Type* ToOnnxType(const Type& type, Symbols symbols, ExportArena* arena);

/// Attributes of an ONNX node: {{"axis", 1}, {"mode", "linear"}}.
class OnnxAttrs {
 public:
  using Value = std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<double>,
                             std::vector<std::string>, DType, Tensor, Type, const onnx::Graph*>;
  OnnxAttrs() = default;
  OnnxAttrs(std::initializer_list<std::pair<std::string_view, Value>> items) : items_(items) {}

  void Set(std::string_view name, Value value) { items_.emplace_back(name, std::move(value)); }
  /// What says no more than the default is left out.
  void SetInt(std::string_view name, int64_t value, int64_t fallback) {
    if (value != fallback) Set(name, value);
  }
  void SetFloat(std::string_view name, double value, double fallback) {
    if (static_cast<float>(value) != static_cast<float>(fallback)) Set(name, value);
  }
  void SetInts(std::string_view name, const std::vector<int64_t>& values) {
    if (!values.empty()) Set(name, values);
  }
  [[nodiscard]] const std::vector<std::pair<std::string_view, Value>>& items() const { return items_; }

 private:
  std::vector<std::pair<std::string_view, Value>> items_;
};

onnx::Attribute ToAttribute(std::string_view name, const OnnxAttrs::Value& value, ExportArena* arena);

/// The tensor as a message's view. Its bytes stay where they are unless they have to be packed, and then they are in
/// the arena: for tensors of a few elements. weights.h serves large ones.
onnx::Tensor ToOnnxTensor(const Tensor& tensor, std::string_view name, ExportArena* arena);

}  // namespace godwit::to_onnx
