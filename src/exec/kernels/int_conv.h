// Convolution of u8 or s8 by u8 or s8 into s32 over the blocked layout, exact (sums wrap beyond 32 bits). Padding adds
// nothing, whatever the zero points.
#pragma once

#include "exec/kernels/conv.h"

namespace godwit::kernels {

/// Whether the kernel takes it: one group, groups of whole blocks of channels, or one channel in and out for each
/// group.
bool HasIntConv(const ConvShape& shape);

std::int64_t PackedIntConvSize(const ConvShape& shape);

/// Packs O x I/groups x D x H x W weights less their zero points, one for each output channel or, when `zero_step` is
/// 0, one for all (null: none).
template <class E>
void PackIntConvWeights(const ConvShape& shape, const E* weights, const std::int32_t* zeros, std::int64_t zero_step,
                        std::int32_t* packed);

template <class E>
struct IntConvArgs {
  ConvShape shape;
  const E* x = nullptr;  // blocked
  std::int32_t zero = 0;
  const std::int32_t* packed_weights = nullptr;
  const std::int32_t* bias = nullptr;  // one for each output channel; may be null
  std::int32_t* y = nullptr;           // blocked
};

template <class E>
void IntConv(const IntConvArgs<E>& args, ThreadPool* pool = nullptr);

}  // namespace godwit::kernels
