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

  /// Operands as `Specialised::inputs`, of exactly the types the plan was made for. What runs node by node, runs in
  /// `regions`.
  Result<std::vector<RtValue>> Run(const std::vector<RtValue>& inputs, ThreadPool* threads, RegionRunner* regions,
                                   std::vector<StepTime>* profile = nullptr);

  [[nodiscard]] int64_t arena_bytes() const { return arena_bytes_; }
  [[nodiscard]] int64_t constant_bytes() const { return constant_bytes_; }
  [[nodiscard]] size_t step_count() const { return steps_.size(); }

 private:
  friend class Lowering;
  explicit Executable(const GraphFacts& facts) : facts_(facts) {}
  void PlanMemory();
  Status PrepareFrame();
  Status BindFrame(const std::vector<RtValue>& inputs);

  const GraphFacts& facts_;
  std::vector<Slot> slots_;
  std::vector<std::unique_ptr<Step>> steps_;
  std::vector<SlotId> inputs_;
  std::vector<SlotId> outputs_;
  std::shared_ptr<std::byte> arena_;
  Frame frame_;                  // kept between runs; no run starts while another is under way
  std::vector<uint32_t> made_;   // slots whose memory is made anew for each run
  std::vector<Tensor> results_;  // of those, by slot
  int64_t arena_bytes_ = 0;
  int64_t constant_bytes_ = 0;
};

}  // namespace godwit::plan
