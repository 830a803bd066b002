#include "exec/kernels/quantize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "exec/kernels/simd.h"
#include "exec/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/kernels/quantize.cpp"
#include <hwy/foreach_target.h>

#include "exec/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

using F = Tag<float>;
using I = hn::RebindToSigned<F>;

/// What turns one vector into integers, by one scale.
struct Quantizer {
  float scale, low, high;  // the bounds before the zero point is added
  std::int32_t zero;
  bool away;

  HWY_INLINE hn::Vec<I> Call(hn::Vec<F> x) const {
    const F d;
    const auto exact = hn::Div(x, hn::Set(d, scale));
    auto q = hn::Round(exact);
    if (away) {
      const auto whole = hn::Trunc(exact);
      const auto up = hn::Ge(hn::Abs(hn::Sub(exact, whole)), hn::Set(d, 0.5F));
      q = hn::Add(whole, hn::IfThenElseZero(up, hn::CopySign(hn::Set(d, 1.0F), exact)));
    }
    q = hn::IfThenElseZero(hn::Eq(q, q), q);
    q = hn::Min(hn::Max(q, hn::Set(d, low)), hn::Set(d, high));
    return hn::Add(hn::ConvertTo(I(), q), hn::Set(I(), zero));
  }
};

template <class E>
HWY_INLINE void QuantizeRun(const float* x, std::int64_t count, const Quantizer& f, E* y) {
  const F d;
  const hn::Rebind<E, I> narrow;
  constexpr std::int64_t kLanes = LanesOf<float>();
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) hn::StoreU(hn::DemoteTo(narrow, f.Call(hn::LoadU(d, x + i))), narrow, y + i);
  if (i == count) return;
  HWY_ALIGN std::int32_t rest[kLanes];
  hn::Store(f.Call(LoadFirst(d, x + i, count - i)), I(), rest);
  for (std::int64_t j = 0; i < count; ++i, ++j) y[i] = static_cast<E>(rest[j]);
}

template <class E>
HWY_INLINE void DequantizeRun(const E* x, std::int64_t count, float scale, std::int32_t zero, float* y) {
  const F d;
  const hn::Rebind<E, I> narrow;
  const auto z = hn::Set(I(), zero);
  const auto s = hn::Set(d, scale);
  constexpr std::int64_t kLanes = LanesOf<float>();
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const auto wide = hn::Sub(hn::PromoteTo(I(), hn::LoadU(narrow, x + i)), z);
    hn::StoreU(hn::Mul(hn::ConvertTo(d, wide), s), d, y + i);
  }
  for (; i < count; ++i) y[i] = static_cast<float>(static_cast<std::int32_t>(x[i]) - zero) * scale;
}

/// The smallest and largest of the numbers and zero; whether all are numbers.
bool RangeOf(const float* x, std::int64_t count, float* low, float* high) {
  const F d;
  constexpr std::int64_t kLanes = LanesOf<float>();
  auto small = hn::Zero(d), large = hn::Zero(d);
  auto same = hn::Eq(small, small);
  const auto take = [&](hn::Vec<F> v) HWY_ATTR {
    same = hn::And(same, hn::Eq(v, v));
    small = hn::IfThenElse(hn::Lt(v, small), v, small);
    large = hn::IfThenElse(hn::Gt(v, large), v, large);
  };
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) take(hn::LoadU(d, x + i));
  if (i < count) take(LoadFirst(d, x + i, count - i));
  HWY_ALIGN float lanes[kLanes];
  hn::Store(small, d, lanes);
  *low = *std::min_element(lanes, lanes + kLanes);
  hn::Store(large, d, lanes);
  *high = *std::max_element(lanes, lanes + kLanes);
  return hn::AllTrue(d, same);
}

