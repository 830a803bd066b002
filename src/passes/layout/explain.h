// Why a transposition is left: what holds the order on either side of it.
#pragma once

#include <vector>

#include "passes/layout/apply.h"

namespace godwit::layout {

/// Must be asked before the graph is rewritten: lists what will be put in, with the reasons.
std::vector<TransposeLeft> ExplainMoves(const Graph& graph, Problem& problem);

/// What all that moves, reshapes left out.
LayoutTotals CountMoves(const Graph& graph, Problem& problem);

}  // namespace godwit::layout
