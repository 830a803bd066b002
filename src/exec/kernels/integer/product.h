// Convolutions and matrix products of stored integers, channels last, with the sums rescaled to stored integers or
// handed on. Sums are exact: 32 bits that wrap for 8-bit data, 64 bits for 16-bit data.
#pragma once

#include <cstdint>
#include <functional>

#include "exec/kernels/conv.h"
#include "exec/kernels/integer/rescale.h"

namespace godwit::kernels {

/// What becomes of the sums of `count` consecutive channels from `channel` on, at an output position counted over the
/// batch. One of the pointers is null.
using SumSink =
    std::function<void(int64_t position, int64_t channel, int64_t count, const int32_t* sums, const int64_t* wide)>;

struct ProductShape {
  ConvShape conv;  ///< a matrix product is one of a row of positions with a kernel of 1
  /// Taps of a depthwise convolution lie [tap][channel]; of any other, [out channel][tap][in channel / groups].
  bool depthwise = false;
};
/// A convolution whose groups have one input channel.
bool IsDepthwiseProduct(const ConvShape& shape);

/// Elements that PackProduct fills.
int64_t PackedProductSize(const ProductShape& shape);
/// E is i8, u8; the weights less their zero points, which are one or one for each output channel.
template <class E>
void PackProduct(const ProductShape& shape, const E* weights, const int32_t* zeros, int64_t zero_step, int32_t* packed);

/// E is u8, i8 or i16; 16-bit data give wide sums. Sums of 8-bit data begin at `bias`, one for each output channel,
/// where there is one; `zeros` are x's zero points, one for each image when there are several images and `zero_step` is
/// 1, or one for all.
template <class E>
void Product(const ProductShape& shape, const E* x, const int32_t* zeros, int64_t zero_step, const int32_t* packed,
             const int32_t* bias, const SumSink& sink, ThreadPool* pool);

extern template void PackProduct<uint8_t>(const ProductShape&, const uint8_t*, const int32_t*, int64_t, int32_t*);
extern template void PackProduct<int8_t>(const ProductShape&, const int8_t*, const int32_t*, int64_t, int32_t*);
extern template void Product<uint8_t>(const ProductShape&, const uint8_t*, const int32_t*, int64_t, const int32_t*,
                                      const int32_t*, const SumSink&, ThreadPool*);
extern template void Product<int8_t>(const ProductShape&, const int8_t*, const int32_t*, int64_t, const int32_t*,
                                     const int32_t*, const SumSink&, ThreadPool*);
extern template void Product<int16_t>(const ProductShape&, const int16_t*, const int32_t*, int64_t, const int32_t*,
                                      const int32_t*, const SumSink&, ThreadPool*);

}  // namespace godwit::kernels
