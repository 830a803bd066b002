// Why a transposition is left: what holds the order on either side of it.
#pragma once

#include <string>
#include <vector>

#include "passes/layout/apply.h"

namespace godwit::layout {

/// Must be asked before the graph is rewritten: lists what will be put in.
std::vector<TransposeLeft> ExplainMoves(const Graph& graph, Problem& problem);

}  // namespace godwit::layout
