// Proofs are cut around operators that only another runtime knows: what feeds them becomes an output that is compared,
// what they make becomes an input that both models are given.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ir/graph.h"

namespace godwit {

/// Whether the model's own region has opaque nodes.
bool HasOpaque(const Graph& graph);

/// Cuts both graphs in place; opaque nodes are matched by the names of what they make. The list names what was cut out,
/// each operator once. proof.not_run where a result's type is not known, or one side has an operator that the other
/// lacks.
Result<std::vector<std::string>> CutOpaque(Graph* source, Graph* written);

/// For each result of the main region, the random operator that it depends on, "" for none.
std::vector<std::string> RandomOrigins(const Graph& graph);

}  // namespace godwit
