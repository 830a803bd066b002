// A scatter by known indices that fills a run of one axis: what exporters make of `x[:, 2:6] = y`.
#pragma once

#include <optional>

#include "rewrite/context.h"

namespace godwit {

struct BoxWrite {
  ValueId data, updates;
  int64_t axis = 0, first = 0, count = 0, extent = 0;
  bool shaped = false;       ///< the updates have the shape of what they fill; else they are the same elements
  uint64_t index_bytes = 0;  ///< that nobody else needs

  [[nodiscard]] int64_t end() const { return first + count; }
  [[nodiscard]] bool Within(const BoxWrite& other) const { return first >= other.first && end() <= other.end(); }
  [[nodiscard]] bool Apart(const BoxWrite& other) const { return end() <= other.first || other.end() <= first; }
};

/// What the node writes; nullopt where that is not the whole of a run of one axis, in order.
std::optional<BoxWrite> AsBoxWrite(RewriteCtx& ctx, const Node& node);

}  // namespace godwit
