// Values that must have their channels in one order, because what lies between them treats each channel for itself, and
// the convolutions around them, whose weights can be put in any other order instead.
#pragma once

#include <functional>
#include <vector>

#include "rewrite/editor.h"

namespace godwit {

struct ChannelGroup {
  int64_t axis = 1, channels = 0;
  std::vector<ValueId> values;
  std::vector<NodeId> along;   ///< nodes between them
  std::vector<NodeId> makers;  ///< convolutions that give one of them
  std::vector<NodeId> takers;  ///< convolutions that sum over one of them
  int given = 0;               ///< values that moves of channels give
  bool moved = false;          ///< whether moves of channels take any of them
  bool free = true;            ///< whether all else that touches them is listed above
};

/// The group of a value. `moves` tells the nodes that move channels.
ChannelGroup GroupOf(Editor& editor, ValueId value, int64_t axis, const std::function<bool(NodeId)>& moves);

/// Channel c becomes what channel order[c] was, in all values of a free group.
Status Reorder(Editor& editor, const ChannelGroup& group, const std::vector<int64_t>& order);

}  // namespace godwit
