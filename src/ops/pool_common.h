// What max_pool, avg_pool and lp_pool share: kernel attribute, result shape, and the walk over windows.
#pragma once

#include <functional>
#include <vector>

#include "ops/window.h"

namespace godwit::ops {

/// Result types of a pooling, constraints c1 to c3; result 0 has operand 0's dtype.
Status InferPool(InferCtx& ctx);

struct PoolGeometry {
  DataAxes axes;
  std::vector<Slide> slides;
  Dims out;
};
Result<PoolGeometry> ResolvePool(const EvalCtx& ctx);

/// One window: the input elements inside it.
class PoolWindow {
 public:
  /// Calls fn(element offset in x) for each tap that lies in the input, in row-major order of the taps.
  template <class Fn>
  void ForEach(Fn fn) const {
    for (size_t k = 0; k < first_.size(); ++k) {
      if (first_[k] >= last_[k]) return;
    }
    index_ = first_;
    while (true) {
      int64_t offset = base_;
      for (size_t k = 0; k < index_.size(); ++k) {
        offset += ((*slides_)[k].Start(at_[k]) + index_[k] * (*slides_)[k].dilation) * strides_[k];
      }
      fn(offset);
      size_t k = index_.size();
      while (k > 0 && ++index_[k - 1] >= last_[k - 1]) {
        index_[k - 1] = first_[k - 1];
        --k;
      }
      if (k == 0) return;
    }
  }
  /// Taps that lie in the input, and taps that lie in the padded input.
  [[nodiscard]] double Inside() const;
  [[nodiscard]] double Padded() const;

 private:
  friend void ForEachWindow(const Dims&, const PoolGeometry&,
                            const std::function<void(const PoolWindow&, int64_t y_offset)>&);
  const std::vector<Slide>* slides_ = nullptr;
  std::vector<int64_t> strides_;
  int64_t base_ = 0;
  Dims at_, first_, last_;
  mutable Dims index_;
};

/// Visits the windows of all images and channels; `y_offset` is the element offset in the result.
void ForEachWindow(const Dims& x, const PoolGeometry& g,
                   const std::function<void(const PoolWindow&, int64_t y_offset)>& visit);

}  // namespace godwit::ops
