// Walking a graph: every node, every use, and putting a region in topological order. Nothing here recurses, so depth
// of nesting and length of chains are bounded by memory alone.
#pragma once

#include <functional>
#include <vector>

#include "base/result.h"
#include "ir/graph.h"

namespace godwit {

/// The region and all regions of nodes within it, outer before inner, in the order of the text form.
std::vector<RegionId> RegionsWithin(const Graph& graph, RegionId region = Graph::main());
/// Every node of the region and of the regions within it, a node before those of its regions, regions in their order.
std::vector<NodeId> NodesWithin(const Graph& graph, RegionId region = Graph::main());

/// One place where a value is used: an operand of a node, or a result of a region (`node` invalid then).
struct Use {
  ValueId value;
  NodeId node;
  RegionId region;  ///< that holds the node, or whose result it is
  uint32_t index = 0;
};
/// Absent operands are skipped.
void ForEachUse(const Graph& graph, const std::function<void(const Use&)>& visit);
/// Indexed by value.
std::vector<uint32_t> CountUses(const Graph& graph);
/// Values from outside that a node's regions use, each once, in order of first use.
std::vector<ValueId> Captures(const Graph& graph, NodeId node);

/// Reorders the region's node list so that what a node uses, also within its regions, comes before it; nodes already in
/// order stay as they are. ir.cycle when nodes depend on each other in a circle.
Status TopologicalSort(Graph* graph, RegionId region);

}  // namespace godwit
