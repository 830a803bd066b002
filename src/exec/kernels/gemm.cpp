#include "exec/kernels/gemm.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "exec/kernels/scratch.h"
#include "exec/kernels/tile.h"
#include "exec/kernels/turn.h"

namespace godwit::kernels {
namespace {

// Packed rows of A stay in the second-level cache while all columns pass over them.
constexpr std::int64_t kBandBytes = 192 * 1024;
// A multiple of every instruction set's tile height.
constexpr std::int64_t kBandStep = 84;

std::int64_t Blocks(std::int64_t count) { return (count + kBlock - 1) / kBlock; }

std::vector<Segment> RowSegments(std::int64_t k, std::int64_t rows) {
  std::vector<Segment> segments;
  for (std::int64_t at = 0; at < k; at += kBlock) segments.push_back({at * rows, std::min(kBlock, k - at)});
  return segments;
}

/// Rows [begin, begin + rows) of A as [k / 16][row][16].
template <class T>
void PackA(const GemmArgs<T>& args, std::int64_t begin, std::int64_t rows, T* packed) {
  for (std::int64_t at = 0; at < args.k; at += kBlock) {
    const std::int64_t width = std::min(kBlock, args.k - at);
    T* to = packed + at * rows;
    if (args.a_transposed) {
      Turn(args.a + at * args.lda + begin, args.lda, width, rows, to, kBlock);
    } else if (width == kBlock) {
      const T* from = args.a + begin * args.lda + at;
      for (std::int64_t row = 0; row < rows; ++row)
        std::memcpy(to + row * kBlock, from + row * args.lda, kBlock * sizeof(T));
    } else {
      const T* from = args.a + begin * args.lda + at;
      for (std::int64_t row = 0; row < rows; ++row) std::copy_n(from + row * args.lda, width, to + row * kBlock);
    }
  }
}

std::int64_t BandRows(std::int64_t m, std::int64_t k, std::int64_t element_bytes) {
  const std::int64_t fitting = kBandBytes / std::max<std::int64_t>(1, k * element_bytes);
  const std::int64_t band = std::max<std::int64_t>(fitting / kBandStep, 1) * kBandStep;
  return fitting < kBandStep ? std::min(m, std::max<std::int64_t>(fitting / 14, 1) * 14) : std::min(m, band);
}

/// Rows [begin, begin + rows) by columns [first, first + count), with the rows of A packed.
template <class T>
void RunBand(const GemmArgs<T>& args, const T* a, const std::vector<Segment>& segments, std::int64_t begin,
             std::int64_t rows, std::int64_t first, std::int64_t count) {
  TileArgs<T> t{};
  t.a = a;
  t.segments = segments.data();
  t.segment_count = static_cast<std::int64_t>(segments.size());
  t.b = args.packed_b + first * args.k;
  t.b_block = args.k * kBlock;
  const std::int64_t at = begin * args.ldc + first;
  t.c = args.c + at;
  t.c_row = args.ldc;
  t.c_block = kBlock;
  t.rows = rows;
  t.columns = count;
  t.epilogue = args.epilogue;
  if (t.epilogue.bias != nullptr) t.epilogue.bias += first;
  if (t.epilogue.row_bias != nullptr) t.epilogue.row_bias += begin;
  if (t.epilogue.residual != nullptr) t.epilogue.residual += at;
  RunTiles(t, RowStride::k16);
  if (NeedsActivationPass(args.epilogue.activation)) {
    ApplyUnaryRows(args.epilogue.activation, t.c, rows, count, args.ldc);
  }
}

}  // namespace

std::int64_t PackedBSize(std::int64_t k, std::int64_t n) { return Blocks(n) * kBlock * k; }

template <class T>
void PackB(const T* b, std::int64_t ldb, bool transposed, std::int64_t k, std::int64_t n, T* packed, ThreadPool* pool) {
  ParallelFor(pool, Blocks(n), 1 + 16384 / (kBlock * std::max<std::int64_t>(k, 1)),
              [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t block = begin; block < end; ++block) {
                  const std::int64_t width = std::min(kBlock, n - block * kBlock);
                  T* to = packed + block * kBlock * k;
                  if (width < kBlock) std::fill_n(to, kBlock * k, T(0));
                  if (transposed) {
                    for (std::int64_t j = 0; j < width; ++j) {
                      const T* from = b + (block * kBlock + j) * ldb;
                      for (std::int64_t i = 0; i < k; ++i) to[i * kBlock + j] = from[i];
                    }
                  } else {
                    for (std::int64_t i = 0; i < k; ++i)
                      std::copy_n(b + i * ldb + block * kBlock, width, to + i * kBlock);
                  }
                }
              });
}

