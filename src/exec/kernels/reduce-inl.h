// The sixteen-lane tree of reduce.h over vectors.
#include <algorithm>

#include "exec/kernels/math-inl.h"
#include "exec/kernels/reduce.h"
#include "exec/kernels/tile.h"

#if defined(GODWIT_EXEC_KERNELS_REDUCE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GODWIT_EXEC_KERNELS_REDUCE_INL_H_
#undef GODWIT_EXEC_KERNELS_REDUCE_INL_H_
#else
#define GODWIT_EXEC_KERNELS_REDUCE_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

/// A reduction's parts for any vector type: the neutral element, taking an element in, joining two partial results.
template <ReduceOp op, class T>
struct Reducer {
  static constexpr bool kMaximum = op == ReduceOp::kMax;
  static constexpr bool kMinimum = op == ReduceOp::kMin;

  static constexpr T Neutral() {
    if (kMaximum) return -std::numeric_limits<T>::infinity();
    if (kMinimum) return std::numeric_limits<T>::infinity();
    return op == ReduceOp::kProd ? T(1) : T(0);
  }

  template <class D, class V>
  static HWY_INLINE V Take(D d, V part, V x) {
    if constexpr (op == ReduceOp::kSumSquare || op == ReduceOp::kL2) return Fma(d, x, x, part);
    if constexpr (op == ReduceOp::kL1) return hn::Add(part, hn::Abs(x));
    return Join(part, x);
  }

  template <class V>
  static HWY_INLINE V Join(V a, V b) {
    if constexpr (kMaximum) return hn::IfThenElse(hn::Or(hn::Gt(a, b), hn::Not(hn::Eq(a, a))), a, b);
    if constexpr (kMinimum) return hn::IfThenElse(hn::Or(hn::Lt(a, b), hn::Not(hn::Eq(a, a))), a, b);
    if constexpr (op == ReduceOp::kProd) return hn::Mul(a, b);
    return hn::Add(a, b);
  }

  static HWY_INLINE T Finish(T value, std::int64_t count) {
    if constexpr (op == ReduceOp::kMean) return value / static_cast<T>(count);
    if constexpr (op == ReduceOp::kL2) return std::sqrt(value);
    return value;
  }
};

template <class T>
constexpr int kParts = 16 / LanesOf<T>();

/// Joins lane i with lane i + half until one is left.
template <class R, class D>
HWY_INLINE hn::TFromD<D> JoinHalves(D, hn::Vec<D> v) {
#if HWY_TARGET == HWY_SCALAR
  return hn::GetLane(v);
#else
  if constexpr (hn::MaxLanes(D()) == 1) {
    return hn::GetLane(v);
  } else {
    const hn::Half<D> half;
    return JoinHalves<R>(half, R::Join(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
#endif
}

/// Sixteen running results.
template <class R, class T>
struct SixteenLanes {
  using V = hn::Vec<Tag<T>>;
  V part[kParts<T>];

  HWY_INLINE SixteenLanes() {
    GODWIT_UNROLL
    for (int i = 0; i < kParts<T>; ++i) part[i] = hn::Set(Tag<T>(), R::Neutral());
  }

  HWY_INLINE T Tree() {
    const Tag<T> d;
    GODWIT_UNROLL
    for (int half = kParts<T> / 2; half > 0; half /= 2) {
      GODWIT_UNROLL
      for (int i = 0; i < half; ++i) part[i] = R::Join(part[i], part[i + half]);
    }
    return JoinHalves<R>(d, part[0]);
  }
};

/// Reduces f(x[0]), f(x[1]), ...; the last partial sixteen are completed with `padding`, which f must make neutral.
template <class R, class T, class F>
HWY_INLINE T ReduceRow(const T* x, std::int64_t count, T padding, const F& f) {
  const Tag<T> d;
  constexpr int kLanes = LanesOf<T>();
  SixteenLanes<R, T> lanes;
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    GODWIT_UNROLL
    for (int k = 0; k < kParts<T>; ++k)
      lanes.part[k] = R::Take(d, lanes.part[k], f.Call(hn::LoadU(d, x + i + k * kLanes)));
  }
  if (i < count) {
    GODWIT_UNROLL
    for (int k = 0; k < kParts<T>; ++k) {
      const std::int64_t left = count - i - k * kLanes;
      const auto real = hn::FirstN(d, static_cast<std::size_t>(std::clamp<std::int64_t>(left, 0, kLanes)));
      const auto loaded =
          left > 0 ? LoadFirst(d, x + i + k * kLanes, std::min<std::int64_t>(left, kLanes)) : hn::Zero(d);
      lanes.part[k] = R::Take(d, lanes.part[k], f.Call(hn::IfThenElse(real, loaded, hn::Set(d, padding))));
    }
  }
  return lanes.Tree();
}

template <class T>
struct Itself {
  HWY_INLINE hn::Vec<Tag<T>> Call(hn::Vec<Tag<T>> x) const { return x; }
};

/// One vector of columns, `inner` apart from row to row.
template <class R, class D, class T>
HWY_INLINE hn::Vec<D> ReduceColumn(D d, const T* x, std::int64_t count, std::int64_t inner) {
  hn::Vec<D> part[16];
  GODWIT_UNROLL
  for (int i = 0; i < 16; ++i) part[i] = hn::Set(d, R::Neutral());
  std::int64_t row = 0;
  for (; row + 16 <= count; row += 16) {
    GODWIT_UNROLL
    for (int i = 0; i < 16; ++i) part[i] = R::Take(d, part[i], hn::LoadU(d, x + (row + i) * inner));
  }
  // The last rows go through memory, where lanes may be indexed.
  if (row < count) {
    constexpr std::size_t kLanes = hn::MaxLanes(D());
    HWY_ALIGN T kept[16 * kLanes];
    GODWIT_UNROLL
    for (int i = 0; i < 16; ++i) hn::StoreU(part[i], d, kept + i * kLanes);
    for (std::int64_t i = 0; row + i < count; ++i) {
      T* const at = kept + i * static_cast<std::int64_t>(kLanes);
      hn::StoreU(R::Take(d, hn::LoadU(d, at), hn::LoadU(d, x + (row + i) * inner)), d, at);
    }
    GODWIT_UNROLL
    for (int i = 0; i < 16; ++i) part[i] = hn::LoadU(d, kept + i * kLanes);
  }
  GODWIT_UNROLL
  for (int i = 0; i < 8; ++i) part[i] = R::Join(part[i], part[i + 8]);
  GODWIT_UNROLL
  for (int i = 0; i < 4; ++i) part[i] = R::Join(part[i], part[i + 4]);
  return R::Join(R::Join(part[0], part[2]), R::Join(part[1], part[3]));
}

template <class T>
using VecT = hn::Vec<Tag<T>>;

/// y[i] = f(x[i], i) over whole vectors and a last partial one. f may read its own arrays at i through LoadPart.
template <class T, class F>
HWY_INLINE void MapRow(const T* x, std::int64_t count, T* y, const F& f) {
  const Tag<T> d;
  constexpr int kLanes = LanesOf<T>();
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) hn::StoreU(f.Call(hn::LoadU(d, x + i), i, kLanes), d, y + i);
  if (i < count) StoreFirst(f.Call(LoadFirst(d, x + i, count - i), i, count - i), d, y + i, count - i);
}

template <class T>
HWY_INLINE VecT<T> LoadPart(const T* x, std::int64_t count) {
  const Tag<T> d;
  return count == LanesOf<T>() ? hn::LoadU(d, x) : LoadFirst(d, x, count);
}

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
