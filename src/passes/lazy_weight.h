// Weights that a rule has changed: worked out when somebody loads them, in f64 with one rounding at the end.
#pragma once

#include <functional>
#include <vector>

#include "ir/graph.h"

namespace godwit {

/// Makes a tensor of the constant's type from those of `in`.
using WeightRecipe = std::function<Result<Tensor>(const std::vector<Tensor>& in)>;

/// A constant of static type `type`. Small ones, and those at the end of long chains, are computed at once.
Result<Constant> LazyWeight(const TensorType& type, std::vector<Constant> in, WeightRecipe recipe);

/// Elements of a tensor read in f64 and written with one rounding, fast for f32.
std::vector<double> WidenWeight(const Tensor& tensor);
Result<Tensor> NarrowWeight(DType dtype, Dims dims, const std::vector<double>& values);

}  // namespace godwit
