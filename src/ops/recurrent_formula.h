// Layers that TFLite has as one operator, found again in the nodes that spell them out: a recurrent layer in the body
// of a scan, a line of past sums for each filter. Weights are named as the nodes name them: what dequantizes a stored
// weight is part of its value. Nothing is asked of types; sums and products may stand either way round.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "ir/graph.h"

namespace godwit::ops {

/// The number that a constant of one element is; nothing for any other value.
using ScalarFn = std::function<std::optional<double>(ValueId)>;

/// One gate: act(norm(x w^T + h r^T + c * peephole) + bias). What is absent is invalid.
struct LstmGate {
  ValueId w, r, peephole, norm, bias;
};

struct LstmFormula {
  LstmGate gates[4];     ///< input, forget, update, output
  bool coupled = false;  ///< the input gate is one minus the forget gate, and absent
  ValueId projection, projection_bias;
  double cell_clip = 0, projection_clip = 0;  ///< 0: none
};

/// A scan over states h and c and over slices of x, whose results are h, c and the stacked h: forward or reversed,
/// along one axis.
std::optional<LstmFormula> MatchLstm(const Graph& graph, const Node& scan, const ScalarFn& scalar);

/// act(x w^T + h r^T + bias), tanh or relu.
struct RnnFormula {
  ValueId w, r, bias;
  const OpDef* activation = nullptr;
};

/// A scan over the state h and over slices of x, whose results are h and the stacked h.
std::optional<RnnFormula> MatchRnn(const Graph& graph, const Node& scan);

struct SvdfFormula {
  ValueId x, features, times, state, bias;
  ValueId next;              ///< what the state is afterwards
  ValueId sums;              ///< the result, before an activation
  int64_t rank = 1;          ///< filters of a unit
  std::vector<NodeId> body;  ///< from the product to the result, and what makes `next`
};

/// The layer whose result, before an activation, is `sums`; `users` tells who uses a value.
using UsersFn = std::function<std::vector<NodeId>(ValueId)>;
std::optional<SvdfFormula> MatchSvdf(const Graph& graph, ValueId sums, const UsersFn& users);

}  // namespace godwit::ops
