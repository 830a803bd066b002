// What integer products and those of real data by stored weights share: geometry, packed weights, stacks of matrices.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "exec/kernels/integer/product.h"
#include "exec/plan/integer/cluster.h"
#include "exec/plan/lowering.h"

namespace godwit::plan {

struct StoredConv {
  kernels::ProductShape shape;
  Tensor weights;  ///< in the order that PackProduct takes
};
/// A convolution of channels-last data by weights that are known before the run; nothing where there is no kernel.
Result<std::optional<StoredConv>> StoredConvOf(Lowering& l, NodeId id, const Stored& w);

/// The tensor with its axes in that order.
Result<Tensor> Ordered(const Tensor& t, const std::vector<int>& order);
Result<Tensor> PackedWeights(const kernels::ProductShape& shape, const Stored& w, const Tensor& ordered);

/// Products of stacks of matrices of rank up to 2 + stack.size().
struct MatrixStack {
  int64_t m = 1, n = 1, k = 1;
  int64_t a_row = 1, a_step = 1;  ///< from row to row of a, and along k
  int64_t b_column = 1, b_step = 1;
  std::vector<int64_t> a_at, b_at;  ///< where each matrix of the stack begins
};
std::optional<MatrixStack> MatrixStackOf(const Dims& a, const Dims& b, const Attrs& attrs);

/// Calls f(place in y, sum) for each element.
template <class A, class B, class F>
void MultiplyStacks(const MatrixStack& s, const A* a, int32_t a_zero, const B* b, int32_t b_zero, ThreadPool* pool,
                    F f) {
  const auto count = static_cast<int64_t>(s.a_at.size());
  ParallelFor(pool, count * s.m, 1 + 4096 / std::max<int64_t>(1, s.n * s.k), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const auto at = static_cast<size_t>(row / s.m);
      const A* from_a = a + s.a_at[at] + row % s.m * s.a_row;
      for (int64_t j = 0; j < s.n; ++j) {
        const B* from_b = b + s.b_at[at] + j * s.b_column;
        int64_t sum = 0;
        for (int64_t i = 0; i < s.k; ++i) {
          sum += static_cast<int64_t>(from_a[i * s.a_step] - a_zero) * (from_b[i * s.b_step] - b_zero);
        }
        f(row * s.n + j, sum);
      }
    }
  });
}

}  // namespace godwit::plan
