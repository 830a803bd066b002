// Pooling over the windows of a batch x channels x depth x height x width tensor, plain or blocked.
//
// A window's average is its taps added in the order of depth, height and width, starting from zero, divided by their
// number. Pooling over a whole plane goes through Reduce instead: count = spatial, inner = 1 (plain) or 16 (blocked).
#pragma once

#include "exec/kernels/conv.h"

namespace godwit::kernels {

enum class PoolOp : std::uint8_t {
  kMax,                 // NaN if a tap is; minus infinity for a window of padding alone
  kAverage,             // over the taps inside the input
  kAverageWithPadding,  // over the taps inside the input or its padding
};

struct PoolShape {
  std::int64_t batch = 1, channels = 1;
  Extent3 in{1, 1, 1}, out{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1};
  Extent3 pad{0, 0, 0};
  Extent3 pad_end{0, 0, 0};  // matters to kAverageWithPadding alone; windows may reach past it and then count less
};

/// x and y both have `layout`.
template <class T>
void Pool(PoolOp op, const PoolShape& shape, DataLayout layout, const T* x, T* y, ThreadPool* pool = nullptr);

extern template void Pool<float>(PoolOp, const PoolShape&, DataLayout, const float*, float*, ThreadPool*);
extern template void Pool<double>(PoolOp, const PoolShape&, DataLayout, const double*, double*, ThreadPool*);

}  // namespace godwit::kernels
