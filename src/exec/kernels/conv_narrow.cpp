#include "exec/kernels/conv_narrow.h"

#include <algorithm>

#include "exec/kernels/conv_rows.h"
#include "exec/kernels/scratch.h"
#include "exec/kernels/simd.h"
#include "exec/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/kernels/conv_narrow.cpp"
#include <hwy/foreach_target.h>

#include "exec/kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

/// In each lane, channel `k` of the lane's group, for groups of G within the vector at `x`; groups wider than a vector
/// have the same one in all lanes, found from the vector's first channel `lane`.
template <int G, class T>
struct GroupChannel {
  HWY_INLINE hn::Vec<Tag<T>> Call(const T* x, int lane, int k) const {
    const Tag<T> d;
    constexpr int kLanes = LanesOf<T>();
    if constexpr (G == 1) {
      return hn::LoadU(d, x);
    } else if constexpr (G >= kLanes) {
      return hn::Set(d, x[lane / G * G + k - lane]);
    } else {
      using Index = hn::TFromD<hn::RebindToSigned<Tag<T>>>;
      HWY_ALIGN Index lanes[kLanes];
      for (int i = 0; i < kLanes; ++i) lanes[i] = static_cast<Index>(i / G * G + k);
      return hn::TableLookupLanes(hn::LoadU(d, x), hn::SetTableIndices(d, lanes));
    }
  }
};

/// P neighbouring outputs of one vector of channels.
template <int P, int G, class T>
HWY_INLINE void NarrowPixels(const TileArgs<T>& t, const Finish<T>& finish, std::int64_t pixel, int lane) {
  const Tag<T> d;
  hn::Vec<Tag<T>> sum[P];
  GODWIT_UNROLL
  for (int p = 0; p < P; ++p) sum[p] = hn::Zero(d);
  const T* HWY_RESTRICT a = t.a + pixel * kBlock + lane;
  const T* HWY_RESTRICT b = t.b + lane;
  for (std::int64_t s = 0; s < t.segment_count; ++s) {
    const T* HWY_RESTRICT x = a + t.segments[s].offset;
    GODWIT_UNROLL
    for (int k = 0; k < G; ++k) {
      const auto w = hn::LoadU(d, b + (s * G + k) * kBlock);
      GODWIT_UNROLL
      for (int p = 0; p < P; ++p) {
        sum[p] = Fma(d, GroupChannel<G, T>().Call(x + p * kBlock, lane, k), w, sum[p]);
      }
    }
  }
  GODWIT_UNROLL
  for (int p = 0; p < P; ++p) {
    const std::int64_t at = (pixel + p) * kBlock + lane;
    hn::StoreU(finish.Call(t.epilogue, sum[p], 0, lane, at), d, t.c + at);
  }
}

/// A row of outputs of one block of channels.
template <int G, class T>
HWY_NOINLINE void NarrowRow(const TileArgs<T>& t) {
  const Finish<T> finish(t.epilogue);
  for (int lane = 0; lane < kBlock; lane += LanesOf<T>()) {
    std::int64_t pixel = 0;
    const auto left = [&] { return t.rows - pixel; };
    for (; left() >= 8 && left() != 14; pixel += 8) NarrowPixels<8, G>(t, finish, pixel, lane);
    for (; left() >= 7; pixel += 7) NarrowPixels<7, G>(t, finish, pixel, lane);
    if (left() >= 4) NarrowPixels<4, G>(t, finish, pixel, lane), pixel += 4;
    if (left() >= 2) NarrowPixels<2, G>(t, finish, pixel, lane), pixel += 2;
    if (left() >= 1) NarrowPixels<1, G>(t, finish, pixel, lane);
  }
}

template <class T>
HWY_INLINE void NarrowAny(const TileArgs<T>& t, std::int64_t group) {
  switch (group) {
    case 1: return NarrowRow<1>(t);
    case 2: return NarrowRow<2>(t);
    case 4: return NarrowRow<4>(t);
    default: return NarrowRow<8>(t);
  }
}

