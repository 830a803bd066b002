#include "verify/stored_biases.h"

#include <cmath>
#include <vector>

#include "ir/convert.h"
#include "ir/walk.h"
#include "ops/ops.h"

namespace godwit {

namespace {

std::optional<std::vector<double>> NumbersOf(const Graph& graph, ValueId v) {
  if (!graph.IsConstant(v)) return std::nullopt;
  const auto loaded = graph.constant(graph.value(v).constant).Load();
  return loaded.ok() && IsFloat(loaded->dtype()) ? std::optional(ToF64(*loaded)) : std::nullopt;
}

const Node* MakerOf(const Graph& graph, ValueId v, const OpDef& op) {
  const NodeId def = v ? graph.value(v).def : NodeId();
  return def && graph.node(def).op == &op ? &graph.node(def) : nullptr;
}

// The scales of what a product of two dequantised tensors sums up: of the data's one scale and the weights'.
std::vector<double> StepsOfSums(const Graph& graph, const Node& product) {
  std::vector<double> out;
  const Node *x = MakerOf(graph, product.in[0], ops::kDequantize), *w = MakerOf(graph, product.in[1], ops::kDequantize);
  if (x == nullptr || w == nullptr) return out;
  const auto data = NumbersOf(graph, x->in[1]), weights = NumbersOf(graph, w->in[1]);
  if (!data || !weights || data->size() != 1) return out;
  for (const double scale : *weights) {
    out.push_back(static_cast<double>(static_cast<float>((*data)[0]) * static_cast<float>(scale)));
  }
  return out;
}

// The node's bias operand, where it has one in numbers, and the product that it is added to.
const Node* ProductWithBias(const Graph& graph, const Node& node, size_t* bias) {
  *bias = 2;
  if ((node.op == &ops::kConv || node.op == &ops::kGemm) && node.in.size() > 2 && node.in[2]) return &node;
  if (node.op != &ops::kAdd) return nullptr;
  for (size_t k = 0; k < 2; ++k) {
    *bias = 1 - k;
    if (const Node* product = MakerOf(graph, node.in[k], ops::kMatMul); product != nullptr) return product;
  }
  return nullptr;
}

}  // namespace

std::optional<Graph> StoredBiases(const Graph& source) {
  std::optional<Graph> out;
  for (const NodeId id : NodesWithin(source)) {
    size_t bias = 0;
    const Node* product = ProductWithBias(source, source.node(id), &bias);
    if (product == nullptr) continue;
    const ValueId given = source.node(id).in[bias];
    auto numbers = NumbersOf(source, given);
    const std::vector<double> steps = StepsOfSums(source, *product);
    if (!numbers || steps.empty() || (steps.size() != 1 && steps.size() != numbers->size())) continue;
    const Constant& constant = source.constant(source.value(given).constant);
    if (constant.type.dtype != DType::kF32 || !IsStatic(constant.type.shape)) continue;
    Dims dims;
    for (const Dim& d : constant.type.shape) dims.push_back(d.value());
    Tensor stored(DType::kF32, std::move(dims));
    for (size_t i = 0; i < numbers->size(); ++i) {
      const double step = steps[steps.size() == 1 ? 0 : i];
      const double v = step > 0 ? std::nearbyint((*numbers)[i] / step) * step : (*numbers)[i];
      stored.mutable_data<float>()[i] = static_cast<float>(v);
    }
    if (!out) out = source.Clone();
    out->node(id).in[bias] = out->AddConstant(std::move(stored));
  }
  return out;
}

}  // namespace godwit
