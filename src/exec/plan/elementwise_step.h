// A chain of elementwise functions over tensors of one shape, run block by block so that intermediate results stay in
// cache. Every function is the kernel that would have run on its own: the bits are the same.
#pragma once

#include <string>
#include <vector>

#include "exec/kernels/binary.h"
#include "exec/kernels/unary.h"
#include "exec/plan/step.h"

namespace godwit::plan {

class ElementwiseStep : public Step {
 public:
  explicit ElementwiseStep(int64_t count) : count_(count), period_(count) {}

  /// The operand that the first function takes; then the functions, each of the result so far.
  void Start(SlotId x);
  bool FuseUnary(const kernels::Unary& f) override;
  bool FuseBinary(const FusedBinary& f) override;
  [[nodiscard]] std::string Label() const override;

 protected:
  struct Instruction {
    bool binary = false;
    bool swapped = false;
    kernels::Unary unary;
    kernels::BinaryOp op = kernels::BinaryOp::kAdd;
    size_t other = 0;  // operand
  };
  int64_t count_;
  int64_t period_;
  std::vector<Access> access_;  // by operand, as `reads`
  std::vector<Instruction> instructions_;
};

std::unique_ptr<ElementwiseStep> MakeElementwise(DType dtype, int64_t count);

}  // namespace godwit::plan
