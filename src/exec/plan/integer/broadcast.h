// A walk over the elements of a result of two operands that broadcast.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/threads.h"
#include "ir/tensor.h"

namespace godwit::plan {

class Broadcast {
 public:
  Broadcast(const Dims& a, const Dims& b, const Dims& y) : dims_(y), count_(ElementCount(y)) {
    steps_a_ = StepsOf(a);
    steps_b_ = StepsOf(b);
    full_ = a == y && b == y;
  }

  /// Calls f(place in y, place in a, place in b).
  template <class F>
  void ForEach(ThreadPool* pool, F f) const {
    ParallelFor(pool, count_, 4096, [&](int64_t begin, int64_t end) {
      if (full_) {
        for (int64_t i = begin; i < end; ++i) f(i, i, i);
        return;
      }
      Dims index(dims_.size());
      int64_t rest = begin, at_a = 0, at_b = 0;
      for (size_t k = dims_.size(); k-- > 0;) {
        index[k] = rest % dims_[k];
        rest /= dims_[k];
        at_a += index[k] * steps_a_[k];
        at_b += index[k] * steps_b_[k];
      }
      for (int64_t i = begin; i < end; ++i) {
        f(i, at_a, at_b);
        for (size_t k = dims_.size(); k-- > 0;) {
          at_a += steps_a_[k];
          at_b += steps_b_[k];
          if (++index[k] < dims_[k]) break;
          at_a -= index[k] * steps_a_[k];
          at_b -= index[k] * steps_b_[k];
          index[k] = 0;
        }
      }
    });
  }

 private:
  [[nodiscard]] std::vector<int64_t> StepsOf(const Dims& d) const {
    std::vector<int64_t> steps(dims_.size(), 0);
    int64_t step = 1;
    for (size_t k = 0; k < d.size() && k < dims_.size(); ++k) {
      const int64_t dim = d[d.size() - 1 - k];
      if (dim != 1) steps[dims_.size() - 1 - k] = step;
      step *= dim;
    }
    return steps;
  }

  Dims dims_;
  int64_t count_ = 0;
  std::vector<int64_t> steps_a_, steps_b_;
  bool full_ = false;
};

}  // namespace godwit::plan
