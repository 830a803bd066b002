// Runs regions node by node through the operators' own kernels, for any graph that imports: dynamic shapes, control
// flow, sequences. It is the reference; faster plans must give the same results.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "exec/widen.h"
#include "ir/eval.h"
#include "ir/graph.h"

namespace godwit {

struct RunOptions {
  uint64_t seed = 0;
  /// Total steps (nodes run, over all loop iterations) before a run is given up as endless.
  int64_t max_steps = int64_t{1} << 32;
};

/// Facts about a graph that all its runs share.
class GraphFacts {
 public:
  explicit GraphFacts(const Graph& graph);
  const Graph& graph;
  /// Position in the node list of the value's own region after which it is dead: -1 when nothing uses it, kForever for
  /// results. A use inside a nested region counts as one by the node of the defining region that holds it.
  std::vector<int64_t> last_use;
  static constexpr int64_t kForever = INT64_MAX;

  /// Values of outer regions that the node's regions use.
  [[nodiscard]] std::vector<ValueId> Captures(NodeId id) const;
  [[nodiscard]] RegionId HomeOf(ValueId id) const;
};

class RegionRunner;

/// Runs the regions of control flow in another way than node by node.
class RegionExecutor {
 public:
  virtual ~RegionExecutor() = default;
  /// The values that the region captures have been set in the runner. Nothing where the runner shall do it, with
  /// `params` untouched.
  virtual Result<std::optional<std::vector<RtValue>>> Run(RegionRunner& runner, RegionId id,
                                                          std::vector<RtValue>& params) = 0;
};

class RegionRunner {
 public:
  RegionRunner(const GraphFacts& facts, const RunOptions& options, Widening* widening);

  void SetExecutor(RegionExecutor* executor) { executor_ = executor; }

  Result<std::vector<RtValue>> Run(RegionId id, std::vector<RtValue> params);
  /// One node on operands given from outside. Results are written into `targets` where these are valid and of the
  /// type that the kernel makes.
  Result<std::vector<RtValue>> RunNode(NodeId id, std::vector<RtValue> in, std::vector<Tensor> targets = {});
  /// A value that regions capture.
  void Set(ValueId id, RtValue value) { values_[id.index] = std::move(value); }
  [[nodiscard]] const RtValue& ValueOf(ValueId id) const { return values_[id.index]; }
  /// Work done elsewhere in the name of this run; fails when there has been too much.
  Status CountSteps(int64_t steps);
  /// Forgets everything but loaded constants.
  void Reset();

 private:
  class NodeCtx;
  Status Step(NodeId id, int64_t position);
  Result<RtValue> Get(ValueId id);

  const GraphFacts& facts_;
  RunOptions options_;
  Widening* widening_;
  RegionExecutor* executor_ = nullptr;
  std::vector<RtValue> values_;
  std::vector<RtValue> constants_;
  int64_t steps_ = 0;
};

/// Puts the source's node and operator names into a diagnostic that has none.
void NameNode(const Graph& graph, NodeId id, Diag* diag);

}  // namespace godwit
