// Constants of shapes, axes and the like in place of others.
#pragma once

#include <vector>

#include "ir/tensor.h"
#include "ir/type.h"

namespace godwit {

/// The numbers as a tensor of the element type and rank of the one that they stand for; i64 in a row where there is
/// none.
inline Tensor NumbersLike(const Type& old, const std::vector<int64_t>& numbers) {
  Dims dims = {static_cast<int64_t>(numbers.size())};
  if (old.ranked() && old.rank() == 0) dims.clear();
  const bool narrow = old.is_tensor() && old.dtype() == DType::kI32;
  Tensor out(narrow ? DType::kI32 : DType::kI64, dims);
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (narrow) {
      out.mutable_data<int32_t>()[i] = static_cast<int32_t>(numbers[i]);
    } else {
      out.mutable_data<int64_t>()[i] = numbers[i];
    }
  }
  return out;
}

}  // namespace godwit
