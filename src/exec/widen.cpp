#include "exec/widen.h"

#include <bit>

#include "ir/convert.h"
#include "ops/ops.h"

namespace godwit {

namespace {

bool IsHalf(DType dtype) { return dtype == DType::kF16 || dtype == DType::kBF16; }

float FromF16(uint16_t half) {
  // Exponents are rebased by a multiplication, which also takes subnormal numbers to where they belong.
  uint32_t bits = std::bit_cast<uint32_t>(std::bit_cast<float>((half & 0x7FFFU) << 13) * 0x1p112F);
  if ((half & 0x7C00U) == 0x7C00U) bits |= 0x7F800000U;
  return std::bit_cast<float>(bits | (half & 0x8000U) << 16);
}

float FromBF16(uint16_t half) { return std::bit_cast<float>(uint32_t{half} << 16); }

// Weights are many: this is exact, and much faster than the way through f64.
Result<Tensor> HalfToSingle(const Tensor& tensor) {
  TRY(Tensor out, Tensor::Make(DType::kF32, tensor.dims()));
  const auto* from = tensor.data<uint16_t>();
  auto* to = out.mutable_data<float>();
  const int64_t count = tensor.size();
  if (tensor.dtype() == DType::kF16) {
    for (int64_t i = 0; i < count; ++i) to[i] = FromF16(from[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) to[i] = FromBF16(from[i]);
  }
  return out;
}

/// Applies `f` to the tensors of a value, those inside sequences included.
template <class F>
Result<RtValue> ForEachTensor(RtValue value, F f) {
  if (value.is_tensor()) {
    TRY(Tensor t, f(std::move(value.tensor)));
    return RtValue(std::move(t));
  }
  if (value.kind != RtValue::Kind::kSequence) return value;
  std::vector<RtValue> elements;
  for (const RtValue& e : *value.sequence) {
    // Sequences hold tensors, never sequences.
    if (!e.is_tensor()) {
      elements.push_back(e);
      continue;
    }
    TRY(Tensor t, f(e.tensor));
    elements.emplace_back(std::move(t));
  }
  return RtValue::Sequence(std::move(elements));
}

// The element type of the tensors that a value of the type holds; none where it holds none or that is not known.
DType ElementOf(const Type& type) {
  switch (type.kind()) {
    case Type::Kind::kTensor: return type.dtype();
    case Type::Kind::kSequence:
    case Type::Kind::kOptional: return ElementOf(type.element());
    default: return DType::kNone;
  }
}

bool HoldsHalf(const Type& type) {
  if (type.kind() == Type::Kind::kMap) return HoldsHalf(type.element());
  return IsHalf(ElementOf(type));
}

}  // namespace

DType Widening::Map(DType dtype) const {
  switch (precision_) {
    case Precision::kStored: return dtype;
    case Precision::kSingle: return IsHalf(dtype) ? DType::kF32 : dtype;
    case Precision::kDouble: return IsHalf(dtype) || dtype == DType::kF32 ? DType::kF64 : dtype;
  }
  return dtype;
}

Type Widening::Map(Type type) const {
  if (!enabled()) return type;
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
  if (to == DType::kF32) return HalfToSingle(tensor);
  return ConvertTensor(tensor, to);
}

Result<RtValue> Widening::Map(RtValue value) const {
  if (!enabled()) return value;
  return ForEachTensor(std::move(value), [this](Tensor t) { return Map(std::move(t)); });
}

const Attrs& Widening::AttrsOf(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const Attrs& attrs = node.attrs;
  if (!enabled() || NeedsStoredBits(*node.op)) return attrs;
  bool touched = false;
  for (const auto& [name, value] : attrs) {
    const auto* dtype = std::get_if<DType>(&value);
    const auto* tensor = std::get_if<Tensor>(&value);
    touched = touched || (dtype && Map(*dtype) != *dtype) || (tensor && Map(tensor->dtype()) != tensor->dtype()) ||
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

Result<RtValue> Widening::Leave(RtValue value, const Type& stated) const {
  if (precision_ != Precision::kSingle) return value;
  const DType to = ElementOf(stated);
  if (!IsHalf(to)) return value;
  return ForEachTensor(std::move(value), [to](Tensor t) -> Result<Tensor> {
    if (t.dtype() != DType::kF32) return t;
    return ConvertTensor(t, to);
  });
}

bool Widening::NeedsStoredBits(const OpDef& op) const { return enabled() && &op == &ops::kBitCast; }

Result<std::vector<RtValue>> Widening::Stored(const Graph& graph, NodeId id, std::vector<RtValue> operands) const {
  const Node& node = graph.node(id);
  for (size_t i = 0; i < operands.size(); ++i) {
    if (!operands[i].is_tensor()) continue;
    const DType stated = graph.value(node.in[i]).type.dtype();
    if (Map(stated) != operands[i].tensor.dtype()) continue;
    TRY(operands[i].tensor, ConvertTensor(operands[i].tensor, stated));
  }
  return operands;
}

Precision EffectivePrecision(const Graph& graph, Precision wanted) {
  if (wanted != Precision::kSingle) return wanted;
  bool any = false;
  for (uint32_t i = 0; i < graph.value_count() && !any; ++i) any = HoldsHalf(graph.value(ValueId{i}).type);
  if (!any) return Precision::kStored;
  for (const ValueId v : graph.region(Graph::main()).results) {
    if (!v || ElementOf(graph.value(v).type) == DType::kNone) return Precision::kStored;
  }
  return Precision::kSingle;
}

}  // namespace godwit
