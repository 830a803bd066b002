#include "exec/kernels/pool.h"

#include <algorithm>
#include <limits>

#include "exec/kernels/conv_rows.h"
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
  const std::int64_t rows = r.depth.count * r.height.count;
  for (std::int64_t out = 0; out < s.out[2]; ++out) {
    const Window width = WindowAt(s, 2, out, r.op == PoolOp::kAverageWithPadding);
    const auto divisor = hn::Set(d, static_cast<T>(r.depth.counted * r.height.counted * width.counted));
    for (int lane = 0; lane < kChannels; lane += kLanes) {
      auto value = hn::Set(d, kMax ? -std::numeric_limits<T>::infinity() : T(0));
      for (std::int64_t i = 0; i < rows; ++i) {
        const std::int64_t z = r.depth.first + i / r.height.count * r.depth.step;
        const std::int64_t h = r.height.first + i % r.height.count * r.height.step;
        const T* x = r.x + ((z * s.in[1] + h) * s.in[2] + width.first) * kChannels + lane;
        for (std::int64_t k = 0; k < width.count; ++k) {
          const auto tap = hn::LoadU(d, x + k * width.step * kChannels);
          if constexpr (kMax) {
            value = hn::IfThenElse(hn::Or(hn::Gt(value, tap), hn::Not(hn::Eq(value, value))), value, tap);
          } else {
            value = hn::Add(value, tap);
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

}  // namespace

template <class T>
void Pool(PoolOp op, const PoolShape& s, DataLayout layout, const T* x, T* y, ThreadPool* pool) {
  PrepareSimd();
  const std::int64_t lanes = layout == DataLayout::kBlocked ? 16 : 1;
  const std::int64_t planes = s.batch * (lanes == 16 ? BlocksOf(s.channels) : s.channels);
  const std::int64_t volume = s.in[0] * s.in[1] * s.in[2] * lanes, rows = s.out[0] * s.out[1];
  const bool with_padding = op == PoolOp::kAverageWithPadding;
  ParallelFor(pool, planes * rows, 1 + 4096 / (s.out[2] * lanes + 1), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = i % rows;
      const PoolRow<T> r{s,
                         op,
                         WindowAt(s, 0, row / s.out[1], with_padding),
                         WindowAt(s, 1, row % s.out[1], with_padding),
                         x + i / rows * volume,
                         y + i * s.out[2] * lanes};
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
