#include "exec/kernels/binary.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/mathfn.h"
#include "exec/kernels/simd.h"
#include "exec/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/kernels/binary.cpp"
#include <hwy/foreach_target.h>

#include "exec/kernels/simd-inl.h"

#ifndef GODWIT_EXEC_KERNELS_BINARY_ONCE_
#define GODWIT_EXEC_KERNELS_BINARY_ONCE_
namespace godwit::kernels {

/// The two innermost axes: rows of `columns` results. A column step is 0 or 1 for the vector loops.
template <class T>
struct BinarySlab {
  const T* a;
  std::int64_t a_row, a_column;
  const T* b;
  std::int64_t b_row, b_column;
  std::int64_t rows, columns;
  T* y;  // dense
};

template <class T>
T PowOne(T x, T y) {
  if (y == T(2)) return x * x;
  if (y == T(1)) return x;
  if (y == T(3)) return x * x * x;
  if (y == T(-1)) return T(1) / x;
  if (y == T(0.5) && x > -std::numeric_limits<T>::infinity()) return std::sqrt(x + T(0));
  return static_cast<T>(mathfn::Pow(static_cast<double>(x), static_cast<double>(y)));
}

}  // namespace godwit::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

template <BinaryOp op, class T>
HWY_INLINE hn::Vec<Tag<T>> Combine(hn::Vec<Tag<T>> a, hn::Vec<Tag<T>> b) {
  const Tag<T> d;
  if constexpr (op == BinaryOp::kAdd) return hn::Add(a, b);
  if constexpr (op == BinaryOp::kSub) return hn::Sub(a, b);
  if constexpr (op == BinaryOp::kMul) return hn::Mul(a, b);
  if constexpr (op == BinaryOp::kDiv) return hn::Div(a, b);
  if constexpr (op == BinaryOp::kMax) return hn::IfThenElse(hn::Or(hn::Gt(a, b), hn::Not(hn::Eq(a, a))), a, b);
  if constexpr (op == BinaryOp::kMin) return hn::IfThenElse(hn::Or(hn::Lt(a, b), hn::Not(hn::Eq(a, a))), a, b);
  if constexpr (op == BinaryOp::kPrelu) return hn::IfThenElse(hn::Lt(a, hn::Zero(d)), hn::Mul(a, b), a);
}

