// A tensor with its dims in another order.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "ir/tensor.h"

namespace godwit {

/// Dim k of the result is dim perm[k] of the tensor; perm is a permutation of its axes.
Result<Tensor> Permuted(const Tensor& tensor, const std::vector<int64_t>& perm);

}  // namespace godwit
