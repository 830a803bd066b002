#include "exec/kernels/layout.h"

#include <algorithm>

#include "exec/kernels/tile.h"
#include "exec/kernels/turn.h"

namespace godwit::kernels {
namespace {

std::int64_t Blocks(std::int64_t channels) { return (channels + kBlock - 1) / kBlock; }

template <class F>
void ForBlocks(std::int64_t batch, std::int64_t channels, std::int64_t spatial, ThreadPool* pool, F body) {
  const std::int64_t blocks = Blocks(channels);
  ParallelFor(pool, batch * blocks, 1 + 4096 / (spatial + 1), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t channel = i % blocks * kBlock;
      body(i, i / blocks, channel, std::min(kBlock, channels - channel));
    }
  });
}

}  // namespace

template <class T>
void PlainToBlocked(const T* x, std::int64_t batch, std::int64_t channels, std::int64_t spatial, T* y,
                    ThreadPool* pool) {
  ForBlocks(batch, channels, spatial, pool,
            [&](std::int64_t i, std::int64_t n, std::int64_t channel, std::int64_t width) {
              T* to = y + i * spatial * kBlock;
              if (width < kBlock) std::fill_n(to, spatial * kBlock, T(0));
              Turn(x + (n * channels + channel) * spatial, spatial, width, spatial, to, kBlock);
            });
}

template <class T>
void BlockedToPlain(const T* x, std::int64_t batch, std::int64_t channels, std::int64_t spatial, T* y,
                    ThreadPool* pool) {
  ForBlocks(batch, channels, spatial, pool,
            [&](std::int64_t i, std::int64_t n, std::int64_t channel, std::int64_t width) {
              Turn(x + i * spatial * kBlock, kBlock, spatial, width, y + (n * channels + channel) * spatial, spatial);
            });
}

template <class T>
void LastToBlocked(const T* x, std::int64_t batch, std::int64_t channels, std::int64_t spatial, T* y,
                   ThreadPool* pool) {
  ForBlocks(batch, channels, spatial, pool,
            [&](std::int64_t i, std::int64_t n, std::int64_t channel, std::int64_t width) {
              T* to = y + i * spatial * kBlock;
              const T* from = x + n * spatial * channels + channel;
              for (std::int64_t p = 0; p < spatial; ++p) {
                std::fill_n(std::copy_n(from + p * channels, width, to + p * kBlock), kBlock - width, T(0));
              }
            });
}

template <class T>
void BlockedToLast(const T* x, std::int64_t batch, std::int64_t channels, std::int64_t spatial, T* y,
                   ThreadPool* pool) {
  ForBlocks(batch, channels, spatial, pool,
            [&](std::int64_t i, std::int64_t n, std::int64_t channel, std::int64_t width) {
              T* to = y + n * spatial * channels + channel;
              const T* from = x + i * spatial * kBlock;
              for (std::int64_t p = 0; p < spatial; ++p) std::copy_n(from + p * kBlock, width, to + p * channels);
            });
}

#define GODWIT_LAYOUT(T)                                                                                \
  template void PlainToBlocked<T>(const T*, std::int64_t, std::int64_t, std::int64_t, T*, ThreadPool*); \
  template void BlockedToPlain<T>(const T*, std::int64_t, std::int64_t, std::int64_t, T*, ThreadPool*); \
  template void LastToBlocked<T>(const T*, std::int64_t, std::int64_t, std::int64_t, T*, ThreadPool*);  \
  template void BlockedToLast<T>(const T*, std::int64_t, std::int64_t, std::int64_t, T*, ThreadPool*);
GODWIT_LAYOUT(float)
GODWIT_LAYOUT(double)
GODWIT_LAYOUT(std::uint16_t)
GODWIT_LAYOUT(std::uint8_t)
#undef GODWIT_LAYOUT

}  // namespace godwit::kernels