template <BinaryOp op, class T>
HWY_INLINE void CombineRow(const T* a, bool a_runs, const T* b, bool b_runs, std::int64_t count, T* y) {
  const Tag<T> d;
  constexpr int kLanes = LanesOf<T>();
  std::int64_t i = 0;
  if (a_runs && b_runs) {
    for (; i + kLanes <= count; i += kLanes) {
      hn::StoreU(Combine<op, T>(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
    }
  } else if (a_runs) {
    const auto whole = hn::Set(d, *b);
    for (; i + kLanes <= count; i += kLanes) hn::StoreU(Combine<op, T>(hn::LoadU(d, a + i), whole), d, y + i);
  } else {
    const auto whole = hn::Set(d, *a);
    if (!b_runs) {
      const auto same = Combine<op, T>(whole, hn::Set(d, *b));
      for (; i + kLanes <= count; i += kLanes) hn::StoreU(same, d, y + i);
    }
    for (; i + kLanes <= count; i += kLanes) hn::StoreU(Combine<op, T>(whole, hn::LoadU(d, b + i)), d, y + i);
  }
  for (; i < count; ++i) {
    const T one_a = a[a_runs ? i : 0], one_b = b[b_runs ? i : 0];
    y[i] = hn::GetLane(Combine<op, T>(hn::Set(d, one_a), hn::Set(d, one_b)));
  }
}

template <BinaryOp op, class T>
HWY_NOINLINE void CombineSlab(const BinarySlab<T>& s) {
  for (std::int64_t row = 0; row < s.rows; ++row) {
    CombineRow<op>(s.a + row * s.a_row, s.a_column != 0, s.b + row * s.b_row, s.b_column != 0, s.columns,
                   s.y + row * s.columns);
  }
}

template <class T>
HWY_INLINE void SlabOf(BinaryOp op, const BinarySlab<T>& s) {
  switch (op) {
    case BinaryOp::kAdd: return CombineSlab<BinaryOp::kAdd>(s);
    case BinaryOp::kSub: return CombineSlab<BinaryOp::kSub>(s);
    case BinaryOp::kMul: return CombineSlab<BinaryOp::kMul>(s);
    case BinaryOp::kDiv: return CombineSlab<BinaryOp::kDiv>(s);
    case BinaryOp::kMax: return CombineSlab<BinaryOp::kMax>(s);
    case BinaryOp::kMin: return CombineSlab<BinaryOp::kMin>(s);
    case BinaryOp::kPrelu: return CombineSlab<BinaryOp::kPrelu>(s);
    case BinaryOp::kPow: return;
  }
}

void SlabFloat(BinaryOp op, const BinarySlab<float>& s) { SlabOf(op, s); }
void SlabDouble(BinaryOp op, const BinarySlab<double>& s) { SlabOf(op, s); }

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace godwit::kernels {
namespace {

HWY_EXPORT(SlabFloat);
HWY_EXPORT(SlabDouble);

void Vector(BinaryOp op, const BinarySlab<float>& s) { HWY_DYNAMIC_DISPATCH(SlabFloat)(op, s); }
void Vector(BinaryOp op, const BinarySlab<double>& s) { HWY_DYNAMIC_DISPATCH(SlabDouble)(op, s); }

template <class T>
void RunSlab(BinaryOp op, const BinarySlab<T>& s) {
  if (op == BinaryOp::kPow) {
    for (std::int64_t row = 0; row < s.rows; ++row) {
      for (std::int64_t i = 0; i < s.columns; ++i) {
        s.y[row * s.columns + i] = PowOne(s.a[row * s.a_row + i * s.a_column], s.b[row * s.b_row + i * s.b_column]);
      }
    }
    return;
  }
  if ((s.a_column | s.b_column | 1) == 1) return Vector(op, s);
  // An operand that is neither dense nor constant along the row is gathered, a piece at a time.
  constexpr std::int64_t kPiece = 256;
  T a[kPiece], b[kPiece];
  for (std::int64_t row = 0; row < s.rows; ++row) {
    for (std::int64_t first = 0; first < s.columns; first += kPiece) {
      const std::int64_t count = std::min(kPiece, s.columns - first);
      for (std::int64_t i = 0; i < count; ++i) {
        a[i] = s.a[row * s.a_row + (first + i) * s.a_column];
        b[i] = s.b[row * s.b_row + (first + i) * s.b_column];
      }
      Vector(op, BinarySlab<T>{a, 0, 1, b, 0, 1, 1, count, s.y + row * s.columns + first});
    }
  }
}

struct Axis {
  std::int64_t size, a_step, b_step;
};

}  // namespace

template <class T>
void ApplyBinary(BinaryOp op, const Operand<T>& a, const Operand<T>& b, std::span<const std::int64_t> shape, T* y,
                 ThreadPool* pool) {
  PrepareSimd();
  std::vector<Axis> axes;
  std::int64_t total = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    total *= shape[i];
    if (shape[i] == 1) continue;
    const Axis axis{shape[i], a.steps[i], b.steps[i]};
    if (!axes.empty() && axes.back().a_step == axis.size * axis.a_step &&
        axes.back().b_step == axis.size * axis.b_step) {
      axes.back() = {axes.back().size * axis.size, axis.a_step, axis.b_step};
    } else {
      axes.push_back(axis);
    }
  }
  if (total == 0) return;
  const Axis inner = axes.empty() ? Axis{1, 1, 1} : axes.back();
  if (!axes.empty()) axes.pop_back();
  const Axis rows = axes.empty() ? Axis{1, 0, 0} : axes.back();
  if (!axes.empty()) axes.pop_back();
  if (rows.size == 1 && axes.empty()) {
    return ParallelFor(pool, inner.size, 16384, [&](std::int64_t begin, std::int64_t end) {
      RunSlab(op, BinarySlab<T>{a.data + begin * inner.a_step, 0, inner.a_step, b.data + begin * inner.b_step, 0,
                                inner.b_step, 1, end - begin, y + begin});
    });
  }
  const std::int64_t all_rows = total / inner.size;
  ParallelFor(pool, all_rows, 1 + 16384 / inner.size, [&](std::int64_t begin, std::int64_t end) {
    while (begin < end) {
      const std::int64_t row = begin % rows.size, count = std::min(end - begin, rows.size - row);
      std::int64_t slab = begin / rows.size, at_a = row * rows.a_step, at_b = row * rows.b_step;
      for (std::size_t i = axes.size(); i-- > 0; slab /= axes[i].size) {
        at_a += slab % axes[i].size * axes[i].a_step;
        at_b += slab % axes[i].size * axes[i].b_step;
      }
      RunSlab(op, BinarySlab<T>{a.data + at_a, rows.a_step, inner.a_step, b.data + at_b, rows.b_step, inner.b_step,
                                count, inner.size, y + begin * inner.size});
      begin += count;
    }
  });
}

template void ApplyBinary<float>(BinaryOp, const Operand<float>&, const Operand<float>&, std::span<const std::int64_t>,
                                 float*, ThreadPool*);
template void ApplyBinary<double>(BinaryOp, const Operand<double>&, const Operand<double>&,
                                  std::span<const std::int64_t>, double*, ThreadPool*);

}  // namespace godwit::kernels
#endif  // HWY_ONCE
