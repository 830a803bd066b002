// A tensor as another port has it: its dims in another order, its integers as the real numbers that they stand for.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "ir/tensor.h"
#include "ir/type.h"

namespace godwit {

/// Dim k of the result is dim perm[k] of the tensor; perm is a permutation of its axes.
Result<Tensor> Permuted(const Tensor& tensor, const std::vector<int64_t>& perm);
/// In f32, rounded once. Quantisation in blocks is none of a port's.
Result<Tensor> Dequantized(const Tensor& tensor, const Quant& quant);

}  // namespace godwit
