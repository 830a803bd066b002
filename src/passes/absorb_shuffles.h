// Channels that are shuffled on their way from convolutions to convolutions need not be: the weights of those that give
// them and of those that sum over them are put in an order in which each gets what it needs in whole runs.
#pragma once

#include "base/result.h"
#include "ir/graph.h"

namespace godwit {

/// How many shuffles are gone. Sums over channels are made in another order; nothing else changes.
Result<int64_t> AbsorbShuffles(Graph* graph);

}  // namespace godwit
