// Transposition of plain tensors of any rank.
#include <algorithm>
#include <cstring>
#include <vector>

#include "exec/kernels/layout.h"
#include "exec/kernels/turn.h"

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

void TurnAny(const Bytes16* x, std::int64_t x_row, std::int64_t rows, std::int64_t columns, Bytes16* y,
             std::int64_t y_row) {
  for (std::int64_t j = 0; j < columns; ++j) {
    for (std::int64_t i = 0; i < rows; ++i) y[j * y_row + i] = x[i * x_row + j];
  }
}

template <class E>
void TurnAny(const E* x, std::int64_t x_row, std::int64_t rows, std::int64_t columns, E* y, std::int64_t y_row) {
  Turn(x, x_row, rows, columns, y, y_row);
}

/// `count` elements, `step` apart in x.
template <class E>
void Gather(const E* x, std::int64_t step, std::int64_t count, E* y) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = x[i * step];
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
      } else if (rows == 1) {
        Gather(x + from, last.x_step, last.size, y + to);
      } else {
        TurnAny(x + from, last.x_step, last.size, rows, y + to, turn_step);
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
    case 4: run(static_cast<const float*>(nullptr)); return true;  // moved, never computed with
    case 8: run(static_cast<const std::uint64_t*>(nullptr)); return true;
    case 16: run(static_cast<const Bytes16*>(nullptr)); return true;
    default: return false;
  }
}

}  // namespace godwit::kernels
