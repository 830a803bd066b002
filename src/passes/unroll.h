// Loops whose number of turns is known, and small, as their turns one after the other: for targets that run branches
// and loops as graphs of their own, or not at all.
#pragma once

#include <functional>

#include "ir/graph.h"

namespace godwit {

/// Loops and scans of at most `most` turns whose bodies hold no other regions, but those that `leave` holds for; inner
/// ones go first. How many there were.
Result<int64_t> UnrollLoops(Graph* graph, int64_t most, const std::function<bool(NodeId)>& leave = nullptr);

}  // namespace godwit
