// The innermost step of an integer depthwise convolution: one output position, all taps, all channels.
#pragma once

#include <cstdint>

namespace godwit::kernels {

/// A tap that lies in the data: the channels there, and its weights.
template <class E>
struct DepthwiseTap {
  const E* x = nullptr;
  const int32_t* w = nullptr;
};

/// sums[c] = bias[c] (0 where there is none) + the sum over taps of (x[c / multiple] - zero) * w[c]; sums wrap.
void SumDepthwise(const DepthwiseTap<uint8_t>* taps, int64_t count, int32_t zero, const int32_t* bias, int64_t channels,
                  int64_t multiple, int32_t* sums);
void SumDepthwise(const DepthwiseTap<int8_t>* taps, int64_t count, int32_t zero, const int32_t* bias, int64_t channels,
                  int64_t multiple, int32_t* sums);

}  // namespace godwit::kernels
