// Transposed convolution over the blocked layout.
//
// The outputs that share their remainder by the stride form a plain convolution with the taps that reach them. An
// output element is one chain of fused multiply-adds from zero over
//   for each block of 16 of the group's input channels: for kd, kh, kw downwards (input positions upwards):
//     for each channel of the block,
// with positions outside the input as zeros that are multiplied like any other value.
#pragma once

#include "exec/kernels/conv.h"

namespace godwit::kernels {

/// `shape` is the transposed convolution's own: `in` the smaller side, `out` the larger one, `pad` cut from its front.
std::int64_t PackedConvTransposeSize(const ConvShape& shape);

/// Packs I x O/groups x D x H x W weights.
template <class T>
void PackConvTransposeWeights(const ConvShape& shape, const T* weights, T* packed);

/// As Conv; the epilogue has no residual.
template <class T>
void ConvTranspose(const ConvArgs<T>& args, ThreadPool* pool = nullptr);

extern template void PackConvTransposeWeights<float>(const ConvShape&, const float*, float*);
extern template void PackConvTransposeWeights<double>(const ConvShape&, const double*, double*);
extern template void ConvTranspose<float>(const ConvArgs<float>&, ThreadPool*);
extern template void ConvTranspose<double>(const ConvArgs<double>&, ThreadPool*);

}  // namespace godwit::kernels
