// Transposition of plain tensors of any rank.
#include <algorithm>
#include <cstring>
#include <vector>

#include "exec/kernels/layout.h"

namespace godwit::kernels {
namespace {

struct Axis {
  std::int64_t size, x_step;
};

/// The output's axes with their distances in x, without ones, and with neighbours that stay together merged.
std::vector<Axis> MergedAxes(std::span<const std::int64_t> shape, std::span<const int> permutation) {
  std::vector<std::int64_t> step(shape.size(), 1);
  for (std::size_t i = shape.size(); i > 1; --i) step[i - 2] = step[i - 1] * shape[i - 1];
  std::vector<Axis> axes;
  for (const int from : permutation) {
    const Axis axis{shape[static_cast<std::size_t>(from)], step[static_cast<std::size_t>(from)]};
    if (axis.size == 1) continue;
    if (!axes.empty() && axes.back().x_step == axis.size * axis.x_step) {
      axes.back().size *= axis.size;
      axes.back().x_step = axis.x_step;
    } else {
      axes.push_back(axis);
    }
  }
  return axes;
}

struct Bytes16 {
  std::uint64_t low, high;
};

/// Rows of `columns` outputs; x advances by `row_step` from row to row and by `column_step` within one.
template <class E>
void TurnTile(const E* x, std::int64_t rows, std::int64_t row_step, std::int64_t columns, std::int64_t column_step,
              E* y, std::int64_t y_row) {
  constexpr std::int64_t kSquare = 16;
  for (std::int64_t r0 = 0; r0 < rows; r0 += kSquare) {
    const std::int64_t r1 = std::min(rows, r0 + kSquare);
    for (std::int64_t c0 = 0; c0 < columns; c0 += kSquare) {
      const std::int64_t c1 = std::min(columns, c0 + kSquare);
      for (std::int64_t r = r0; r < r1; ++r) {
        for (std::int64_t c = c0; c < c1; ++c) y[r * y_row + c] = x[r * row_step + c * column_step];
      }
    }
  }
}

template <class E>
void Run(const E* x, const std::vector<Axis>& axes, E* y, ThreadPool* pool) {
  std::int64_t total = 1;
  for (const Axis& axis : axes) total *= axis.size;
  if (total == 0) return;
  if (axes.empty() || (axes.size() == 1 && axes[0].x_step == 1)) {
    std::memcpy(y, x, static_cast<std::size_t>(total) * sizeof(E));
    return;
  }
  const Axis last = axes.back();
  // The axis along which x is contiguous is walked in step with the output's last one, square by square.
  std::size_t turn = axes.size() - 1;
  for (std::size_t i = 0; i + 1 < axes.size(); ++i) {
    if (axes[i].x_step == 1 && last.x_step != 1) turn = i;
  }
  std::vector<Axis> outer;
  std::vector<std::int64_t> y_steps;
  std::int64_t turn_step = 0, y_step = total;
  for (std::size_t i = 0; i + 1 < axes.size(); ++i) {
    y_step /= axes[i].size;
    if (i == turn) {
      turn_step = y_step;
    } else {
      outer.push_back(axes[i]);
      y_steps.push_back(y_step);
    }
  }
  const std::int64_t rows = turn + 1 == axes.size() ? 1 : axes[turn].size;
  const std::int64_t pieces = total / last.size / rows;
  ParallelFor(pool, pieces, 1 + 8192 / (rows * last.size), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t piece = begin; piece < end; ++piece) {
      std::int64_t from = 0, to = 0, rest = piece;
      for (std::size_t i = outer.size(); i-- > 0;) {
        from += rest % outer[i].size * outer[i].x_step;
        to += rest % outer[i].size * y_steps[i];
        rest /= outer[i].size;
      }
      if (last.x_step == 1) {
        std::memcpy(y + to, x + from, static_cast<std::size_t>(last.size) * sizeof(E));
      } else {
        TurnTile(x + from, rows, 1, last.size, last.x_step, y + to, turn_step);
      }
    }
  });
}

}  // namespace

bool Transpose(const void* x, std::span<const std::int64_t> shape, std::span<const int> permutation, int element_bytes,
               void* y, ThreadPool* pool) {
  const std::vector<Axis> axes = MergedAxes(shape, permutation);
  const auto run = [&]<class E>(const E*) { Run(static_cast<const E*>(x), axes, static_cast<E*>(y), pool); };
  switch (element_bytes) {
    case 1: run(static_cast<const std::uint8_t*>(nullptr)); return true;
    case 2: run(static_cast<const std::uint16_t*>(nullptr)); return true;
    case 4: run(static_cast<const std::uint32_t*>(nullptr)); return true;
    case 8: run(static_cast<const std::uint64_t*>(nullptr)); return true;
    case 16: run(static_cast<const Bytes16*>(nullptr)); return true;
    default: return false;
  }
}

}  // namespace godwit::kernels
