#include "exec/kernels/integer/product.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "exec/kernels/int_gemm.h"
#include "exec/kernels/integer/depthwise.h"
#include "exec/kernels/scratch.h"
#include "exec/kernels/tile.h"

namespace godwit::kernels {
namespace {

constexpr int64_t kLine = 2 * kBlock;  // 16-bit values of a row that lie together
// Output positions whose operands are gathered at a time, as many as fit the second-level cache.
constexpr int64_t kBandBytes = 192 * 1024;
// Products of 16 bits by 9 bits that 32-bit sums hold.
constexpr int64_t kSafeWide = 128;

int64_t Volume(const Extent3& e) { return e[0] * e[1] * e[2]; }

/// Calls f(tap, place in x counted in positions of an image, or -1 in the padding) for an output position.
template <class F>
void ForTaps(const ConvShape& s, int64_t position, F f) {
  const int64_t row = position / s.out[2];
  const int64_t d = row / s.out[1] * s.stride[0] - s.pad[0], h = row % s.out[1] * s.stride[1] - s.pad[1];
  const int64_t w = position % s.out[2] * s.stride[2] - s.pad[2];
  int64_t tap = 0;
  for (int64_t kd = 0; kd < s.kernel[0]; ++kd) {
    const int64_t pd = d + kd * s.dilation[0];
    const bool deep = pd >= 0 && pd < s.in[0];
    for (int64_t kh = 0; kh < s.kernel[1]; ++kh) {
      const int64_t ph = h + kh * s.dilation[1];
      const bool inside = deep && ph >= 0 && ph < s.in[1];
      const int64_t line = (pd * s.in[1] + ph) * s.in[2];
      int64_t pw = w;
      for (int64_t kw = 0; kw < s.kernel[2]; ++kw, ++tap, pw += s.dilation[2]) {
        f(tap, inside && pw >= 0 && pw < s.in[2] ? line + pw : -1);
      }
    }
  }
}

/// The values that an output position sums over, as 16-bit numbers in the order of the weights.
template <class E>
void GatherRow(const ConvShape& s, const E* image, int64_t group, int32_t zero, int64_t position, int16_t* row) {
  const int64_t inputs = s.in_channels / s.groups;
  ForTaps(s, position, [&](int64_t tap, int64_t place) {
    int16_t* to = row + tap * inputs;
    if (place < 0) {
      std::fill_n(to, inputs, int16_t{0});
      return;
    }
    const E* from = image + place * s.in_channels + group * inputs;
    for (int64_t i = 0; i < inputs; ++i) to[i] = static_cast<int16_t>(from[i] - zero);
  });
}

template <class E>
void TiledProduct(const ConvShape& s, const E* x, const int32_t* zeros, int64_t zero_step, const int32_t* packed,
                  const int32_t* bias, const SumSink& sink, ThreadPool* pool) {
  const int64_t inputs = s.in_channels / s.groups, outputs = s.out_channels / s.groups;
  const int64_t k = inputs * Volume(s.kernel), pairs = (k + 1) / 2, lines = (pairs + kBlock - 1) / kBlock;
  const int64_t positions = Volume(s.out), in_positions = Volume(s.in);
  const int64_t weights_of_group = PackedIntBSize(k, outputs);
  const int64_t bytes = lines * kLine * 2 + outputs * 4;
  const int64_t band = std::clamp<int64_t>(kBandBytes / bytes / 14 * 14, 14, 168);
  const int64_t bands = (positions + band - 1) / band;
  constexpr bool wide = sizeof(E) > 1;
  ParallelFor(pool, s.batch * s.groups * bands, 1, [&](int64_t begin, int64_t end) {
    std::vector<int64_t> totals;
    for (int64_t item = begin; item < end; ++item) {
      const int64_t first = item % bands * band, rows = std::min(band, positions - first);
      const int64_t group = item / bands % s.groups, image = item / bands / s.groups;
      const E* from = x + image * in_positions * s.in_channels;
      const int32_t zero = zeros[image * zero_step];
      auto* const a = Scratch<int32_t>(ScratchUse::kRows, static_cast<size_t>(lines * kBlock * rows));
      auto* const row = Scratch<int16_t>(ScratchUse::kColumns, static_cast<size_t>(lines * kLine));
      std::fill(row + k, row + lines * kLine, int16_t{0});
      for (int64_t r = 0; r < rows; ++r) {
        GatherRow(s, from, group, zero, first + r, row);
        for (int64_t line = 0; line < lines; ++line) {
          std::memcpy(a + (line * rows + r) * kBlock, row + line * kLine, static_cast<size_t>(kLine) * 2);
        }
      }
      auto* const sums = Scratch<int32_t>(ScratchUse::kOutput, static_cast<size_t>(rows * outputs));
      IntTile tile{};
      tile.rows = rows;
      tile.c = sums;
      tile.ldc = outputs;
      tile.c_block = kBlock;
      tile.columns = outputs;
      tile.a = a;
      tile.pairs = pairs;
      tile.b = packed + group * weights_of_group;
      const int64_t out = image * positions + first, channel = group * outputs;
      if constexpr (!wide) {
        if (bias != nullptr) tile.bias = bias + channel;
        RunIntTiles(tile);
        for (int64_t r = 0; r < rows; ++r) sink(out + r, channel, outputs, sums + r * outputs, nullptr);
        continue;
      }
      totals.assign(static_cast<size_t>(rows * outputs), 0);
      // Packed weights of 16 columns lie together over all pairs: a part of the sum is a tile of each such block.
      for (int64_t part = 0; part < pairs; part += kSafeWide / 2) {
        for (int64_t column = 0; column < outputs; column += kBlock) {
          IntTile piece = tile;
          piece.pairs = std::min(kSafeWide / 2, pairs - part);
          piece.a = a + part * rows;
          piece.b = tile.b + column * pairs + part * kBlock;
          piece.columns = std::min(kBlock, outputs - column);
          piece.c = sums + column;
          RunIntTiles(piece);
        }
        for (size_t i = 0; i < totals.size(); ++i) totals[i] += sums[i];
      }
      for (int64_t r = 0; r < rows; ++r) sink(out + r, channel, outputs, nullptr, totals.data() + r * outputs);
    }
  });
}

template <class E>
void DepthwiseProduct(const ConvShape& s, const E* x, const int32_t* zeros, int64_t zero_step, const int32_t* packed,
                      const int32_t* bias, const SumSink& sink, ThreadPool* pool) {
  const int64_t positions = Volume(s.out), in_positions = Volume(s.in), channels = s.out_channels;
  const int64_t multiple = s.out_channels / s.in_channels;
  ParallelFor(pool, s.batch * positions, 16, [&](int64_t begin, int64_t end) {
    std::vector<int32_t> sums(static_cast<size_t>(channels));
    std::vector<int64_t> totals(sizeof(E) > 1 ? static_cast<size_t>(channels) : 0);
    std::vector<DepthwiseTap<E>> taps;
    for (int64_t i = begin; i < end; ++i) {
      const E* image = x + i / positions * in_positions * s.in_channels;
      const int32_t zero = zeros[i / positions * zero_step];
      if constexpr (sizeof(E) > 1) {
        std::fill(totals.begin(), totals.end(), 0);
        ForTaps(s, i % positions, [&](int64_t tap, int64_t place) {
          if (place < 0) return;
          const E* from = image + place * s.in_channels;
          const int32_t* w = packed + tap * channels;
          for (int64_t c = 0; c < channels; ++c) {
            totals[static_cast<size_t>(c)] += static_cast<int64_t>(from[c / multiple] - zero) * w[c];
          }
        });
        sink(i, 0, channels, nullptr, totals.data());
      } else {
        taps.clear();
        ForTaps(s, i % positions, [&](int64_t tap, int64_t place) {
          if (place >= 0) taps.push_back({image + place * s.in_channels, packed + tap * channels});
        });
        SumDepthwise(taps.data(), static_cast<int64_t>(taps.size()), zero, bias, channels, multiple, sums.data());
        sink(i, 0, channels, sums.data(), nullptr);
      }
    }
  });
}

}  // namespace

bool IsDepthwiseProduct(const ConvShape& s) { return s.groups == s.in_channels && s.groups > 1; }

int64_t PackedProductSize(const ProductShape& shape) {
  const ConvShape& s = shape.conv;
  if (shape.depthwise) return Volume(s.kernel) * s.out_channels;
  return s.groups * PackedIntBSize(s.in_channels / s.groups * Volume(s.kernel), s.out_channels / s.groups);
}

template <class E>
void PackProduct(const ProductShape& shape, const E* weights, const int32_t* zeros, int64_t zero_step,
                 int32_t* packed) {
  const ConvShape& s = shape.conv;
  if (shape.depthwise) {
    for (int64_t i = 0; i < Volume(s.kernel) * s.out_channels; ++i) {
      packed[i] = static_cast<int32_t>(weights[i]) - zeros[i % s.out_channels * zero_step];
    }
    return;
  }
  const int64_t outputs = s.out_channels / s.groups, k = s.in_channels / s.groups * Volume(s.kernel);
  for (int64_t g = 0; g < s.groups; ++g) {
    PackIntB(weights + g * outputs * k, k, true, k, outputs, zeros + g * outputs * zero_step, zero_step,
             packed + g * PackedIntBSize(k, outputs));
  }
}

template <class E>
void Product(const ProductShape& shape, const E* x, const int32_t* zeros, int64_t zero_step, const int32_t* packed,
             const int32_t* bias, const SumSink& sink, ThreadPool* pool) {
  if (shape.depthwise) return DepthwiseProduct(shape.conv, x, zeros, zero_step, packed, bias, sink, pool);
  TiledProduct(shape.conv, x, zeros, zero_step, packed, bias, sink, pool);
}

template void PackProduct<uint8_t>(const ProductShape&, const uint8_t*, const int32_t*, int64_t, int32_t*);
template void PackProduct<int8_t>(const ProductShape&, const int8_t*, const int32_t*, int64_t, int32_t*);
template void Product<uint8_t>(const ProductShape&, const uint8_t*, const int32_t*, int64_t, const int32_t*,
                               const int32_t*, const SumSink&, ThreadPool*);
template void Product<int8_t>(const ProductShape&, const int8_t*, const int32_t*, int64_t, const int32_t*,
                              const int32_t*, const SumSink&, ThreadPool*);
template void Product<int16_t>(const ProductShape&, const int16_t*, const int32_t*, int64_t, const int32_t*,
                               const int32_t*, const SumSink&, ThreadPool*);

}  // namespace godwit::kernels
