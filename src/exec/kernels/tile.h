// The arguments of the register tile: a few rows of A times a few columns of B, with the whole sum held in registers.
//
// Every product and convolution is brought to this form. A row's operands are read from `segments` runs: run s starts
// at a + offset for the first row and a fixed stride further for each next row, and holds `length` consecutive values.
// B is packed in blocks of 16 columns, [16-column block][k][16], so its k-th row is the one the k-th operand meets.
#pragma once

#include <cstddef>
#include <cstdint>

#include "exec/kernels/epilogue.h"

namespace godwit::kernels {

/// Channels in a block of the blocked layout, columns in a block of packed B.
inline constexpr std::int64_t kBlock = 16;

struct Segment {
  std::int64_t offset;
  std::int64_t length;
};

template <class T>
struct TileArgs {
  const T* a;
  const Segment* segments;
  std::int64_t segment_count;
  const T* b;
  std::int64_t b_block;  // from one block of packed B to the next
  T* c;
  std::int64_t c_row;    // from one row of the output to the next
  std::int64_t c_block;  // from one block of 16 columns to the next
  std::int64_t rows;
  std::int64_t columns;  // real ones; stores touch no others
  Epilogue<T> epilogue;  // its pointers are at the first row and column
};

/// From one row's operands to the next's: a stride the compiler knows leaves the registers to the sums.
enum class RowStride : std::uint8_t { k4, k16 };

/// Computes the product in the calling thread. Of the epilogue's activations only identity, relu and clip are applied;
/// NeedsActivationPass tells.
void RunTiles(const TileArgs<float>& args, RowStride stride);
void RunTiles(const TileArgs<double>& args, RowStride stride);

/// True when RunTiles leaves the activation to a pass over the stored output.
inline bool NeedsActivationPass(const Unary& f) {
  return f.op != UnaryOp::kIdentity && f.op != UnaryOp::kRelu && f.op != UnaryOp::kClip;
}

}  // namespace godwit::kernels
