// Numpy broadcasting: of symbolic shapes while inferring, of concrete ones while evaluating.
#pragma once

#include <span>
#include <vector>

#include "ir/eval.h"
#include "ir/infer.h"

namespace godwit::ops {

/// The common shape of operands [first, last); unranked operands make the result unranked. A dim that must be equal
/// to a symbolic one takes the number where one side knows it.
Result<Type> InferBroadcast(InferCtx& ctx, DType dtype, size_t first, size_t last, std::string_view constraint);
Result<Dims> BroadcastDims(const EvalCtx& ctx, std::span<const Dims* const> shapes, std::string_view constraint);

/// Where each operand's element lies for each element of the broadcast result, in row-major order.
class BroadcastWalk {
 public:
  BroadcastWalk(const Dims& out, std::span<const Dims* const> operands);
  [[nodiscard]] int64_t count() const { return count_; }
  [[nodiscard]] int64_t offset(size_t operand) const { return offsets_[operand]; }
  void Next();

 private:
  Dims out_, index_;
  std::vector<std::vector<int64_t>> strides_;
  std::vector<int64_t> offsets_;
  int64_t count_ = 0;
};

}  // namespace godwit::ops
