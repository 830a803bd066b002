// Nodes that only put the channels of values in other places, seen alike: concat, split, slice and gather along their
// axis, and the reshape, transpose and reshape that shuffle them.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "rewrite/editor.h"

namespace godwit {

struct ChannelMove {
  std::vector<NodeId> nodes;  ///< the last one gives the results
  std::vector<ValueId> in, out;
  bool shuffles = false;  ///< one channel at a time, not whole runs of them
  /// For each result and channel of it: the operand, and the channel there.
  std::vector<std::vector<std::pair<size_t, int64_t>>> from;
};

/// The move that ends at the node; nothing where it is none along that axis, or some extent is not known.
std::optional<ChannelMove> AsChannelMove(Editor& editor, NodeId last, int64_t axis);

/// Where the shuffle ends that begins at the node, as far as uses tell; the node itself where it begins none.
NodeId EndOfMove(const Editor& editor, NodeId first);

/// The extent of an axis; -1 where it is not known.
int64_t ExtentOf(const Graph& graph, ValueId value, int64_t axis);

}  // namespace godwit
