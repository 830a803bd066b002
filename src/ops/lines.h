// A tensor seen as lines along one axis: what arg_reduce, cum and softmax walk over.
#pragma once

#include "ir/tensor.h"

namespace godwit::ops {

/// Element k of line (outer, inner) lies at (outer * length + k) * inner_count + inner.
struct Lines {
  int64_t outer = 1, length = 1, inner = 1;
  Lines(const Dims& dims, int axis) {
    if (dims.empty()) return;
    length = dims[static_cast<size_t>(axis)];
    for (size_t k = 0; k < dims.size(); ++k) {
      if (static_cast<int>(k) < axis) outer *= dims[k];
      if (static_cast<int>(k) > axis) inner *= dims[k];
    }
  }
  [[nodiscard]] int64_t count() const { return outer * inner; }
  /// Offset of the first element of line `i`; the others follow at steps of `inner`.
  [[nodiscard]] int64_t Start(int64_t i) const { return i / inner * length * inner + i % inner; }
};

}  // namespace godwit::ops
