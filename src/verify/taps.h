// Inner values of a graph as what a run gives: those of the main region, and those in the bodies of ifs, loops and
// scans, which are handed out level by level.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "exec/session.h"
#include "ir/graph.h"

namespace godwit {

struct Tap {
  ValueId id;
  NodeId node;        ///< that makes it
  size_t index = 0;   ///< which result of the node
  std::string place;  ///< the bodies that it is in, outermost first: "/loop 0/if 1"; empty for the main region
  int turns = 0;      ///< loops and scans among them: what all turns give is stacked, those of each along a first axis
  bool branch = false;  ///< among them is an if: there is nothing (no elements) where the other branch is taken
};

/// Every result of a node that a run can be asked for, in the order in which they are computed: those of a body stand
/// before what its node gives. In loops and scans, these are tensors whose size is known.
std::vector<Tap> TapsOf(const Graph& graph);

/// Runs the graph for some of them. What a branch that is not taken would give in a turn of a loop is zeros.
Result<std::vector<RtValue>> RunTaps(const Graph& graph, std::span<const ValueId> taps,
                                     const std::vector<RtValue>& inputs, const SessionOptions& options);

}  // namespace godwit
