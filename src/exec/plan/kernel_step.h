// The step of last resort: a node on its operator's own kernel, which writes into the arena where the results' sizes
// are known.
#pragma once

#include "exec/plan/lowering.h"

namespace godwit::plan {

/// Reads the operands, then the captured values.
class KernelStep final : public Step {
 public:
  KernelStep(const GraphFacts& facts, NodeId id) : facts_(facts), captures_(facts.Captures(id)) { node = id; }

  [[nodiscard]] const std::vector<ValueId>& captures() const { return captures_; }
  Status Run(Frame& frame) const override;
  [[nodiscard]] std::string Label() const override { return std::string(facts_.graph.node(node).op->name); }

 private:
  /// A kernel may hand back one of its operands instead of filling the memory it was given.
  Status Keep(const RtValue& made, Tensor* place) const;

  const GraphFacts& facts_;
  std::vector<ValueId> captures_;
};

}  // namespace godwit::plan
