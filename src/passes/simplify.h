// Simplification as a whole: the pipeline of rules and passes that any conversion runs on the graph it has read.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "passes/pass.h"

namespace godwit {

/// One row of the pipeline: rules that run together to a fixed point, or one whole-graph pass.
struct Stage {
  std::string_view name;
  std::vector<RuleTable> tables;
  const Pass* pass = nullptr;
  bool settled = false;  ///< only in a round in which nothing before it has changed anything
};
/// The stages in order. The whole is repeated until a round changes nothing.
const std::vector<Stage>& SimplifyPipeline();
/// All rules, in the order of their tables, and all passes.
std::vector<const Rule*> AllRules();
std::vector<const Pass*> AllPasses();

struct SimplifyOptions {
  RewriteOptions rewrite = {};
  /// Called after each stage that changed something, with the graph in order.
  std::function<void(std::string_view stage, int round, const Graph&)> after_stage = {};
};

struct SimplifyReport {
  struct OpCount {
    int64_t before = 0;
    int64_t after = 0;
  };
  std::map<std::string, int64_t, std::less<>> rewrites;  ///< by rule or pass
  int64_t total_rewrites = 0;
  std::map<std::string, OpCount, std::less<>> ops;  ///< nodes by operator, those in regions included
  int64_t nodes_before = 0;
  int64_t nodes_after = 0;
  int rounds = 0;
  bool limit_reached = false;
  bool diverged = false;  ///< rules that undo each other were stopped: a defect of ours; the graph is good
};

/// rewrite.rule when the options name a rule or pass that does not exist. `report` may be null.
Status Simplify(Graph& graph, const SimplifyOptions& options, SimplifyReport* report);

}  // namespace godwit
