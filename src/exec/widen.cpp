#include "exec/widen.h"

#include "ir/convert.h"

namespace godwit {

DType Widening::Map(DType dtype) const {
  const bool narrow = dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
  return enabled_ && narrow ? DType::kF64 : dtype;
}

Type Widening::Map(Type type) const {
  if (!enabled_) return type;
  switch (type.kind()) {
    case Type::Kind::kTensor: type.tensor().dtype = Map(type.dtype()); return type;
    case Type::Kind::kSequence: return Type::Sequence(Map(type.element()));
    case Type::Kind::kOptional: return Type::Optional(Map(type.element()));
    case Type::Kind::kMap: return Type::Map(Map(type.key()), Map(type.element()));
    default: return type;
  }
}

Result<Tensor> Widening::Map(Tensor tensor) const {
  const DType to = Map(tensor.dtype());
  if (to == tensor.dtype()) return tensor;
  return ConvertTensor(tensor, to);
}

Result<RtValue> Widening::Map(RtValue value) const {
  if (!enabled_) return value;
  if (value.is_tensor()) {
    TRY(Tensor t, Map(std::move(value.tensor)));
    return RtValue(std::move(t));
  }
  if (value.kind != RtValue::Kind::kSequence) return value;
  std::vector<RtValue> elements;
  for (const RtValue& e : *value.sequence) {
    TRY(RtValue v, Map(e));
    elements.push_back(std::move(v));
  }
  return RtValue::Sequence(std::move(elements));
}

const Attrs& Widening::AttrsOf(const Graph& graph, NodeId id) {
  const Attrs& attrs = graph.node(id).attrs;
  if (!enabled_) return attrs;
  bool touched = false;
  for (const auto& [name, value] : attrs) {
    const auto* dtype = std::get_if<DType>(&value);
    touched = touched || (dtype && Map(*dtype) != *dtype) || std::holds_alternative<Tensor>(value) ||
              std::holds_alternative<Type>(value);
  }
  if (!touched) return attrs;
  auto [it, inserted] = changed_.try_emplace(id.index, attrs);
  if (!inserted) return it->second;
  for (const auto& [name, value] : attrs) {
    if (const auto* dtype = std::get_if<DType>(&value)) it->second.Set(name, Map(*dtype));
    if (const auto* type = std::get_if<Type>(&value)) it->second.Set(name, Map(*type));
    if (const auto* tensor = std::get_if<Tensor>(&value)) {
      if (auto wide = Map(*tensor); wide.ok()) it->second.Set(name, *std::move(wide));
    }
  }
  return it->second;
}

}  // namespace godwit
