// Runs a graph node by node with whatever kernel each operator has, for any graph that imports: dynamic shapes,
// control flow, sequences. Faster plans build on the same contract and must give the same results.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/threads.h"
#include "ir/graph.h"
#include "ir/tensor.h"

namespace godwit {

struct RunOptions {
  uint64_t seed = 0;
  ThreadPool* threads = nullptr;
  /// Total steps (nodes run, over all loop iterations) before a run is given up as endless.
  int64_t max_steps = int64_t{1} << 32;
};

class Interpreter {
 public:
  /// The graph must outlive the interpreter. Loads constants on first use and keeps them.
  explicit Interpreter(const Graph& graph);
  ~Interpreter();

  /// Operands in the order of the main region's parameters.
  Result<std::vector<RtValue>> Run(std::vector<RtValue> inputs, const RunOptions& options = {});

 private:
  class Frame;
  struct State;
  std::unique_ptr<State> state_;
};

/// A value given for an input against its declared type: dtype, rank and static dims, one size for each symbol.
Status CheckInput(const Graph& graph, size_t index, const RtValue& value,
                  std::vector<std::pair<std::string, int64_t>>* symbols);

}  // namespace godwit
