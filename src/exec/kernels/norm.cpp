// The norms of reduce.h.
#include <cmath>

#include "exec/kernels/reduce.h"
#include "exec/kernels/simd.h"
#include "exec/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/kernels/norm.cpp"
#include <hwy/foreach_target.h>

#include "exec/kernels/reduce-inl.h"

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

template <class T>
struct Centred {
  T mean;
  HWY_INLINE VecT<T> Call(VecT<T> x) const { return hn::Sub(x, hn::Set(Tag<T>(), mean)); }
};

/// With an affine that changes along the row, or the same everywhere when `uniform`.
template <class T>
struct Normalise {
  T mean, inverse;
  Affine<T> affine;
  bool uniform;

  HWY_INLINE VecT<T> Parameter(const T* values, std::int64_t at, std::int64_t count) const {
    return uniform ? hn::Set(Tag<T>(), *values) : LoadPart(values + at, count);
  }

  HWY_INLINE VecT<T> Call(VecT<T> x, std::int64_t at, std::int64_t count) const {
    const Tag<T> d;
    const auto value = hn::Mul(hn::Sub(x, hn::Set(d, mean)), hn::Set(d, inverse));
    if (affine.scale == nullptr) {
      return affine.offset == nullptr ? value : hn::Add(value, Parameter(affine.offset, at, count));
    }
    const auto scale = Parameter(affine.scale, at, count);
    if (affine.offset == nullptr) return hn::Mul(value, scale);
    return Fma(d, value, scale, Parameter(affine.offset, at, count));
  }
};

template <class T>
HWY_INLINE void Statistics(const T* x, std::int64_t count, double epsilon, bool centred, T& mean, T& inverse) {
  mean = T(0);
  const auto divisor = static_cast<T>(count);
  if (centred) mean = ReduceRow<Reducer<ReduceOp::kSum, T>>(x, count, T(0), Itself<T>()) / divisor;
  const T squares = ReduceRow<Reducer<ReduceOp::kSumSquare, T>>(x, count, mean, Centred<T>{mean});
  inverse = T(1) / std::sqrt(squares / divisor + static_cast<T>(epsilon));
}

template <class T>
HWY_INLINE void NormRange(const T* x, std::int64_t begin, std::int64_t end, std::int64_t count, double epsilon,
                          bool centred, const Affine<T>& affine, T* y, T* means, T* inverses) {
  for (std::int64_t row = begin; row < end; ++row) {
    T mean, inverse;
    Statistics(x + row * count, count, epsilon, centred, mean, inverse);
    MapRow(x + row * count, count, y + row * count, Normalise<T>{mean, inverse, affine, false});
    if (means != nullptr) means[row] = mean;
    if (inverses != nullptr) inverses[row] = inverse;
  }
}

void NormFloat(const float* x, std::int64_t begin, std::int64_t end, std::int64_t count, double epsilon, bool centred,
               const Affine<float>& affine, float* y, float* means, float* inverses) {
  NormRange(x, begin, end, count, epsilon, centred, affine, y, means, inverses);
}
void NormDouble(const double* x, std::int64_t begin, std::int64_t end, std::int64_t count, double epsilon, bool centred,
                const Affine<double>& affine, double* y, double* means, double* inverses) {
  NormRange(x, begin, end, count, epsilon, centred, affine, y, means, inverses);
}

/// Group `row % groups` of image `row / groups`.
template <class T>
HWY_INLINE void GroupRange(const T* x, std::int64_t begin, std::int64_t end, std::int64_t groups, std::int64_t channels,
                           std::int64_t spatial, double epsilon, const Affine<T>& affine, T* y) {
  for (std::int64_t row = begin; row < end; ++row) {
    const std::int64_t at = row * channels * spatial, first = row % groups * channels;
    T mean, inverse;
    Statistics(x + at, channels * spatial, epsilon, true, mean, inverse);
    for (std::int64_t c = 0; c < channels; ++c) {
      Affine<T> one = affine;
      if (one.scale != nullptr) one.scale += first + c;
      if (one.offset != nullptr) one.offset += first + c;
      MapRow(x + at + c * spatial, spatial, y + at + c * spatial, Normalise<T>{mean, inverse, one, true});
    }
  }
}

void GroupFloat(const float* x, std::int64_t begin, std::int64_t end, std::int64_t groups, std::int64_t channels,
                std::int64_t spatial, double epsilon, const Affine<float>& affine, float* y) {
  GroupRange(x, begin, end, groups, channels, spatial, epsilon, affine, y);
}
void GroupDouble(const double* x, std::int64_t begin, std::int64_t end, std::int64_t groups, std::int64_t channels,
                 std::int64_t spatial, double epsilon, const Affine<double>& affine, double* y) {
  GroupRange(x, begin, end, groups, channels, spatial, epsilon, affine, y);
}

template <class T>
struct CentredAffine {
  const T *centre, *scale, *offset;
  bool uniform;
  HWY_INLINE VecT<T> Parameter(const T* values, std::int64_t at, std::int64_t count) const {
    return uniform ? hn::Set(Tag<T>(), *values) : LoadPart(values + at, count);
  }
  HWY_INLINE VecT<T> Call(VecT<T> x, std::int64_t at, std::int64_t count) const {
    return Fma(Tag<T>(), hn::Sub(x, Parameter(centre, at, count)), Parameter(scale, at, count),
               Parameter(offset, at, count));
  }
};

