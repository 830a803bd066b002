// What makes two nodes compute the same: operator, operands and attributes.
#pragma once

#include <string>

#include "ir/graph.h"

namespace godwit {

/// Two nodes with equal keys compute the same. Empty: the node is like no other.
std::string NodeKey(const Graph& graph, NodeId id);

}  // namespace godwit
