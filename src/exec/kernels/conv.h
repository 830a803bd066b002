// Convolution of one, two or three spatial dimensions over the blocked layout, in f32 and f64.
//
// Blocked layout of an N x C x D x H x W tensor: [n][ceil(C / 16)][d][h][w][16]. Lanes past C hold unspecified values.
//
// The order of the sum is the same for every layout, grouping and blocking, and part of the contract: an output element
// is one chain of fused multiply-adds from zero over
//   for each block of 16 of the group's input channels, counted from the group's first: for kd: for kh: for kw:
//     for each channel of the block.
// Taps that fall into the padding are zeros which are multiplied like any other value, so that a convolution with
// padding has the bits of a padding followed by a convolution without.
#pragma once

#include <array>
#include <cstdint>

#include "base/threads.h"
#include "exec/kernels/epilogue.h"

namespace godwit::kernels {

using Extent3 = std::array<std::int64_t, 3>;  // depth, height, width; ones in front when there are fewer dimensions

enum class DataLayout : std::uint8_t { kPlain, kBlocked };

struct ConvShape {
  std::int64_t batch = 1, groups = 1, in_channels = 1, out_channels = 1;
  Extent3 in{1, 1, 1}, out{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1};
  Extent3 pad{0, 0, 0};  // at the front, negative to leave out; that at the back follows from `out`
};

/// Elements of an N x C x D x H x W tensor in the blocked layout.
std::int64_t BlockedSize(std::int64_t batch, std::int64_t channels, const Extent3& extent);

/// One input and one output channel for each group.
bool IsDepthwise(const ConvShape& shape);

std::int64_t PackedConvWeightsSize(const ConvShape& shape);

/// Packs O x I/groups x D x H x W weights for Conv.
template <class T>
void PackConvWeights(const ConvShape& shape, const T* weights, T* packed);

template <class T>
struct ConvArgs {
  ConvShape shape;
  const T* x = nullptr;
  DataLayout x_layout = DataLayout::kBlocked;
  const T* packed_weights = nullptr;
  T* y = nullptr;        // blocked
  Epilogue<T> epilogue;  // `bias` has out_channels values; `residual` is blocked like y; no row_bias
};

template <class T>
void Conv(const ConvArgs<T>& args, ThreadPool* pool = nullptr);

extern template void PackConvWeights<float>(const ConvShape&, const float*, float*);
extern template void PackConvWeights<double>(const ConvShape&, const double*, double*);
extern template void Conv<float>(const ConvArgs<float>&, ThreadPool*);
extern template void Conv<double>(const ConvArgs<double>&, ThreadPool*);

}  // namespace godwit::kernels