/// Rows are the channels of all images, or all elements of the outer axes where the channels come last.
template <class T>
HWY_INLINE void ChannelRange(const T* x, std::int64_t begin, std::int64_t end, std::int64_t channels,
                             std::int64_t inner, const CentredAffine<T>& affine, T* y) {
  const std::int64_t length = affine.uniform ? inner : channels;
  for (std::int64_t row = begin; row < end; ++row) {
    CentredAffine<T> one = affine;
    if (affine.uniform) {
      one.centre += row % channels;
      one.scale += row % channels;
      one.offset += row % channels;
    }
    MapRow(x + row * length, length, y + row * length, one);
  }
}

void ChannelFloat(const float* x, std::int64_t begin, std::int64_t end, std::int64_t channels, std::int64_t inner,
                  const float* centre, const float* scale, const float* offset, float* y) {
  ChannelRange(x, begin, end, channels, inner, CentredAffine<float>{centre, scale, offset, inner != 1}, y);
}
void ChannelDouble(const double* x, std::int64_t begin, std::int64_t end, std::int64_t channels, std::int64_t inner,
                   const double* centre, const double* scale, const double* offset, double* y) {
  ChannelRange(x, begin, end, channels, inner, CentredAffine<double>{centre, scale, offset, inner != 1}, y);
}

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace godwit::kernels {
namespace {

HWY_EXPORT(NormFloat);
HWY_EXPORT(NormDouble);
HWY_EXPORT(GroupFloat);
HWY_EXPORT(GroupDouble);
HWY_EXPORT(ChannelFloat);
HWY_EXPORT(ChannelDouble);

template <class T>
constexpr bool kSingle = sizeof(T) == sizeof(float);

// Elements that are worth a thread.
constexpr std::int64_t kGrain = 8192;

}  // namespace

template <class T>
void NormRows(const T* x, std::int64_t rows, std::int64_t count, double epsilon, bool centred, const Affine<T>& affine,
              T* y, T* mean, T* inverse, ThreadPool* pool) {
  PrepareSimd();
  ParallelFor(pool, rows, 1 + kGrain / (count + 1), [&](std::int64_t begin, std::int64_t end) {
    if constexpr (kSingle<T>) {
      HWY_DYNAMIC_DISPATCH(NormFloat)(x, begin, end, count, epsilon, centred, affine, y, mean, inverse);
    } else {
      HWY_DYNAMIC_DISPATCH(NormDouble)(x, begin, end, count, epsilon, centred, affine, y, mean, inverse);
    }
  });
}

template <class T>
void NormGroups(const T* x, std::int64_t batch, std::int64_t channels, std::int64_t groups, std::int64_t spatial,
                double epsilon, const Affine<T>& affine, T* y, ThreadPool* pool) {
  PrepareSimd();
  const std::int64_t each = channels / groups;
  ParallelFor(pool, batch * groups, 1 + kGrain / (each * spatial + 1), [&](std::int64_t begin, std::int64_t end) {
    if constexpr (kSingle<T>) {
      HWY_DYNAMIC_DISPATCH(GroupFloat)(x, begin, end, groups, each, spatial, epsilon, affine, y);
    } else {
      HWY_DYNAMIC_DISPATCH(GroupDouble)(x, begin, end, groups, each, spatial, epsilon, affine, y);
    }
  });
}

template <class T>
void NormChannels(const T* x, std::int64_t outer, std::int64_t channels, std::int64_t inner, const T* centre,
                  const T* scale, const T* offset, T* y, ThreadPool* pool) {
  PrepareSimd();
  const std::int64_t rows = inner == 1 ? outer : outer * channels, length = inner == 1 ? channels : inner;
  ParallelFor(pool, rows, 1 + kGrain / (length + 1), [&](std::int64_t begin, std::int64_t end) {
    if constexpr (kSingle<T>) {
      HWY_DYNAMIC_DISPATCH(ChannelFloat)(x, begin, end, channels, inner, centre, scale, offset, y);
    } else {
      HWY_DYNAMIC_DISPATCH(ChannelDouble)(x, begin, end, channels, inner, centre, scale, offset, y);
    }
  });
}

#define GODWIT_NORM(T)                                                                                                \
  template void NormRows<T>(const T*, std::int64_t, std::int64_t, double, bool, const Affine<T>&, T*, T*, T*,         \
                            ThreadPool*);                                                                             \
  template void NormGroups<T>(const T*, std::int64_t, std::int64_t, std::int64_t, std::int64_t, double,               \
                              const Affine<T>&, T*, ThreadPool*);                                                     \
  template void NormChannels<T>(const T*, std::int64_t, std::int64_t, std::int64_t, const T*, const T*, const T*, T*, \
                                ThreadPool*);
GODWIT_NORM(float)
GODWIT_NORM(double)
#undef GODWIT_NORM

}  // namespace godwit::kernels
#endif  // HWY_ONCE
