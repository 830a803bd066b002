#include "exec/kernels/depthwise.h"

#include <algorithm>

#include "exec/kernels/conv_rows.h"
#include "exec/kernels/scratch.h"
#include "exec/kernels/simd.h"
#include "exec/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/kernels/depthwise.cpp"
#include <hwy/foreach_target.h>

#include "exec/kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

/// P neighbouring outputs of one vector of channels.
template <int P, class T>
HWY_INLINE void DepthwisePixels(const TileArgs<T>& t, const Finish<T>& finish, std::int64_t pixel, int lane) {
  const Tag<T> d;
  hn::Vec<Tag<T>> sum[P];
  GODWIT_UNROLL
  for (int p = 0; p < P; ++p) sum[p] = hn::Zero(d);
  const T* HWY_RESTRICT a = t.a + pixel * kBlock + lane;
  const T* HWY_RESTRICT b = t.b + lane;
  for (std::int64_t s = 0; s < t.segment_count; ++s) {
    const T* HWY_RESTRICT x = a + t.segments[s].offset;
    const auto w = hn::LoadU(d, b + s * kBlock);
    GODWIT_UNROLL
    for (int p = 0; p < P; ++p) sum[p] = Fma(d, hn::LoadU(d, x + p * kBlock), w, sum[p]);
  }
  GODWIT_UNROLL
  for (int p = 0; p < P; ++p) {
    const std::int64_t at = (pixel + p) * kBlock + lane;
    hn::StoreU(finish.Call(t.epilogue, sum[p], 0, lane, at), d, t.c + at);
  }
}

/// A row of outputs of one block of channels.
template <class T>
HWY_INLINE void DepthwiseRow(const TileArgs<T>& t) {
  const Finish<T> finish(t.epilogue);
  for (int lane = 0; lane < kBlock; lane += LanesOf<T>()) {
    std::int64_t pixel = 0;
    const auto left = [&] { return t.rows - pixel; };
    for (; left() >= 8 && left() != 14; pixel += 8) DepthwisePixels<8>(t, finish, pixel, lane);
    for (; left() >= 7; pixel += 7) DepthwisePixels<7>(t, finish, pixel, lane);
    if (left() >= 4) DepthwisePixels<4>(t, finish, pixel, lane), pixel += 4;
    if (left() >= 2) DepthwisePixels<2>(t, finish, pixel, lane), pixel += 2;
    if (left() >= 1) DepthwisePixels<1>(t, finish, pixel, lane);
  }
}

void DepthwiseFloat(const TileArgs<float>& t) { DepthwiseRow(t); }
void DepthwiseDouble(const TileArgs<double>& t) { DepthwiseRow(t); }

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace godwit::kernels {
namespace {

HWY_EXPORT(DepthwiseFloat);
HWY_EXPORT(DepthwiseDouble);

void Row(const TileArgs<float>& t) { HWY_DYNAMIC_DISPATCH(DepthwiseFloat)(t); }
void Row(const TileArgs<double>& t) { HWY_DYNAMIC_DISPATCH(DepthwiseDouble)(t); }

// A band is passed over once for each row of the kernel, so it should stay near.
constexpr std::int64_t kBandElements = 20 * 1024;

std::int64_t Volume(const Extent3& e) { return e[0] * e[1] * e[2]; }

}  // namespace

template <class T>
void PackDepthwiseWeights(const ConvShape& s, const T* weights, T* packed) {
  const std::int64_t taps = Volume(s.kernel);
  std::fill_n(packed, PackedConvWeightsSize(s), T(0));
  for (std::int64_t c = 0; c < s.out_channels; ++c) {
    T* to = packed + c / kBlock * taps * kBlock + c % kBlock;
    for (std::int64_t tap = 0; tap < taps; ++tap) to[tap * kBlock] = weights[c * taps + tap];
  }
}

template <class T>
void DepthwiseConv(const ConvArgs<T>& args, ThreadPool* pool) {
  PrepareSimd();
  const ConvShape& s = args.shape;
  const std::int64_t blocks = BlocksOf(s.out_channels), taps = Volume(s.kernel), volume = Volume(s.out);
  // Each block of channels is planned as an image of its own: all channels share the taps.
  ConvShape one = s;
  one.groups = 1;
  one.in_channels = one.out_channels = kBlock;
  ConvRows plan(one, args.x_layout, false, kBandElements);
  const std::int64_t bands = plan.slices * plan.bands;
  ParallelFor(pool, s.batch * blocks * bands, 1, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t segment_rows = -1;
    std::vector<Segment> segments;
    T* bias = args.epilogue.bias == nullptr ? nullptr : Scratch<T>(ScratchUse::kBias, kBlock);
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t block = item / bands % blocks, n = item / bands / blocks;
      const std::int64_t slice = item % bands / plan.bands, row = item % plan.bands * plan.band;
      const std::int64_t rows = std::min(plan.band, plan.rows - row);
      const std::int64_t channels = std::min(kBlock, s.in_channels - block * kBlock);
      if (rows != segment_rows) {
        segments = plan.Segments(one, rows);
        segment_rows = rows;
      }
      const T* operands = nullptr;
      if (plan.direct) {
        operands = args.x + ((n * blocks + block) * s.in[0] + slice * s.stride[0]) * s.in[1] * s.in[2] * kBlock +
                   row * plan.row_pitch;
      } else {
        T* copy = Scratch<T>(ScratchUse::kRows, static_cast<std::size_t>(plan.CopySize(one, rows)));
        CopyBand(s, plan, args.x_layout, args.x, BandPlace{n, block * kBlock, channels, slice, row, rows}, copy);
        operands = copy;
      }
      TileArgs<T> t{};
      t.segments = segments.data();
      t.segment_count = static_cast<std::int64_t>(segments.size());
      t.b = args.packed_weights + block * taps * kBlock;
      t.rows = plan.columns;
      t.epilogue = args.epilogue;
      if (bias != nullptr) {
        std::fill_n(std::copy_n(args.epilogue.bias + block * kBlock, channels, bias), kBlock - channels, T(0));
        t.epilogue.bias = bias;
      }
      const std::int64_t at = ((n * blocks + block) * volume + (slice * plan.rows + row) * plan.columns) * kBlock;
      for (std::int64_t i = 0; i < rows; ++i) {
        t.a = operands + i * plan.row_pitch;
        t.c = args.y + at + i * plan.columns * kBlock;
        if (args.epilogue.residual != nullptr) t.epilogue.residual = args.epilogue.residual + (t.c - args.y);
        Row(t);
      }
      if (NeedsActivationPass(args.epilogue.activation)) {
        const std::int64_t size = rows * plan.columns * kBlock;
        ApplyUnaryRows(args.epilogue.activation, args.y + at, 1, size, size);
      }
    }
  });
}

template void PackDepthwiseWeights<float>(const ConvShape&, const float*, float*);
template void PackDepthwiseWeights<double>(const ConvShape&, const double*, double*);
template void DepthwiseConv<float>(const ConvArgs<float>&, ThreadPool*);
template void DepthwiseConv<double>(const ConvArgs<double>&, ThreadPool*);

}  // namespace godwit::kernels
#endif  // HWY_ONCE
