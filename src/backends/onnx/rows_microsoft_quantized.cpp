// com.microsoft's operators on 8-bit numbers: dequantised, computed with, and quantised again, as one node.
#include <optional>

#include "backends/onnx/emit.h"

namespace godwit::to_onnx {

namespace {

constexpr std::string_view kMicrosoft = "com.microsoft";

bool IsByte(DType dtype) { return dtype == DType::kI8 || dtype == DType::kU8; }

/// One scale and zero point for all of a tensor.
bool IsWhole(const NodeExport& n, const Node& quantise) {
  const Type& scale = n.TypeOf(quantise.in[1]);
  return quantise.attrs.Int("block", 0) == 0 && scale.ranked() && scale.rank() == 0 && scale.dtype() == DType::kF32 &&
         quantise.in.size() > 2 && quantise.in[2];
}

/// What `v` is dequantised from.
const Node* Stored(const NodeExport& n, ValueId v, DType dtype) {
  const Node* from = n.DefOf(v, ops::kDequantize);
  const bool fits = from != nullptr && IsWhole(n, *from) && n.TypeOf(from->in[0]).dtype() == dtype &&
                    n.TypeOf(v).dtype() == DType::kF32;
  return fits ? from : nullptr;
}

void Append(NodeExport& n, const Node& stored, Names* in) {
  for (size_t i = 0; i < 3; ++i) in->push_back(n.Of(stored.in[i]));
}

/// The node between the two: nobody else uses its result.
const Node* Between(const NodeExport& n, const OpDef& op) {
  const bool fits = IsByte(n.OutType().dtype()) && IsWhole(n, n.node()) && n.attrs().Flag("saturate", true);
  return fits ? n.Maker(n.Operand(0), op) : nullptr;
}

Status EmitBetween(NodeExport& n, const OpDef& op, size_t operands) {
  const Node* inner = Between(n, op);
  if (inner == nullptr) return n.NotThis();
  Names in;
  for (size_t i = 0; i < operands; ++i) {
    const Node* stored = Stored(n, inner->in[i], n.OutType().dtype());
    if (stored == nullptr) return n.NotThis();
    Append(n, *stored, &in);
  }
  in.insert(in.end(), {n.In(1), n.In(2)});
  OnnxAttrs attrs;
  if (&op == &ops::kLeakyRelu) attrs.SetFloat("alpha", inner->attrs.Float("alpha", 0.01), 0.01);
  n.Emit(n.row().onnx, std::move(in), attrs);
  return Ok{};
}

Status EmitAdd(NodeExport& n) { return EmitBetween(n, ops::kAdd, 2); }
Status EmitMul(NodeExport& n) { return EmitBetween(n, ops::kMul, 2); }
Status EmitSigmoid(NodeExport& n) { return EmitBetween(n, ops::kSigmoid, 1); }
Status EmitLeakyRelu(NodeExport& n) { return EmitBetween(n, ops::kLeakyRelu, 1); }

// The scale and zero point of the result come first.
Status EmitConcat(NodeExport& n) {
  const Node* concat = Between(n, ops::kConcat);
  if (concat == nullptr) return n.NotThis();
  Names in = {n.In(1), n.In(2)};
  for (const ValueId v : concat->in) {
    const Node* stored = Stored(n, v, n.OutType().dtype());
    if (stored == nullptr) return n.NotThis();
    Append(n, *stored, &in);
  }
  n.Emit("QLinearConcat", std::move(in), {{"axis", concat->attrs.Int("axis")}});
  return Ok{};
}

constexpr Row Fused(std::string_view onnx, Status (*emit)(NodeExport&)) {
  return {&ops::kQuantize, onnx, 1, emit, 99, kMicrosoft, Use::kFused};
}
constexpr Row kRows[] = {
    Fused("QLinearAdd", EmitAdd), Fused("QLinearConcat", EmitConcat),   Fused("QLinearLeakyRelu", EmitLeakyRelu),
    Fused("QLinearMul", EmitMul), Fused("QLinearSigmoid", EmitSigmoid),
};

}  // namespace

extern const RowSet kMicrosoftQuantizedRows{kRows};

}  // namespace godwit::to_onnx