void NarrowFloat(const TileArgs<float>& t, std::int64_t group) { NarrowAny(t, group); }
void NarrowDouble(const TileArgs<double>& t, std::int64_t group) { NarrowAny(t, group); }

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace godwit::kernels {
namespace {

HWY_EXPORT(NarrowFloat);
HWY_EXPORT(NarrowDouble);

void Row(const TileArgs<float>& t, std::int64_t group) { HWY_DYNAMIC_DISPATCH(NarrowFloat)(t, group); }
void Row(const TileArgs<double>& t, std::int64_t group) { HWY_DYNAMIC_DISPATCH(NarrowDouble)(t, group); }

// A band is passed over once for each row of the kernel, so it should stay near.
constexpr std::int64_t kBandElements = 20 * 1024;

std::int64_t Volume(const Extent3& e) { return e[0] * e[1] * e[2]; }

}  // namespace

bool HasNarrowGroups(const ConvShape& s) {
  const std::int64_t width = s.in_channels / s.groups;
  if (s.groups == 1) return false;
  return width == 1 || (s.in_channels == s.out_channels && (width == 2 || width == 4 || width == 8));
}

template <class T>
void PackNarrowWeights(const ConvShape& s, const T* weights, T* packed) {
  const std::int64_t taps = Volume(s.kernel), width = s.in_channels / s.groups;
  std::fill_n(packed, PackedConvWeightsSize(s), T(0));
  for (std::int64_t c = 0; c < s.out_channels; ++c) {
    T* to = packed + c / kBlock * taps * width * kBlock + c % kBlock;
    for (std::int64_t k = 0; k < width; ++k) {
      for (std::int64_t tap = 0; tap < taps; ++tap)
        to[(tap * width + k) * kBlock] = weights[(c * width + k) * taps + tap];
    }
  }
}

template <class T>
void NarrowConv(const ConvArgs<T>& args, ThreadPool* pool) {
  PrepareSimd();
  const ConvShape& s = args.shape;
  const std::int64_t blocks = BlocksOf(s.out_channels), taps = Volume(s.kernel), volume = Volume(s.out);
  const std::int64_t width = s.in_channels / s.groups, repeat = s.out_channels / s.in_channels;
  // Each block of channels is planned as an image of its own: all channels share the taps.
  ConvShape one = s;
  one.groups = 1;
  one.in_channels = one.out_channels = kBlock;
  // Repeated channels are never read in place: each lane is copied from the channel it stems from.
  const ConvRows plan(one, repeat == 1 ? args.x_layout : DataLayout::kPlain, false, kBandElements);
  const std::int64_t bands = plan.slices * plan.bands;
  ParallelFor(pool, s.batch * blocks * bands, 1, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t segment_rows = -1;
    std::vector<Segment> segments;
    T* bias = args.epilogue.bias == nullptr ? nullptr : Scratch<T>(ScratchUse::kBias, kBlock);
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t block = item / bands % blocks, n = item / bands / blocks;
      const std::int64_t slice = item % bands / plan.bands, row = item % plan.bands * plan.band;
      const std::int64_t rows = std::min(plan.band, plan.rows - row);
      const std::int64_t channels = std::min(kBlock, s.out_channels - block * kBlock);
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
        CopyBand(s, plan, args.x_layout, args.x, BandPlace{n, block * kBlock, channels, slice, row, rows, repeat},
                 copy);
        operands = copy;
      }
      TileArgs<T> t{};
      t.segments = segments.data();
      t.segment_count = static_cast<std::int64_t>(segments.size());
      t.b = args.packed_weights + block * taps * width * kBlock;
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
        Row(t, width);
      }
      if (NeedsActivationPass(args.epilogue.activation)) {
        const std::int64_t size = rows * plan.columns * kBlock;
        ApplyUnaryRows(args.epilogue.activation, args.y + at, 1, size, size);
      }
    }
  });
}

template void PackNarrowWeights<float>(const ConvShape&, const float*, float*);
template void PackNarrowWeights<double>(const ConvShape&, const double*, double*);
template void NarrowConv<float>(const ConvArgs<float>&, ThreadPool*);
template void NarrowConv<double>(const ConvArgs<double>&, ThreadPool*);

}  // namespace godwit::kernels
#endif  // HWY_ONCE
