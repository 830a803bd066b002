#include "exec/kernels/reduce.h"

#include <cmath>
#include <limits>

#include "exec/kernels/simd.h"
#include "exec/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/kernels/reduce.cpp"
#include <hwy/foreach_target.h>

#include "exec/kernels/reduce-inl.h"

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

template <ReduceOp op, class T>
HWY_NOINLINE void ReduceRows(const T* x, std::int64_t begin, std::int64_t end, std::int64_t count, std::int64_t inner,
                             T* y) {
  using R = Reducer<op, T>;
  const Tag<T> d;
  constexpr int kLanes = LanesOf<T>();
  for (std::int64_t row = begin; row < end; ++row) {
    const T* from = x + row * count * inner;
    T* to = y + row * inner;
    if (inner == 1) {
      *to = R::Finish(ReduceRow<R>(from, count, R::Neutral(), Itself<T>()), count);
      continue;
    }
    std::int64_t j = 0;
    for (; j + kLanes <= inner; j += kLanes) hn::StoreU(ReduceColumn<R>(d, from + j, count, inner), d, to + j);
    const hn::CappedTag<T, 1> one;
    for (; j < inner; ++j) to[j] = hn::GetLane(ReduceColumn<R>(one, from + j, count, inner));
    for (j = 0; j < inner; ++j) to[j] = R::Finish(to[j], count);
  }
}

template <class T>
HWY_INLINE void ReduceAny(ReduceOp op, const T* x, std::int64_t begin, std::int64_t end, std::int64_t count,
                          std::int64_t inner, T* y) {
  switch (op) {
    case ReduceOp::kSum: return ReduceRows<ReduceOp::kSum>(x, begin, end, count, inner, y);
    case ReduceOp::kMean: return ReduceRows<ReduceOp::kMean>(x, begin, end, count, inner, y);
    case ReduceOp::kMax: return ReduceRows<ReduceOp::kMax>(x, begin, end, count, inner, y);
    case ReduceOp::kMin: return ReduceRows<ReduceOp::kMin>(x, begin, end, count, inner, y);
    case ReduceOp::kProd: return ReduceRows<ReduceOp::kProd>(x, begin, end, count, inner, y);
    case ReduceOp::kSumSquare: return ReduceRows<ReduceOp::kSumSquare>(x, begin, end, count, inner, y);
    case ReduceOp::kL1: return ReduceRows<ReduceOp::kL1>(x, begin, end, count, inner, y);
    case ReduceOp::kL2: return ReduceRows<ReduceOp::kL2>(x, begin, end, count, inner, y);
  }
}

void ReduceFloat(ReduceOp op, const float* x, std::int64_t begin, std::int64_t end, std::int64_t count,
                 std::int64_t inner, float* y) {
  ReduceAny(op, x, begin, end, count, inner, y);
}
void ReduceDouble(ReduceOp op, const double* x, std::int64_t begin, std::int64_t end, std::int64_t count,
                  std::int64_t inner, double* y) {
  ReduceAny(op, x, begin, end, count, inner, y);
}

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace godwit::kernels {

HWY_EXPORT(ReduceFloat);
HWY_EXPORT(ReduceDouble);

template <class T>
void Reduce(ReduceOp op, const T* x, std::int64_t outer, std::int64_t count, std::int64_t inner, T* y,
            ThreadPool* pool) {
  PrepareSimd();
  if (inner == 0) return;
  ParallelFor(pool, outer, 1 + 16384 / (count * inner + 1), [&](std::int64_t begin, std::int64_t end) {
    if constexpr (sizeof(T) == sizeof(float)) {
      HWY_DYNAMIC_DISPATCH(ReduceFloat)(op, x, begin, end, count, inner, y);
    } else {
      HWY_DYNAMIC_DISPATCH(ReduceDouble)(op, x, begin, end, count, inner, y);
    }
  });
}

template void Reduce<float>(ReduceOp, const float*, std::int64_t, std::int64_t, std::int64_t, float*, ThreadPool*);
template void Reduce<double>(ReduceOp, const double*, std::int64_t, std::int64_t, std::int64_t, double*, ThreadPool*);

}  // namespace godwit::kernels
#endif  // HWY_ONCE
