#include "exec/kernels/resize.h"

#include <algorithm>
#include <cstring>

#include "exec/kernels/scratch.h"
#include "exec/kernels/simd.h"
#include "exec/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/kernels/resize.cpp"
#include <hwy/foreach_target.h>

#include "exec/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

/// y[i] = fma(weight, high[i] - low[i], low[i]); the weight changes along the row when `weights` is not null.
template <class T>
HWY_INLINE void BlendRow(const T* low, const T* high, T weight, const T* weights, std::int64_t count, T* y) {
  const Tag<T> d;
  constexpr int kLanes = LanesOf<T>();
  const auto same = hn::Set(d, weight);
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const auto a = hn::LoadU(d, low + i);
    const auto w = weights == nullptr ? same : hn::LoadU(d, weights + i);
    hn::StoreU(Fma(d, w, hn::Sub(hn::LoadU(d, high + i), a), a), d, y + i);
  }
  const hn::CappedTag<T, 1> one;
  for (; i < count; ++i) {
    const auto a = hn::LoadU(one, low + i);
    const auto w = hn::Set(one, weights == nullptr ? weight : weights[i]);
    hn::StoreU(Fma(one, w, hn::Sub(hn::LoadU(one, high + i), a), a), one, y + i);
  }
}

void BlendFloat(const float* low, const float* high, float weight, const float* weights, std::int64_t count, float* y) {
  BlendRow(low, high, weight, weights, count, y);
}
void BlendDouble(const double* low, const double* high, double weight, const double* weights, std::int64_t count,
                 double* y) {
  BlendRow(low, high, weight, weights, count, y);
}

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace godwit::kernels {
namespace {

HWY_EXPORT(BlendFloat);
HWY_EXPORT(BlendDouble);

void Blend(const float* low, const float* high, float weight, const float* weights, std::int64_t count, float* y) {
  HWY_DYNAMIC_DISPATCH(BlendFloat)(low, high, weight, weights, count, y);
}
void Blend(const double* low, const double* high, double weight, const double* weights, std::int64_t count, double* y) {
  HWY_DYNAMIC_DISPATCH(BlendDouble)(low, high, weight, weights, count, y);
}

/// One input row stretched to the output's width. `gathered` has room for two output rows.
template <class T>
void StretchRow(const T* x, std::int64_t inner, const AxisSamples<T>& columns, std::int64_t width, T* gathered, T* y) {
  if (inner >= 8) {
    for (std::int64_t j = 0; j < width; ++j) {
      Blend(x + columns.low[j] * inner, x + columns.high[j] * inner, columns.weight[j], nullptr, inner, y + j * inner);
    }
    return;
  }
  T* const low = gathered;
  T* const high = gathered + width;
  for (std::int64_t lane = 0; lane < inner; ++lane) {
    for (std::int64_t j = 0; j < width; ++j) {
      low[j] = x[columns.low[j] * inner + lane];
      high[j] = x[columns.high[j] * inner + lane];
    }
    if (inner == 1) return Blend(low, high, T(0), columns.weight, width, y);
    Blend(low, high, T(0), columns.weight, width, low);
    for (std::int64_t j = 0; j < width; ++j) y[j * inner + lane] = low[j];
  }
}

}  // namespace

template <class T>
void ResizeLinear(const T* x, std::int64_t outer, std::int64_t in_height, std::int64_t in_width, std::int64_t inner,
                  const AxisSamples<T>& rows, std::int64_t out_height, const AxisSamples<T>& columns,
                  std::int64_t out_width, T* y, ThreadPool* pool) {
  PrepareSimd();
  const std::int64_t row = out_width * inner;
  ParallelFor(pool, outer * out_height, 1 + 4096 / (row + 1), [&](std::int64_t begin, std::int64_t end) {
    // The two stretched rows in use are kept: neighbouring outputs mostly share them.
    T* const kept = Scratch<T>(ScratchUse::kRows, static_cast<std::size_t>(2 * row + 2 * out_width));
    std::int64_t have[2] = {-1, -1};
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t plane = i / out_height * in_height;
      const std::int64_t wanted[2] = {plane + rows.low[i % out_height], plane + rows.high[i % out_height]};
      if (wanted[0] == have[1] && wanted[1] != have[1]) {
        std::memcpy(kept, kept + row, static_cast<std::size_t>(row) * sizeof(T));
        have[0] = have[1];
      }
      for (int k = 0; k < 2; ++k) {
        if (have[k] == wanted[k]) continue;
        StretchRow(x + wanted[k] * in_width * inner, inner, columns, out_width, kept + 2 * row, kept + k * row);
        have[k] = wanted[k];
      }
      Blend(kept, kept + row, rows.weight[i % out_height], nullptr, row, y + i * row);
    }
  });
}

template <class T>
void ResizeNearest(const T* x, std::int64_t outer, std::int64_t in_height, std::int64_t in_width, std::int64_t inner,
                   const std::int32_t* rows, std::int64_t out_height, const std::int32_t* columns,
                   std::int64_t out_width, T* y, ThreadPool* pool) {
  const std::int64_t row = out_width * inner;
  ParallelFor(pool, outer * out_height, 1 + 4096 / (row + 1), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      T* const to = y + i * row;
      const std::int64_t at = i % out_height;
      if (i > begin && at > 0 && rows[at] == rows[at - 1]) {
        std::memcpy(to, to - row, static_cast<std::size_t>(row) * sizeof(T));
        continue;
      }
      const T* from = x + (i / out_height * in_height + rows[at]) * in_width * inner;
      for (std::int64_t j = 0; j < out_width; ++j) std::copy_n(from + columns[j] * inner, inner, to + j * inner);
    }
  });
}

#define GODWIT_RESIZE(T)                                                                                      \
  template void ResizeLinear<T>(const T*, std::int64_t, std::int64_t, std::int64_t, std::int64_t,             \
                                const AxisSamples<T>&, std::int64_t, const AxisSamples<T>&, std::int64_t, T*, \
                                ThreadPool*);                                                                 \
  template void ResizeNearest<T>(const T*, std::int64_t, std::int64_t, std::int64_t, std::int64_t,            \
                                 const std::int32_t*, std::int64_t, const std::int32_t*, std::int64_t, T*,    \
                                 ThreadPool*);
GODWIT_RESIZE(float)
GODWIT_RESIZE(double)
#undef GODWIT_RESIZE

}  // namespace godwit::kernels
#endif  // HWY_ONCE
