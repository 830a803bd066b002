// The innermost step of an integer depthwise convolution: one tap at one output position, over all channels.
#pragma once

#include <cstdint>

namespace godwit::kernels {

/// sums[c] += (x[c / multiple] - zero) * w[c]; sums wrap.
void AddDepthwiseTap(const uint8_t* x, int32_t zero, const int32_t* w, int64_t channels, int64_t multiple,
                     int32_t* sums);
void AddDepthwiseTap(const int8_t* x, int32_t zero, const int32_t* w, int64_t channels, int64_t multiple,
                     int32_t* sums);

}  // namespace godwit::kernels
