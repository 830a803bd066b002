// Rules and passes under test: a graph in text form is simplified and both are run on the same inputs.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"
#include "passes/simplify.h"

namespace godwit::test {

/// The text wrapped in `graph { ... }`; well-formed, with all invariants, or the test fails.
Graph Parse(std::string_view body);
std::string Print(const Graph& graph);
/// Number of nodes of that operator, those in regions included.
int64_t CountOps(const Graph& graph, std::string_view op);
int64_t CountNodes(const Graph& graph);

struct Checked {
  Graph graph;  ///< simplified
  SimplifyReport report;
};

/// How far results may depart.
enum class Same { kBits, kClose };

/// Simplifies a copy, verifies it, runs both over drawn inputs at several sizes of the symbols (0 and 1 among them
/// where `sizes` says so) and compares; then simplifies once more, which must change nothing.
Checked CheckSimplify(std::string_view body, const SimplifyOptions& options = {}, Same same = Same::kBits,
                      const std::vector<int64_t>& sizes = {1, 2, 5});

/// Options under which one rule alone runs (with folding where `fold` says so).
SimplifyOptions Only(std::initializer_list<const char*> rules);

}  // namespace godwit::test
