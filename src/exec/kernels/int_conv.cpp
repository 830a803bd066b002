#include "exec/kernels/int_conv.h"

#include <algorithm>
#include <cstring>

#include "exec/kernels/conv_rows.h"
#include "exec/kernels/int_gemm.h"
#include "exec/kernels/scratch.h"
#include "exec/kernels/tile.h"

namespace godwit::kernels {
namespace {

// Output positions whose operands are gathered at a time, as many as fit the second-level cache.
constexpr std::int64_t kBandBytes = 256 * 1024;
constexpr std::int64_t kMaxBand = 168;

std::int64_t Volume(const Extent3& e) { return e[0] * e[1] * e[2]; }

/// The order of the sum: block of input channels, tap, channel.
std::int64_t Chunks(const ConvShape& s) { return BlocksOf(s.in_channels / s.groups) * Volume(s.kernel); }

/// The channels [16] of a position of the input that a tap of an output position meets; null in the padding.
template <class E>
class Taps {
 public:
  Taps(const ConvShape& s, const E* x, std::int64_t block, std::int64_t place)
      : s_(s),
        x_(x + block * Volume(s.in) * kBlock),
        at_{place / s.out[2] / s.out[1], place / s.out[2] % s.out[1], place % s.out[2]} {}
  [[nodiscard]] const E* At(std::int64_t block, const Extent3& tap) const {
    std::int64_t offset = block;
    for (std::size_t i = 0; i < 3; ++i) {
      const std::int64_t place = at_[i] * s_.stride[i] - s_.pad[i] + tap[i] * s_.dilation[i];
      if (place < 0 || place >= s_.in[i]) return nullptr;
      offset = offset * s_.in[i] + place;
    }
    return x_ + offset * kBlock;
  }

 private:
  const ConvShape& s_;
  const E* x_;
  Extent3 at_;
};

template <class F>
void ForTaps(const ConvShape& s, F f) {
  Extent3 tap;
  for (tap[0] = 0; tap[0] < s.kernel[0]; ++tap[0]) {
    for (tap[1] = 0; tap[1] < s.kernel[1]; ++tap[1]) {
      for (tap[2] = 0; tap[2] < s.kernel[2]; ++tap[2]) f(tap);
    }
  }
}

/// A position's operands as 16-bit values in the places where pairs of them are expected.
template <class E>
void Gather(const IntConvArgs<E>& args, const Taps<E>& taps, std::int64_t row, std::int64_t rows,
            std::int32_t* packed) {
  const ConvShape& s = args.shape;
  const auto zero = static_cast<std::int16_t>(args.zero);
  std::int64_t chunk = 0;
  for (std::int64_t block = 0; block < BlocksOf(s.in_channels / s.groups); ++block) {
    ForTaps(s, [&](const Extent3& tap) {
      // Two chunks of 16 values fill the 16 pairs of a row.
      std::int16_t values[kBlock] = {};
      if (const E* from = taps.At(block, tap)) {
        for (std::int64_t i = 0; i < kBlock; ++i) values[i] = static_cast<std::int16_t>(from[i] - zero);
      }
      std::memcpy(packed + (chunk / 2 * rows + row) * kBlock + chunk % 2 * (kBlock / 2), values, sizeof(values));
      ++chunk;
    });
  }
}

template <class E>
void GroupedConv(const IntConvArgs<E>& args, ThreadPool* pool) {
  const ConvShape& s = args.shape;
  const std::int64_t pairs = Chunks(s) * kBlock / 2, positions = Volume(s.out);
  const std::int64_t outputs = s.out_channels / s.groups;
  const std::int64_t in_blocks = BlocksOf(s.in_channels / s.groups), out_blocks = BlocksOf(outputs);
  const std::int64_t band =
      std::clamp<std::int64_t>(kBandBytes / (pairs * 4) / 14 * 14, 14, std::min(kMaxBand, (positions + 13) / 14 * 14));
  const std::int64_t bands = (positions + band - 1) / band;
  ParallelFor(pool, s.batch * s.groups * bands, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t first = item % bands * band, rows = std::min(band, positions - first);
      const std::int64_t group = item / bands % s.groups, image = item / bands / s.groups;
      auto* const packed = Scratch<std::int32_t>(
          ScratchUse::kRows, static_cast<std::size_t>((pairs + kBlock - 1) / kBlock * kBlock * rows));
      for (std::int64_t row = 0; row < rows; ++row) {
        const Taps<E> taps(s, args.x, (image * s.groups + group) * in_blocks, first + row);
        Gather(args, taps, row, rows, packed);
      }
      IntTile tile{};
      tile.a = packed;
      tile.rows = rows;
      tile.pairs = pairs;
      tile.b = args.packed_weights + group * out_blocks * kBlock * pairs;
      if (args.bias != nullptr) tile.bias = args.bias + group * outputs;
      tile.c = args.y + ((image * s.groups + group) * out_blocks * positions + first) * kBlock;
      tile.ldc = kBlock;
      tile.c_block = positions * kBlock;
      tile.columns = outputs;
      RunIntTiles(tile);
    }
  });
}

