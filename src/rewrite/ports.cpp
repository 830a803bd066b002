#include "rewrite/ports.h"

#include "ir/builder.h"
#include "ir/convert.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

std::vector<Use> UsesOf(const Graph& graph, ValueId value) {
  std::vector<Use> uses;
  ForEachUse(graph, [&](const Use& use) {
    if (use.value == value) uses.push_back(use);
  });
  return uses;
}

void Redirect(Graph* graph, const std::vector<Use>& uses, ValueId to) {
  for (const Use& use : uses) {
    (use.node ? graph->node(use.node).in : graph->region(use.region).results)[use.index] = to;
  }
}

// Scale and zero point of a quantised type as operands.
struct QuantOperands {
  ValueId scale, zero;
  Attrs attrs;
};
Result<QuantOperands> OperandsOf(const TensorType& type, Builder* builder) {
  const Quant& quant = *type.quant;
  const auto n = static_cast<int64_t>(quant.scales.size());
  const Dims dims = quant.axis < 0 || n == 1 ? Dims{} : Dims{n};
  QuantOperands out;
  TRY(Tensor scales, Tensor::Make(DType::kF32, dims));
  RETURN_IF_ERROR(FromF64(quant.scales, &scales));
  TRY(Tensor zeros, Tensor::Make(type.dtype, dims));
  RETURN_IF_ERROR(
      FromI64(quant.zero_points.empty() ? std::vector<int64_t>(quant.scales.size(), 0) : quant.zero_points, &zeros));
  out.scale = builder->Constant(std::move(scales));
  out.zero = builder->Constant(std::move(zeros));
  if (!dims.empty()) out.attrs.Set("axis", int64_t{quant.axis});
  return out;
}

bool IsQuantised(const Type& type) {
  return type.is_tensor() && type.tensor().quant != nullptr && !type.tensor().quant->scales.empty() &&
         type.tensor().quant->block == 0;
}

}  // namespace

std::vector<int64_t> ToChannelsLast(int rank) {
  std::vector<int64_t> perm;
  if (rank < 3) return perm;
  perm.push_back(0);
  for (int k = 2; k < rank; ++k) perm.push_back(k);
  perm.push_back(1);
  return perm;
}

Status ReorderInput(Graph* graph, ValueId input, const std::vector<int64_t>& perm) {
  const std::vector<Use> uses = UsesOf(*graph, input);
  const Shape before = graph->value(input).type.shape();
  Shape& shape = graph->value(input).type.tensor().shape;
  for (size_t k = 0; k < perm.size(); ++k) shape[k] = before[static_cast<size_t>(perm[k])];
  Inference inference(*graph);
  Builder builder(*graph, inference);
  TRY(const ValueId inner, builder.Emit(ops::kTranspose, {input}, {{"perm", Inverse(perm)}}));
  Redirect(graph, uses, inner);
  return Ok{};
}

Status ReorderOutput(Graph* graph, size_t index, const std::vector<int64_t>& perm) {
  Inference inference(*graph);
  Builder builder(*graph, inference);
  TRY(const ValueId outer,
      builder.Emit(ops::kTranspose, {graph->region(Graph::main()).results[index]}, {{"perm", perm}}));
  graph->region(Graph::main()).results[index] = outer;
  return Ok{};
}

Status DequantizeInput(Graph* graph, ValueId input) {
  const Type type = graph->value(input).type;
  if (!IsQuantised(type)) return Ok{};
  const std::vector<Use> uses = UsesOf(*graph, input);
  TensorType& own = graph->value(input).type.tensor();
  own.dtype = DType::kF32;
  own.quant = nullptr;
  Inference inference(*graph);
  Builder builder(*graph, inference);
  TRY(QuantOperands given, OperandsOf(type.tensor(), &builder));
  given.attrs.Set("to", type.dtype());
  TRY(const ValueId inner, builder.Emit(ops::kQuantize, {input, given.scale, given.zero}, std::move(given.attrs)));
  graph->value(inner).type.tensor().quant = type.tensor().quant;
  Redirect(graph, uses, inner);
  return Ok{};
}

Status DequantizeOutput(Graph* graph, size_t index) {
  const ValueId inner = graph->region(Graph::main()).results[index];
  const Type type = graph->value(inner).type;
  if (!IsQuantised(type)) return Ok{};
  Inference inference(*graph);
  Builder builder(*graph, inference);
  TRY(QuantOperands given, OperandsOf(type.tensor(), &builder));
  given.attrs.Set("to", DType::kF32);
  TRY(const ValueId outer, builder.Emit(ops::kDequantize, {inner, given.scale, given.zero}, std::move(given.attrs)));
  graph->region(Graph::main()).results[index] = outer;
  return Ok{};
}

}  // namespace godwit
