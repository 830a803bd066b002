// Depthwise convolution over the blocked layout: the part of Conv for one input and one output channel in each group.
#pragma once

#include "exec/kernels/conv.h"

namespace godwit::kernels {

/// Weights as [ceil(C / 16)][taps][16], zero in the lanes past C.
template <class T>
void PackDepthwiseWeights(const ConvShape& shape, const T* weights, T* packed);

template <class T>
void DepthwiseConv(const ConvArgs<T>& args, ThreadPool* pool);

extern template void PackDepthwiseWeights<float>(const ConvShape&, const float*, float*);
extern template void PackDepthwiseWeights<double>(const ConvShape&, const double*, double*);
extern template void DepthwiseConv<float>(const ConvArgs<float>&, ThreadPool*);
extern template void DepthwiseConv<double>(const ConvArgs<double>&, ThreadPool*);

}  // namespace godwit::kernels
