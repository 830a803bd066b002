// Index operands resolved to places in a tensor, checked once: of single elements along an axis (gather_elements,
// scatter_elements) and of slices by tuples (gather_nd, scatter_nd).
#pragma once

#include <string_view>
#include <vector>

#include "ir/eval.h"

namespace godwit::ops {

class ElementIndices {
 public:
  /// Negative indices count from the end; `range` and `shape` are the constraints that fail.
  static Result<ElementIndices> Check(const EvalCtx& ctx, const Tensor& data, const Tensor& indices,
                                      std::vector<int64_t> values, int axis, std::string_view range,
                                      std::string_view shape);

  /// fn(position in indices, offset in data), in row-major order of indices.
  template <class Fn>
  void ForEach(Fn fn) const {
    Dims at(dims_.size(), 0);
    int64_t base = 0;
    for (size_t i = 0; i < values_.size(); ++i) {
      fn(static_cast<int64_t>(i), base + values_[i] * axis_stride_);
      for (size_t k = dims_.size(); k-- > 0;) {
        base += strides_[k];
        if (++at[k] < dims_[k]) break;
        base -= strides_[k] * dims_[k];
        at[k] = 0;
      }
    }
  }

 private:
  Dims dims_;
  std::vector<int64_t> strides_;  ///< of data; 0 along the axis
  std::vector<int64_t> values_;
  int64_t axis_stride_ = 0;
};

struct SliceIndices {
  std::vector<int64_t> offsets;  ///< in elements of data, one for each index tuple
  size_t depth = 0;              ///< entries of a tuple
  int64_t run = 0;               ///< elements of a slice

  static Result<SliceIndices> Check(const EvalCtx& ctx, const Dims& data, const Dims& indices,
                                    const std::vector<int64_t>& values, size_t batch_dims, std::string_view range,
                                    std::string_view depth);
};

}  // namespace godwit::ops
