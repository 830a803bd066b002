// Where a model begins and ends: inner tensors that become inputs or outputs, inputs that become constants, and what
// its inputs, outputs and tensors are called. What lies outside of the new edges is dropped.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ir/graph.h"

namespace godwit {

struct Edges {
  std::vector<std::string> inputs;   ///< tensors that are fed from outside from now on
  std::vector<std::string> outputs;  ///< tensors that are the model's results, in this order; empty: as they are
  std::vector<std::pair<std::string, Tensor>> bound;         ///< inputs and what they always are
  std::vector<std::pair<std::string, std::string>> renamed;  ///< old and new name, applied last
  [[nodiscard]] bool empty() const { return inputs.empty() && outputs.empty() && bound.empty() && renamed.empty(); }
};

/// Applies all of them to the main region; types are inferred again where an input became known. Names that the model
/// does not have are refused, each with the nearest that it has.
Status ApplyEdges(const Edges& edges, Graph* graph);

}  // namespace godwit
