// Types at the edges of regions: what covers two branches, or every turn of a loop.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "ir/eval.h"
#include "ir/infer.h"

namespace godwit::ops {

/// The most precise type that covers both; dims that differ become symbols that occur nowhere else.
Type JoinTypes(InferCtx& ctx, const Type& a, const Type& b, std::string_view hint);

/// Results of region 0 when `params[first, first + count)` are carried from result `from + i` back to them: the
/// carried ones are widened until a turn changes them no more. `params` holds their final types afterwards.
Result<std::vector<Type>> InferCarried(InferCtx& ctx, std::vector<Type>* params, size_t first, size_t count,
                                       size_t from, std::string_view hint);

/// Tensors of one shape, collected turn by turn and stacked along a new axis.
class Stack {
 public:
  /// Refuses what is no tensor, another shape or dtype than before, and more than memory limits allow.
  Status Push(const EvalCtx& ctx, std::string_view constraint, RtValue value);
  /// `axis` counts in the result; `reversed` puts the last turn first. Without any turn: `type`, symbolic dims as 0.
  Result<Tensor> Join(const EvalCtx& ctx, std::string_view constraint, int64_t axis, bool reversed,
                      const Type& type) const;
  [[nodiscard]] size_t size() const { return parts_.size(); }

 private:
  std::vector<Tensor> parts_;
};

/// Type i of an attribute that lists types in text form; unknown where there is none.
Type ListedType(const Attrs& attrs, std::string_view name, size_t i);

}  // namespace godwit::ops
