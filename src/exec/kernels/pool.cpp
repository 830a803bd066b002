#include "exec/kernels/pool.h"

#include <algorithm>
#include <limits>

#include "exec/kernels/conv_rows.h"
#include "exec/kernels/layout.h"
#include "exec/kernels/scratch.h"
#include "exec/kernels/simd.h"
#include "exec/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/kernels/pool.cpp"
#include <hwy/foreach_target.h>

#include "exec/kernels/simd-inl.h"

#ifndef GODWIT_EXEC_KERNELS_POOL_ONCE_
#define GODWIT_EXEC_KERNELS_POOL_ONCE_
namespace godwit::kernels {

/// The taps of a window along one axis that lie in the input, and how many count for the average.
struct Window {
  std::int64_t first, step, count;
  std::int64_t counted;
};

inline Window WindowAt(const PoolShape& s, std::size_t axis, std::int64_t out, bool with_padding) {
  const std::int64_t start = out * s.stride[axis] - s.pad[axis], step = s.dilation[axis];
  const std::int64_t skipped = start >= 0 ? 0 : std::min(s.kernel[axis], (-start + step - 1) / step);
  const auto taps_below = [&](std::int64_t limit) {
    return limit <= start ? 0 : std::min(s.kernel[axis], (limit - start + step - 1) / step);
  };
  const std::int64_t count = std::max<std::int64_t>(taps_below(s.in[axis]) - skipped, 0);
  return {start + skipped * step, step, count, with_padding ? taps_below(s.in[axis] + s.pad_end[axis]) : count};
}

/// One row of outputs of `lanes` channels that lie together; `x` and `y` are at the first of them.
template <class T>
struct PoolRow {
  const PoolShape& shape;
  PoolOp op;
  Window depth, height;
  const T* x;
  T* y;
};

}  // namespace godwit::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

/// `kChannels` channels lie together: 16 in the blocked layout, 1 in the plain one.
template <int kChannels, bool kMax, class T>
HWY_INLINE void PoolOutputs(const PoolRow<T>& r) {
  const hn::CappedTag<T, kChannels> d;
  constexpr int kLanes = static_cast<int>(hn::MaxLanes(hn::CappedTag<T, kChannels>()));
  const PoolShape& s = r.shape;
  for (std::int64_t out = 0; out < s.out[2]; ++out) {
    const Window width = WindowAt(s, 2, out, r.op == PoolOp::kAverageWithPadding);
    const auto divisor = hn::Set(d, static_cast<T>(r.depth.counted * r.height.counted * width.counted));
    for (int lane = 0; lane < kChannels; lane += kLanes) {
      auto value = hn::Set(d, kMax ? -std::numeric_limits<T>::infinity() : T(0));
      for (std::int64_t z = 0; z < r.depth.count; ++z) {
        const std::int64_t plane = (r.depth.first + z * r.depth.step) * s.in[1];
        for (std::int64_t h = 0; h < r.height.count; ++h) {
          const std::int64_t row = (plane + r.height.first + h * r.height.step) * s.in[2];
          const T* x = r.x + (row + width.first) * kChannels + lane;
          for (std::int64_t k = 0; k < width.count; ++k) {
            const auto tap = hn::LoadU(d, x + k * width.step * kChannels);
            if constexpr (kMax) {
              value = hn::IfThenElse(hn::Or(hn::Gt(value, tap), hn::Not(hn::Eq(value, value))), value, tap);
            } else {
              value = hn::Add(value, tap);
            }
          }
        }
      }
      if (!kMax) value = hn::Div(value, divisor);
      hn::StoreU(value, d, r.y + out * kChannels + lane);
    }
  }
}

template <class T>
HWY_INLINE void PoolAny(const PoolRow<T>& r, DataLayout layout) {
  const bool max = r.op == PoolOp::kMax;
  if (layout == DataLayout::kBlocked) return max ? PoolOutputs<16, true>(r) : PoolOutputs<16, false>(r);
  return max ? PoolOutputs<1, true>(r) : PoolOutputs<1, false>(r);
}

void PoolFloat(const PoolRow<float>& r, DataLayout layout) { PoolAny(r, layout); }
void PoolDouble(const PoolRow<double>& r, DataLayout layout) { PoolAny(r, layout); }

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace godwit::kernels {
namespace {

HWY_EXPORT(PoolFloat);
HWY_EXPORT(PoolDouble);

// From this many channels on, plain tensors are pooled faster by way of the blocked layout.
constexpr std::int64_t kWorthTurning = 8;

/// A block of planes at a time goes to the blocked layout, through the window, and back.
template <class T>
void PoolTurned(PoolOp op, const PoolShape& s, const T* x, T* y, ThreadPool* pool) {
  const std::int64_t in = s.in[0] * s.in[1] * s.in[2], out = s.out[0] * s.out[1] * s.out[2];
  const std::int64_t blocks = BlocksOf(s.channels);
  ParallelFor(pool, s.batch * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    T* const blocked_x = Scratch<T>(ScratchUse::kRows, static_cast<std::size_t>(in * kBlock));
    T* const blocked_y = Scratch<T>(ScratchUse::kOutput, static_cast<std::size_t>(out * kBlock));
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t channel = i % blocks * kBlock, first = i / blocks * s.channels + channel;
      PoolShape one = s;
      one.batch = 1;
      one.channels = std::min(kBlock, s.channels - channel);
      PlainToBlocked(x + first * in, 1, one.channels, in, blocked_x);
      Pool<T>(op, one, DataLayout::kBlocked, blocked_x, blocked_y, nullptr);
      BlockedToPlain(blocked_y, 1, one.channels, out, y + first * out);
    }
  });
}

}  // namespace

template <class T>
void Pool(PoolOp op, const PoolShape& s, DataLayout layout, const T* x, T* y, ThreadPool* pool) {
  PrepareSimd();
  if (layout == DataLayout::kPlain && s.channels >= kWorthTurning) return PoolTurned(op, s, x, y, pool);
  const std::int64_t lanes = layout == DataLayout::kBlocked ? kBlock : 1;
  const std::int64_t planes = s.batch * (lanes == kBlock ? BlocksOf(s.channels) : s.channels);
  const std::int64_t volume = s.in[0] * s.in[1] * s.in[2] * lanes, rows = s.out[0] * s.out[1];
  const bool with_padding = op == PoolOp::kAverageWithPadding;
  ParallelFor(pool, planes * rows, 1 + 4096 / (s.out[2] * lanes + 1), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = i % rows;
      const Window depth = WindowAt(s, 0, row / s.out[1], with_padding);
      const Window height = WindowAt(s, 1, row % s.out[1], with_padding);
      const PoolRow<T> r{s, op, depth, height, x + i / rows * volume, y + i * s.out[2] * lanes};
      if constexpr (sizeof(T) == sizeof(float)) {
        HWY_DYNAMIC_DISPATCH(PoolFloat)(r, layout);
      } else {
        HWY_DYNAMIC_DISPATCH(PoolDouble)(r, layout);
      }
    }
  });
}

template void Pool<float>(PoolOp, const PoolShape&, DataLayout, const float*, float*, ThreadPool*);
template void Pool<double>(PoolOp, const PoolShape&, DataLayout, const double*, double*, ThreadPool*);

}  // namespace godwit::kernels
#endif  // HWY_ONCE
