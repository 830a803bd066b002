// The part of Conv for groups of 1, 2, 4 or 8 input and as many output channels, or of one input and any number of
// output channels: depthwise and its relatives. Such groups never leave a block of channels, so a whole block is
// computed at a time, each lane from its own group's inputs.
#pragma once

#include "exec/kernels/conv.h"

namespace godwit::kernels {

bool HasNarrowGroups(const ConvShape& shape);

/// Weights as [ceil(C / 16)][taps][channel of the group][16], zero in the lanes past C.
template <class T>
void PackNarrowWeights(const ConvShape& shape, const T* weights, T* packed);

template <class T>
void NarrowConv(const ConvArgs<T>& args, ThreadPool* pool);

extern template void PackNarrowWeights<float>(const ConvShape&, const float*, float*);
extern template void PackNarrowWeights<double>(const ConvShape&, const double*, double*);
extern template void NarrowConv<float>(const ConvArgs<float>&, ThreadPool*);
extern template void NarrowConv<double>(const ConvArgs<double>&, ThreadPool*);

}  // namespace godwit::kernels
