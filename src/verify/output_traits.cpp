#include "verify/output_traits.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

#include "ir/convert.h"
#include "ops/ops.h"

namespace godwit {

namespace {

// What makes a value, but for moves of its elements; null for an input.
const Node* MakerBehindMoves(const Graph& graph, ValueId value) {
  static constexpr const OpDef* kMoves[] = {&ops::kReshape,   &ops::kTranspose, &ops::kSqueeze,
                                            &ops::kUnsqueeze, &ops::kFlatten,   &ops::kIdentity};
  constexpr int kFar = 16;
  for (int steps = 0; steps < kFar; ++steps) {
    const NodeId def = graph.value(value).def;
    if (!def) return nullptr;
    const Node& node = graph.node(def);
    if (std::find(std::begin(kMoves), std::end(kMoves), node.op) == std::end(kMoves)) return &node;
    value = node.in[0];
  }
  return nullptr;
}

}  // namespace

bool IsOfUnitRange(const Graph& graph, ValueId value) {
  const Node* node = MakerBehindMoves(graph, value);
  return node != nullptr && (node->op == &ops::kSigmoid || node->op == &ops::kTanh || node->op == &ops::kSoftmax);
}

double StepOf(const Graph& graph, ValueId value) {
  const Node* node = MakerBehindMoves(graph, value);
  if (node == nullptr || node->op != &ops::kDequantize) return 0;
  const ValueId scales = node->in[1];
  if (!graph.IsConstant(scales)) return 0;
  const auto loaded = graph.constant(graph.value(scales).constant).Load();
  double step = 0;
  for (const double s : loaded.ok() ? ToF64(*loaded) : std::vector<double>()) step = std::max(step, std::fabs(s));
  return step;
}

}  // namespace godwit