#define GODWIT_RUNS(E, Name)                                                                                     \
  void Quantize##Name(const float* x, std::int64_t count, float scale, float low, float high, std::int32_t zero, \
                      bool away, E* y) {                                                                         \
    QuantizeRun(x, count, Quantizer{scale, low, high, zero, away}, y);                                           \
  }                                                                                                              \
  void Dequantize##Name(const E* x, std::int64_t count, float scale, std::int32_t zero, float* y) {              \
    DequantizeRun(x, count, scale, zero, y);                                                                     \
  }
GODWIT_RUNS(std::uint8_t, U8)
GODWIT_RUNS(std::int8_t, I8)
GODWIT_RUNS(std::uint16_t, U16)
GODWIT_RUNS(std::int16_t, I16)
#undef GODWIT_RUNS

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace godwit::kernels {
namespace {

#define GODWIT_RUNS(E, Name)                                                                                    \
  HWY_EXPORT(Quantize##Name);                                                                                   \
  HWY_EXPORT(Dequantize##Name);                                                                                 \
  void QuantizeOne(const float* x, std::int64_t n, float scale, std::int32_t zero, bool away, E* y) {           \
    using Limits = std::numeric_limits<E>;                                                                      \
    const auto low = static_cast<float>(Limits::min() - zero), high = static_cast<float>(Limits::max() - zero); \
    HWY_DYNAMIC_DISPATCH(Quantize##Name)(x, n, scale, low, high, zero, away, y);                                \
  }                                                                                                             \
  void DequantizeOne(const E* x, std::int64_t n, float scale, std::int32_t zero, float* y) {                    \
    HWY_DYNAMIC_DISPATCH(Dequantize##Name)(x, n, scale, zero, y);                                               \
  }
GODWIT_RUNS(std::uint8_t, U8)
GODWIT_RUNS(std::int8_t, I8)
GODWIT_RUNS(std::uint16_t, U16)
GODWIT_RUNS(std::int16_t, I16)
#undef GODWIT_RUNS
HWY_EXPORT(RangeOf);

template <class T, class E>
void QuantizeOne(const T* x, std::int64_t n, T scale, std::int32_t zero, bool away, E* y) {
  const double low = std::numeric_limits<E>::min(), high = std::numeric_limits<E>::max();
  for (std::int64_t i = 0; i < n; ++i) {
    const T q = x[i] / scale;
    const auto exact = static_cast<double>(q);
    const double whole = q == q ? (away ? std::round(exact) : std::rint(exact)) + zero : zero;
    y[i] = static_cast<E>(std::clamp(whole, low, high));
  }
}

// In double, where the difference is exact, and the product is rounded once more.
template <class T, class E>
void DequantizeOne(const E* x, std::int64_t n, T scale, std::int32_t zero, T* y) {
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = static_cast<T>((static_cast<double>(x[i]) - zero) * static_cast<double>(scale));
  }
}

/// Calls `run` for runs of elements that share a channel.
template <class T, class Run>
void ForRuns(const Scales<T>& s, ThreadPool* pool, Run run) {
  PrepareSimd();
  const std::int64_t grain = 1 + 16384 / std::max<std::int64_t>(1, s.inner);
  if (s.outer * s.channels == 1) {
    return ParallelFor(pool, s.inner, 16384, [&](std::int64_t begin, std::int64_t end) { run(begin, end - begin, 0); });
  }
  ParallelFor(pool, s.outer * s.channels, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) run(row * s.inner, s.inner, row % s.channels);
  });
}

}  // namespace

template <class T, class E>
void Quantize(const T* x, const Scales<T>& s, E* y, ThreadPool* pool) {
  ForRuns(s, pool, [&](std::int64_t at, std::int64_t count, std::int64_t channel) {
    QuantizeOne(x + at, count, s.scale[channel], s.zero[channel], s.away, y + at);
  });
}

template <class T, class E>
void Dequantize(const E* x, const Scales<T>& s, T* y, ThreadPool* pool) {
  ForRuns(s, pool, [&](std::int64_t at, std::int64_t count, std::int64_t channel) {
    DequantizeOne(x + at, count, s.scale[channel], s.zero[channel], y + at);
  });
}

void DynamicQuantize(const float* x, std::int64_t count, std::uint8_t* y, float* scale, std::uint8_t* zero,
                     ThreadPool* pool) {
  PrepareSimd();
  float low = 0, high = 0;
  const bool numbers = HWY_DYNAMIC_DISPATCH(RangeOf)(x, count, &low, &high);
  *scale = (high == low ? 1.0F : high - low) / 255.0F;
  const float middle = std::rint(std::clamp(0.0F - low / *scale, 0.0F, 255.0F));
  *zero = middle >= 0 ? static_cast<std::uint8_t>(middle) : std::uint8_t{0};
  const std::int32_t zero_point = *zero;
  Quantize<float>(x, {1, 1, count, scale, &zero_point}, y, pool);
  for (std::int64_t i = 0; i < count && !numbers; ++i) y[i] = x[i] == x[i] ? y[i] : std::uint8_t{0};
}

namespace {

// Reals become integers by way of 64 bits, cut off towards zero, of which narrower ones keep the low part.
template <class To, class From>
To ConvertOne(From x) {
  if constexpr (std::is_same_v<From, BoolByte>) {
    return static_cast<To>(x ? 1 : 0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (x != x) return 0;
    const auto wide = x >= From(0x1p63)    ? std::numeric_limits<std::int64_t>::max()
                      : x <= From(-0x1p63) ? std::numeric_limits<std::int64_t>::min()
                                           : static_cast<std::int64_t>(x);
    return static_cast<To>(wide);
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace

template <class From, class To>
void ConvertElements(const From* x, std::int64_t count, To* y, ThreadPool* pool) {
  ParallelFor(pool, count, 16384, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = ConvertOne<To>(x[i]);
  });
}

#define GODWIT_QUANTIZE(T, E)                                                \
  template void Quantize<T, E>(const T*, const Scales<T>&, E*, ThreadPool*); \
  template void Dequantize<T, E>(const E*, const Scales<T>&, T*, ThreadPool*);
GODWIT_QUANTIZE(float, std::uint8_t)
GODWIT_QUANTIZE(float, std::int8_t)
GODWIT_QUANTIZE(float, std::uint16_t)
GODWIT_QUANTIZE(float, std::int16_t)
GODWIT_QUANTIZE(double, std::uint8_t)
GODWIT_QUANTIZE(double, std::int8_t)
GODWIT_QUANTIZE(double, std::uint16_t)
GODWIT_QUANTIZE(double, std::int16_t)
#undef GODWIT_QUANTIZE
template void Dequantize<float, std::int32_t>(const std::int32_t*, const Scales<float>&, float*, ThreadPool*);
template void Dequantize<double, std::int32_t>(const std::int32_t*, const Scales<double>&, double*, ThreadPool*);

#define GODWIT_CONVERT(From)                                                                                \
  template void ConvertElements<From, float>(const From*, std::int64_t, float*, ThreadPool*);               \
  template void ConvertElements<From, double>(const From*, std::int64_t, double*, ThreadPool*);             \
  template void ConvertElements<From, std::int32_t>(const From*, std::int64_t, std::int32_t*, ThreadPool*); \
  template void ConvertElements<From, std::int64_t>(const From*, std::int64_t, std::int64_t*, ThreadPool*);
GODWIT_CONVERT(BoolByte)
GODWIT_CONVERT(float)
GODWIT_CONVERT(double)
GODWIT_CONVERT(std::uint8_t)
GODWIT_CONVERT(std::int8_t)
GODWIT_CONVERT(std::uint16_t)
GODWIT_CONVERT(std::int16_t)
GODWIT_CONVERT(std::int32_t)
GODWIT_CONVERT(std::int64_t)
#undef GODWIT_CONVERT

}  // namespace godwit::kernels
#endif  // HWY_ONCE
