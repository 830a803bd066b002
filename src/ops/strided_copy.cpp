#include "ops/strided_copy.h"

#include <algorithm>
#include <cstring>

namespace godwit::ops {

namespace {

struct Bytes16 {
  uint64_t lo, hi;
};

// Drops dims of one element and joins neighbours that are one run in both places.
void Simplify(StridedBlock* block) {
  StridedBlock out;
  for (size_t k = 0; k < block->dims.size(); ++k) {
    if (block->dims[k] == 1) continue;
    const bool joins = !out.dims.empty() && out.src.back() == block->src[k] * block->dims[k] &&
                       out.dst.back() == block->dst[k] * block->dims[k];
    if (joins) {
      out.dims.back() *= block->dims[k];
      out.src.back() = block->src[k];
      out.dst.back() = block->dst[k];
    } else {
      out.dims.push_back(block->dims[k]);
      out.src.push_back(block->src[k]);
      out.dst.push_back(block->dst[k]);
    }
  }
  *block = std::move(out);
}

// Visits every combination of the first `n` dims; `fn` gets source and target offsets in elements.
template <class Fn>
void ForOuter(const StridedBlock& b, size_t n, Fn fn) {
  Dims index(n, 0);
  int64_t src = 0;
  int64_t dst = 0;
  for (;;) {
    fn(src, dst);
    size_t k = n;
    while (k-- > 0) {
      src += b.src[k];
      dst += b.dst[k];
      if (++index[k] < b.dims[k]) break;
      src -= b.src[k] * b.dims[k];
      dst -= b.dst[k] * b.dims[k];
      index[k] = 0;
    }
    if (k == static_cast<size_t>(-1)) return;
  }
}

// A plane walked in tiles, so that neither side strides through memory for long.
template <class T>
void CopyPlane(int64_t rows, int64_t cols, int64_t src_row, int64_t src_col, int64_t dst_row, int64_t dst_col,
               const T* src, T* dst) {
  constexpr int64_t kTile = 32;
  for (int64_t r0 = 0; r0 < rows; r0 += kTile) {
    const int64_t r1 = std::min(rows, r0 + kTile);
    for (int64_t c0 = 0; c0 < cols; c0 += kTile) {
      const int64_t c1 = std::min(cols, c0 + kTile);
      for (int64_t r = r0; r < r1; ++r) {
        const T* from = src + r * src_row;
        T* to = dst + r * dst_row;
        for (int64_t c = c0; c < c1; ++c) to[c * dst_col] = from[c * src_col];
      }
    }
  }
}

template <class T>
void CopyTyped(StridedBlock b, const std::byte* src_bytes, std::byte* dst_bytes) {
  const T* src = reinterpret_cast<const T*>(src_bytes);
  T* dst = reinterpret_cast<T*>(dst_bytes);
  const size_t rank = b.dims.size();
  if (rank == 0) {
    *dst = *src;
    return;
  }
  const size_t last = rank - 1;
  if (b.src[last] == 1 && b.dst[last] == 1) {
    const size_t run = static_cast<size_t>(b.dims[last]) * sizeof(T);
    ForOuter(b, last, [&](int64_t s, int64_t d) { std::memcpy(dst + d, src + s, run); });
    return;
  }
  if (rank == 1) {
    for (int64_t i = 0; i < b.dims[0]; ++i) dst[i * b.dst[0]] = src[i * b.src[0]];
    return;
  }
  // Pair the last dim with the one along which the source lies most densely.
  size_t pair = last - 1;
  for (size_t k = 0; k < last; ++k) {
    if (b.src[k] != 0 && std::abs(b.src[k]) < std::abs(b.src[pair])) pair = k;
  }
  for (size_t k = pair; k + 1 < last; ++k) {
    std::swap(b.dims[k], b.dims[k + 1]);
    std::swap(b.src[k], b.src[k + 1]);
    std::swap(b.dst[k], b.dst[k + 1]);
  }
  ForOuter(b, last - 1, [&](int64_t s, int64_t d) {
    CopyPlane(b.dims[last - 1], b.dims[last], b.src[last - 1], b.src[last], b.dst[last - 1], b.dst[last], src + s,
              dst + d);
  });
}

}  // namespace

void StridedCopy(StridedBlock block, size_t element_bytes, const std::byte* src, std::byte* dst) {
  for (int64_t d : block.dims) {
    if (d == 0) return;
  }
  Simplify(&block);
  switch (element_bytes) {
    case 1: return CopyTyped<uint8_t>(std::move(block), src, dst);
    case 2: return CopyTyped<uint16_t>(std::move(block), src, dst);
    case 4: return CopyTyped<uint32_t>(std::move(block), src, dst);
    case 8: return CopyTyped<uint64_t>(std::move(block), src, dst);
    default: return CopyTyped<Bytes16>(std::move(block), src, dst);
  }
}

void TakeRows(const std::byte* src, std::byte* dst, int64_t outer, int64_t rows, size_t row_bytes,
              const std::vector<int64_t>& map) {
  const size_t n = map.size();
  if (row_bytes == 0 || n == 0) return;
  for (int64_t o = 0; o < outer; ++o) {
    const std::byte* from = src + static_cast<size_t>(o * rows) * row_bytes;
    std::byte* to = dst + static_cast<size_t>(o) * n * row_bytes;
    for (size_t i = 0; i < n;) {
      size_t end = i + 1;
      if (map[i] >= 0) {
        while (end < n && map[end] == map[end - 1] + 1) ++end;
        std::memcpy(to + i * row_bytes, from + static_cast<size_t>(map[i]) * row_bytes, (end - i) * row_bytes);
      }
      i = end;
    }
  }
}

void FillElements(std::byte* dst, int64_t count, const std::byte* element, size_t element_bytes) {
  const size_t total = static_cast<size_t>(count) * element_bytes;
  if (total == 0) return;
  std::memcpy(dst, element, element_bytes);
  for (size_t done = element_bytes; done < total;) {
    const size_t n = std::min(done, total - done);
    std::memcpy(dst + done, dst, n);
    done += n;
  }
}

// A tensor without elements has nothing to move, and its other dims may multiply to anything.
static int64_t CountRange(const Dims& dims, size_t first, size_t last) {
  for (int64_t d : dims) {
    if (d == 0) return 0;
  }
  int64_t n = 1;
  for (size_t k = first; k < last; ++k) n *= dims[k];
  return n;
}

int64_t OuterCount(const Dims& dims, int axis) { return CountRange(dims, 0, static_cast<size_t>(axis)); }

int64_t InnerCount(const Dims& dims, int axis) { return CountRange(dims, static_cast<size_t>(axis) + 1, dims.size()); }

}  // namespace godwit::ops