template <class E>
void DepthwiseConv(const IntConvArgs<E>& args, ThreadPool* pool) {
  const ConvShape& s = args.shape;
  const std::int64_t positions = Volume(s.out), blocks = BlocksOf(s.out_channels), taps = Volume(s.kernel);
  ParallelFor(pool, s.batch * blocks * positions, 256, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t block = i / positions % blocks, channels = std::min(kBlock, s.out_channels - block * kBlock);
      const Taps<E> at(s, args.x, i / positions, i % positions);
      // Unsigned sums wrap.
      std::uint32_t sum[kBlock] = {};
      if (args.bias != nullptr) std::copy_n(args.bias + block * kBlock, channels, sum);
      const std::int32_t* w = args.packed_weights + block * taps * kBlock;
      ForTaps(s, [&](const Extent3& tap) {
        if (const E* x = at.At(0, tap)) {
          for (std::int64_t j = 0; j < kBlock; ++j) sum[j] += static_cast<std::uint32_t>((x[j] - args.zero) * w[j]);
        }
        w += kBlock;
      });
      std::copy_n(sum, kBlock, args.y + i * kBlock);
    }
  });
}

}  // namespace

bool HasIntConv(const ConvShape& s) {
  if (s.groups == 1 || IsDepthwise(s)) return true;
  return s.in_channels / s.groups % kBlock == 0 && s.out_channels / s.groups % kBlock == 0;
}

std::int64_t PackedIntConvSize(const ConvShape& s) {
  if (IsDepthwise(s)) return BlocksOf(s.out_channels) * kBlock * Volume(s.kernel);
  return s.groups * BlocksOf(s.out_channels / s.groups) * kBlock * (Chunks(s) * kBlock / 2);
}

template <class E>
void PackIntConvWeights(const ConvShape& s, const E* weights, const std::int32_t* zeros, std::int64_t zero_step,
                        std::int32_t* packed) {
  const std::int64_t taps = Volume(s.kernel), inputs = s.in_channels / s.groups, outputs = s.out_channels / s.groups;
  const auto at = [&](std::int64_t out, std::int64_t channel, std::int64_t tap) -> std::int32_t {
    if (channel >= inputs) return 0;
    const std::int32_t zero = zeros == nullptr ? 0 : zeros[out * zero_step];
    return static_cast<std::int32_t>(weights[(out * inputs + channel) * taps + tap]) - zero;
  };
  if (IsDepthwise(s)) {
    for (std::int64_t block = 0; block < BlocksOf(s.out_channels); ++block) {
      for (std::int64_t tap = 0; tap < taps; ++tap) {
        for (std::int64_t j = block * kBlock; j < (block + 1) * kBlock; ++j) {
          *packed++ = j < s.out_channels ? at(j, 0, tap) : 0;
        }
      }
    }
    return;
  }
  for (std::int64_t group = 0; group < s.groups; ++group) {
    for (std::int64_t block = 0; block < BlocksOf(outputs); ++block) {
      for (std::int64_t chunk = 0; chunk < Chunks(s); ++chunk) {
        const std::int64_t channel = chunk / taps * kBlock, tap = chunk % taps;
        for (std::int64_t i = 0; i < kBlock; i += 2) {
          for (std::int64_t j = block * kBlock; j < (block + 1) * kBlock; ++j) {
            const std::int64_t out = group * outputs + j;
            *packed++ = j < outputs ? IntPair(at(out, channel + i, tap), at(out, channel + i + 1, tap)) : 0;
          }
        }
      }
    }
  }
}

template <class E>
void IntConv(const IntConvArgs<E>& args, ThreadPool* pool) {
  if (IsDepthwise(args.shape)) return DepthwiseConv(args, pool);
  GroupedConv(args, pool);
}

template void PackIntConvWeights<std::uint8_t>(const ConvShape&, const std::uint8_t*, const std::int32_t*, std::int64_t,
                                               std::int32_t*);
template void PackIntConvWeights<std::int8_t>(const ConvShape&, const std::int8_t*, const std::int32_t*, std::int64_t,
                                              std::int32_t*);
template void IntConv<std::uint8_t>(const IntConvArgs<std::uint8_t>&, ThreadPool*);
template void IntConv<std::int8_t>(const IntConvArgs<std::int8_t>&, ThreadPool*);

}  // namespace godwit::kernels
