// The softmax of reduce.h.
#include <limits>

#include "exec/kernels/reduce.h"
#include "exec/kernels/scratch.h"
#include "exec/kernels/simd.h"
#include "exec/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/kernels/softmax.cpp"
#include <hwy/foreach_target.h>

#include "exec/kernels/reduce-inl.h"

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

template <class T>
struct ExpMinus {
  T top;
  HWY_INLINE VecT<T> Call(VecT<T> x) const { return Exp(hn::Sub(x, hn::Set(Tag<T>(), top))); }
  HWY_INLINE VecT<T> Call(VecT<T> x, std::int64_t, std::int64_t) const { return Call(x); }
};

template <class T>
struct DivideBy {
  T sum;
  HWY_INLINE VecT<T> Call(VecT<T> x, std::int64_t, std::int64_t) const { return hn::Div(x, hn::Set(Tag<T>(), sum)); }
};

template <class T>
struct MinusBoth {
  T top, log_sum;
  HWY_INLINE VecT<T> Call(VecT<T> x, std::int64_t, std::int64_t) const {
    const Tag<T> d;
    return hn::Sub(hn::Sub(x, hn::Set(d, top)), hn::Set(d, log_sum));
  }
};

template <class T>
HWY_INLINE void SoftmaxRow(const T* x, std::int64_t count, bool logarithm, T* y) {
  using Max = Reducer<ReduceOp::kMax, T>;
  using Sum = Reducer<ReduceOp::kSum, T>;
  const T top = ReduceRow<Max>(x, count, Max::Neutral(), Itself<T>());
  if (logarithm) {
    // Padding at minus infinity becomes a zero under exp.
    const T sum = ReduceRow<Sum>(x, count, -std::numeric_limits<T>::infinity(), ExpMinus<T>{top});
    const T log_sum = hn::GetLane(Log(hn::Set(Tag<T>(), sum)));
    return MapRow(x, count, y, MinusBoth<T>{top, log_sum});
  }
  MapRow(x, count, y, ExpMinus<T>{top});
  const T sum = ReduceRow<Sum>(y, count, T(0), Itself<T>());
  MapRow(y, count, y, DivideBy<T>{sum});
}

/// One vector of columns at a time; the remaining columns are brought together in `row` and back.
template <class T>
HWY_INLINE void SoftmaxColumns(const T* x, std::int64_t count, std::int64_t inner, bool logarithm, T* y, T* row) {
  using Sum = Reducer<ReduceOp::kSum, T>;
  const Tag<T> d;
  constexpr int kLanes = LanesOf<T>();
  std::int64_t j = 0;
  for (; j + kLanes <= inner && !logarithm; j += kLanes) {
    const auto top = ReduceColumn<Reducer<ReduceOp::kMax, T>>(d, x + j, count, inner);
    for (std::int64_t i = 0; i < count; ++i) {
      hn::StoreU(Exp(hn::Sub(hn::LoadU(d, x + i * inner + j), top)), d, y + i * inner + j);
    }
    const auto sum = ReduceColumn<Sum>(d, y + j, count, inner);
    for (std::int64_t i = 0; i < count; ++i) {
      hn::StoreU(hn::Div(hn::LoadU(d, y + i * inner + j), sum), d, y + i * inner + j);
    }
  }
  for (; j < inner; ++j) {
    for (std::int64_t i = 0; i < count; ++i) row[i] = x[i * inner + j];
    SoftmaxRow(row, count, logarithm, row);
    for (std::int64_t i = 0; i < count; ++i) y[i * inner + j] = row[i];
  }
}

template <class T>
HWY_INLINE void SoftmaxRange(const T* x, std::int64_t begin, std::int64_t end, std::int64_t count, std::int64_t inner,
                             bool logarithm, T* y, T* row) {
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t at = i * count * inner;
    if (inner == 1) {
      SoftmaxRow(x + at, count, logarithm, y + at);
    } else {
      SoftmaxColumns(x + at, count, inner, logarithm, y + at, row);
    }
  }
}

void SoftmaxFloat(const float* x, std::int64_t begin, std::int64_t end, std::int64_t count, std::int64_t inner,
                  bool logarithm, float* y, float* row) {
  SoftmaxRange(x, begin, end, count, inner, logarithm, y, row);
}
void SoftmaxDouble(const double* x, std::int64_t begin, std::int64_t end, std::int64_t count, std::int64_t inner,
                   bool logarithm, double* y, double* row) {
  SoftmaxRange(x, begin, end, count, inner, logarithm, y, row);
}

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace godwit::kernels {
namespace {

HWY_EXPORT(SoftmaxFloat);
HWY_EXPORT(SoftmaxDouble);

// Elements that are worth a thread.
constexpr std::int64_t kGrain = 8192;

}  // namespace

template <class T>
void Softmax(const T* x, std::int64_t outer, std::int64_t count, std::int64_t inner, bool logarithm, T* y,
             ThreadPool* pool) {
  PrepareSimd();
  if (count * inner == 0) return;
  ParallelFor(pool, outer, 1 + kGrain / (count * inner), [&](std::int64_t begin, std::int64_t end) {
    T* row = Scratch<T>(ScratchUse::kRows, static_cast<std::size_t>(count));
    if constexpr (sizeof(T) == sizeof(float)) {
      HWY_DYNAMIC_DISPATCH(SoftmaxFloat)(x, begin, end, count, inner, logarithm, y, row);
    } else {
      HWY_DYNAMIC_DISPATCH(SoftmaxDouble)(x, begin, end, count, inner, logarithm, y, row);
    }
  });
}

template void Softmax<float>(const float*, std::int64_t, std::int64_t, std::int64_t, bool, float*, ThreadPool*);
template void Softmax<double>(const double*, std::int64_t, std::int64_t, std::int64_t, bool, double*, ThreadPool*);

}  // namespace godwit::kernels
#endif  // HWY_ONCE
