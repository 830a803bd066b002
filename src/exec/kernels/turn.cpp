#include "exec/kernels/turn.h"

#include <algorithm>

#include "exec/kernels/simd.h"
#include "exec/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/kernels/turn.cpp"
#include <hwy/foreach_target.h>

#include "exec/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

template <class T>
HWY_INLINE void TurnPlainly(const T* x, std::int64_t x_row, std::int64_t rows, std::int64_t columns, T* y,
                            std::int64_t y_row) {
  for (std::int64_t j = 0; j < columns; ++j) {
    for (std::int64_t i = 0; i < rows; ++i) y[j * y_row + i] = x[i * x_row + j];
  }
}

#if HWY_TARGET != HWY_SCALAR
HWY_INLINE void TurnFour(const float* x, std::int64_t x_row, float* y, std::int64_t y_row) {
  const hn::FixedTag<float, 4> d;
  const auto r0 = hn::LoadU(d, x), r1 = hn::LoadU(d, x + x_row);
  const auto r2 = hn::LoadU(d, x + 2 * x_row), r3 = hn::LoadU(d, x + 3 * x_row);
  const auto low01 = hn::InterleaveLower(d, r0, r1), low23 = hn::InterleaveLower(d, r2, r3);
  const auto high01 = hn::InterleaveUpper(d, r0, r1), high23 = hn::InterleaveUpper(d, r2, r3);
  hn::StoreU(hn::ConcatLowerLower(d, low23, low01), d, y);
  hn::StoreU(hn::ConcatUpperUpper(d, low23, low01), d, y + y_row);
  hn::StoreU(hn::ConcatLowerLower(d, high23, high01), d, y + 2 * y_row);
  hn::StoreU(hn::ConcatUpperUpper(d, high23, high01), d, y + 3 * y_row);
}
#endif

void TurnFloat(const float* x, std::int64_t x_row, std::int64_t rows, std::int64_t columns, float* y,
               std::int64_t y_row) {
#if HWY_TARGET != HWY_SCALAR
  // Sixteen rows at a time fill whole cache lines of y.
  for (std::int64_t i0 = 0; i0 + 4 <= rows; i0 += 16) {
    const std::int64_t i1 = std::min(i0 + 16, rows / 4 * 4);
    for (std::int64_t j = 0; j + 4 <= columns; j += 4) {
      for (std::int64_t i = i0; i < i1; i += 4) TurnFour(x + i * x_row + j, x_row, y + j * y_row + i, y_row);
    }
  }
  const std::int64_t done_rows = rows / 4 * 4, done_columns = columns / 4 * 4;
  TurnPlainly(x + done_columns, x_row, done_rows, columns - done_columns, y + done_columns * y_row, y_row);
  TurnPlainly(x + done_rows * x_row, x_row, rows - done_rows, columns, y + done_rows, y_row);
#else
  TurnPlainly(x, x_row, rows, columns, y, y_row);
#endif
}

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace godwit::kernels {
namespace {

HWY_EXPORT(TurnFloat);

/// Squares of sixteen, so that both sides' cache lines are used whole.
template <class T>
void TurnSquares(const T* x, std::int64_t x_row, std::int64_t rows, std::int64_t columns, T* y, std::int64_t y_row) {
  constexpr std::int64_t kSquare = 16;
  for (std::int64_t i0 = 0; i0 < rows; i0 += kSquare) {
    const std::int64_t i1 = std::min(rows, i0 + kSquare);
    for (std::int64_t j0 = 0; j0 < columns; j0 += kSquare) {
      const std::int64_t j1 = std::min(columns, j0 + kSquare);
      for (std::int64_t j = j0; j < j1; ++j) {
        for (std::int64_t i = i0; i < i1; ++i) y[j * y_row + i] = x[i * x_row + j];
      }
    }
  }
}

}  // namespace

void Turn(const std::uint8_t* x, std::int64_t x_row, std::int64_t rows, std::int64_t columns, std::uint8_t* y,
          std::int64_t y_row) {
  TurnSquares(x, x_row, rows, columns, y, y_row);
}
void Turn(const std::uint16_t* x, std::int64_t x_row, std::int64_t rows, std::int64_t columns, std::uint16_t* y,
          std::int64_t y_row) {
  TurnSquares(x, x_row, rows, columns, y, y_row);
}
void Turn(const std::uint64_t* x, std::int64_t x_row, std::int64_t rows, std::int64_t columns, std::uint64_t* y,
          std::int64_t y_row) {
  TurnSquares(x, x_row, rows, columns, y, y_row);
}
void Turn(const double* x, std::int64_t x_row, std::int64_t rows, std::int64_t columns, double* y, std::int64_t y_row) {
  TurnSquares(x, x_row, rows, columns, y, y_row);
}
void Turn(const float* x, std::int64_t x_row, std::int64_t rows, std::int64_t columns, float* y, std::int64_t y_row) {
  PrepareSimd();
  HWY_DYNAMIC_DISPATCH(TurnFloat)(x, x_row, rows, columns, y, y_row);
}

}  // namespace godwit::kernels
#endif  // HWY_ONCE