template <class T>
void Gemm(const GemmArgs<T>& args, ThreadPool* pool) {
  if (args.m <= 0 || args.n <= 0) return;
  const std::int64_t blocks = Blocks(args.n);
  if (args.m == 1 && !args.a_transposed) {
    const std::vector<Segment> whole{{0, args.k}};
    ParallelFor(pool, blocks, 8, [&](std::int64_t begin, std::int64_t end) {
      RunBand(args, args.a, whole, 0, 1, begin * kBlock, std::min(args.n, end * kBlock) - begin * kBlock);
    });
    return;
  }
  const std::int64_t band = BandRows(args.m, args.k, sizeof(T));
  const std::int64_t bands = (args.m + band - 1) / band;
  // Few bands are split by columns too, so that every thread has work.
  const std::int64_t threads = pool == nullptr ? 1 : pool->size();
  const std::int64_t parts = bands >= 2 * threads ? 1 : std::min((blocks + 1) / 2, 2 * threads);
  const std::int64_t step = (blocks + parts - 1) / parts;
  ParallelFor(pool, bands * parts, 1, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t packed_band = -1;
    std::vector<Segment> segments;
    T* packed = nullptr;
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t row = item / parts * band;
      const std::int64_t rows = std::min(band, args.m - row);
      if (item / parts != packed_band) {
        packed_band = item / parts;
        packed = Scratch<T>(ScratchUse::kRows, static_cast<std::size_t>(rows * Blocks(args.k) * kBlock));
        PackA(args, row, rows, packed);
        segments = RowSegments(args.k, rows);
      }
      const std::int64_t first = item % parts * step * kBlock;
      const std::int64_t last = std::min(args.n, first + step * kBlock);
      if (first < last) RunBand(args, packed, segments, row, rows, first, last - first);
    }
  });
}

template <class T>
void BatchedGemm(const BatchedGemmArgs<T>& args, ThreadPool* pool) {
  const auto run = [&](std::int64_t i, const T* packed, ThreadPool* inner) {
    GemmArgs<T> one;
    one.m = args.m;
    one.n = args.n;
    one.k = args.k;
    one.a = args.a + args.a_offsets[i];
    one.lda = args.lda;
    one.a_transposed = args.a_transposed;
    one.packed_b = packed;
    one.c = args.c + args.c_offsets[i];
    one.ldc = args.ldc;
    one.epilogue = args.epilogue;
    if (one.epilogue.residual != nullptr) one.epilogue.residual += args.c_offsets[i];
    Gemm(one, inner);
  };
  const auto size = static_cast<std::size_t>(PackedBSize(args.k, args.n));
  const bool few = pool != nullptr && args.batch < pool->size();
  const auto range = [&](std::int64_t begin, std::int64_t end) {
    T* packed = Scratch<T>(ScratchUse::kColumns, size);
    for (std::int64_t i = begin; i < end; ++i) {
      if (i == begin || args.b_offsets[i] != args.b_offsets[i - 1]) {
        PackB(args.b + args.b_offsets[i], args.ldb, args.b_transposed, args.k, args.n, packed, few ? pool : nullptr);
      }
      run(i, packed, few ? pool : nullptr);
    }
  };
  if (few) return range(0, args.batch);
  ParallelFor(pool, args.batch, 1, range);
}

template void PackB<float>(const float*, std::int64_t, bool, std::int64_t, std::int64_t, float*, ThreadPool*);
template void PackB<double>(const double*, std::int64_t, bool, std::int64_t, std::int64_t, double*, ThreadPool*);
template void Gemm<float>(const GemmArgs<float>&, ThreadPool*);
template void Gemm<double>(const GemmArgs<double>&, ThreadPool*);
template void BatchedGemm<float>(const BatchedGemmArgs<float>&, ThreadPool*);
template void BatchedGemm<double>(const BatchedGemmArgs<double>&, ThreadPool*);

}  // namespace godwit::kernels
