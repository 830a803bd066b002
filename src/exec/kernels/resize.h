// Resampling of the two spatial axes of an outer x height x width x inner tensor: inner is 1 for plain tensors, 16 for
// blocked ones and the number of channels where they come last.
#pragma once

#include <cstdint>

#include "base/threads.h"

namespace godwit::kernels {

/// Where output i of an axis comes from: low[i] + weight[i] * (high[i] - low[i]). The caller knows the coordinate rule.
template <class T>
struct AxisSamples {
  const std::int32_t* low;
  const std::int32_t* high;
  const T* weight;
};

/// Along the width first, then along the height, each as fma(weight, high - low, low).
template <class T>
void ResizeLinear(const T* x, std::int64_t outer, std::int64_t in_height, std::int64_t in_width, std::int64_t inner,
                  const AxisSamples<T>& rows, std::int64_t out_height, const AxisSamples<T>& columns,
                  std::int64_t out_width, T* y, ThreadPool* pool = nullptr);

/// Copies the samples at rows[i], columns[j].
template <class T>
void ResizeNearest(const T* x, std::int64_t outer, std::int64_t in_height, std::int64_t in_width, std::int64_t inner,
                   const std::int32_t* rows, std::int64_t out_height, const std::int32_t* columns,
                   std::int64_t out_width, T* y, ThreadPool* pool = nullptr);

}  // namespace godwit::kernels
