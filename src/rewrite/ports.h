// A graph's inputs and outputs handed over in another way: a node stands between what is fed or taken and what the
// graph computes with. Regions are left unsorted; call TopologicalSort when all is done.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "ir/graph.h"

namespace godwit {

/// Dim k of what is handed over is dim perm[k] of the graph's own; the rank must be known, and perm's length.
Status ReorderInput(Graph* graph, ValueId input, const std::vector<int64_t>& perm);
Status ReorderOutput(Graph* graph, size_t index, const std::vector<int64_t>& perm);

/// A quantised port takes or gives real numbers; one that is not stays as it is.
Status DequantizeInput(Graph* graph, ValueId input);
Status DequantizeOutput(Graph* graph, size_t index);

/// Channels of a tensor of this rank from the second place to the last; empty below rank 3, where nothing is to move.
std::vector<int64_t> ToChannelsLast(int rank);

}  // namespace godwit
