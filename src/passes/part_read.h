// Slice, split and gather by a number, seen alike: a run of indices of one axis.
#pragma once

#include <optional>

#include "rewrite/context.h"

namespace godwit {

struct PartRead {
  ValueId source;
  int64_t axis = 0, first = 0, count = 0, extent = 0;
  bool drops_axis = false;  ///< gather by a scalar

  [[nodiscard]] bool Overlaps(const PartRead& other) const {
    return axis != other.axis || (first < other.first + other.count && other.first < first + count);
  }
};

/// What result `v` of the node reads; nullopt where that is no run of known indices along one axis of known extent.
std::optional<PartRead> AsPartRead(RewriteCtx& ctx, const Node& node, ValueId v);

}  // namespace godwit
