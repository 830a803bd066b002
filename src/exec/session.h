// Runs a model: checks inputs, makes a plan for each combination of input sizes it meets, and runs it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "exec/plan/executable.h"
#include "exec/plan/region_plans.h"
#include "exec/region_runner.h"
#include "ir/graph.h"

namespace godwit {

struct SessionOptions {
  int threads = 1;  ///< below 1: one for each processor; never changes a result
  Precision precision = Precision::kSingle;
  bool reference = false;  ///< every node on its operator's own kernel, no fast paths
  RunOptions run;
};

/// What making the plan took, apart from running it.
struct PlanStats {
  double seconds = 0;  ///< inference, folding, packing of weights
  int64_t arena_bytes = 0;
  int64_t constant_bytes = 0;  ///< weights as the plan holds them, packed ones included
  size_t steps = 0;
  int64_t folded_nodes = 0;
};

class Session {
 public:
  /// The graph must outlive the session.
  Session(const Graph& graph, SessionOptions options);
  ~Session();

  /// Operands in the order of the graph's inputs.
  Result<std::vector<RtValue>> Run(std::vector<RtValue> inputs, std::vector<plan::StepTime>* profile = nullptr);
  /// Makes the plan for these inputs without running it.
  Status Prepare(const std::vector<RtValue>& inputs);
  /// Of the plan last made or used.
  [[nodiscard]] const PlanStats& stats() const { return stats_; }

 private:
  struct Cached;
  Result<Cached*> PlanFor(const std::vector<RtValue>& inputs);

  const Graph& graph_;
  SessionOptions options_;
  GraphFacts facts_;
  Widening widening_;
  ThreadPool threads_;
  RegionRunner runner_;
  plan::RegionPlans region_plans_;
  std::vector<std::unique_ptr<Cached>> plans_;
  PlanStats stats_;
};

/// A value given for an input against its declared type: dtype, rank, static dims, and one size for each symbol.
Status CheckInput(const Graph& graph, size_t index, const RtValue& value,
                  std::vector<std::pair<std::string, int64_t>>* symbols);

}  // namespace godwit
