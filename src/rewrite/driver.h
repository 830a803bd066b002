// Runs rules over a graph until none applies any more. Nodes are visited in the order of the graph, then in the order
// in which rewrites touched them, so the same graph always takes the same path.
#pragma once

#include <span>

#include "rewrite/editor.h"
#include "rewrite/ledger.h"
#include "rewrite/rule.h"

namespace godwit {

struct DriverResult {
  int64_t rewrites = 0;
  /// Rules that undo each other were stopped: more than kRewritesPerNode for each node that was there at the start.
  bool diverged = false;
};

inline constexpr int64_t kRewritesPerNode = 32;

/// Leaves the node lists in order.
Result<DriverResult> RunRules(Editor& editor, std::span<const RuleTable> tables, Ledger& ledger);

}  // namespace godwit
