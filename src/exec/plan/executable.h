// A graph lowered for inputs of known sizes: steps over slots, one arena.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "exec/plan/step.h"
#include "exec/specialise.h"

namespace godwit::plan {

struct StepTime {
  std::string label;
  NodeId node;
  double seconds = 0;
};

struct PlanOptions {
  /// Whether to lower to blocked layouts and fused steps; without, every node runs on its own kernel.
  bool lower = true;
};

class Executable {
 public:
  static Result<std::unique_ptr<Executable>> Build(const GraphFacts& facts, Specialised specialised,
                                                   const PlanOptions& options, Widening* widening);
  ~Executable();

  /// Operands as the main region's parameters, of exactly the types the plan was made for.
  Result<std::vector<RtValue>> Run(const std::vector<RtValue>& inputs, ThreadPool* threads, const RunOptions& options,
                                   std::vector<StepTime>* profile = nullptr);

  [[nodiscard]] int64_t arena_bytes() const { return arena_bytes_; }
  [[nodiscard]] int64_t constant_bytes() const { return constant_bytes_; }
  [[nodiscard]] size_t step_count() const { return steps_.size(); }

 private:
  friend class Lowering;
  Executable(const GraphFacts& facts, Widening* widening) : facts_(facts), widening_(widening) {}
  void PlanMemory();

  const GraphFacts& facts_;
  Widening* widening_;
  std::vector<Slot> slots_;
  std::vector<std::unique_ptr<Step>> steps_;
  std::vector<SlotId> inputs_;
  std::vector<SlotId> outputs_;
  std::shared_ptr<std::byte> arena_;
  int64_t arena_bytes_ = 0;
  int64_t constant_bytes_ = 0;
  std::unique_ptr<RegionRunner> regions_;
};

}  // namespace godwit::plan
