#include "exec/kernels/int_gemm.h"

#include <algorithm>

#include "exec/kernels/scratch.h"
#include "exec/kernels/simd.h"
#include "exec/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "exec/kernels/int_gemm.cpp"
#include <hwy/foreach_target.h>

#include "exec/kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

using IntTag = Tag<std::int32_t>;
using IntVec = hn::Vec<IntTag>;

/// sum + low(x) * low(y) + high(x) * high(y) in each lane.
HWY_INLINE IntVec AddPairs(IntVec x, IntVec y, IntVec sum) {
#if HWY_MAJOR >= 1 && (HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4)
  // On these sets the widening product of recent versions adds neighbours, in order.
  const hn::Repartition<std::int16_t, IntTag> halves;
  IntVec unused = hn::Zero(IntTag());
  return hn::ReorderWidenMulAccumulate(IntTag(), hn::BitCast(halves, x), hn::BitCast(halves, y), sum, unused);
#else
  const auto low = hn::Mul(hn::ShiftRight<16>(hn::ShiftLeft<16>(x)), hn::ShiftRight<16>(hn::ShiftLeft<16>(y)));
  const auto high = hn::Mul(hn::ShiftRight<16>(x), hn::ShiftRight<16>(y));
  return hn::Add(sum, hn::Add(low, high));
#endif
}

template <int P>
HWY_NOINLINE void IntTileRows(const IntTile& t, std::int64_t row, std::int64_t column) {
  const IntTag d;
  constexpr int kLanes = LanesOf<std::int32_t>();
  const std::int64_t left = t.columns - column;
  const std::int64_t first_count = std::min<std::int64_t>(left, kLanes);
  const std::int64_t second_count = std::min<std::int64_t>(left - kLanes, kLanes);
  auto start0 = hn::Zero(d), start1 = start0;
  if (t.bias != nullptr) {
    start0 = LoadFirst(d, t.bias + column, first_count);
    if (second_count > 0) start1 = LoadFirst(d, t.bias + column + kLanes, second_count);
  }
  IntVec sum[P][2];
  GODWIT_UNROLL
  for (int p = 0; p < P; ++p) sum[p][0] = start0, sum[p][1] = start1;
  const std::int64_t b_block = t.pairs * kBlock;
  const std::int32_t* b = t.b + column / kBlock * b_block + column % kBlock;
  const bool both = column + kLanes < t.columns;
  const std::int64_t second = both ? VectorAt<std::int32_t>(1, b_block) : 0;
  for (std::int64_t first = 0; first < t.pairs; first += kBlock) {
    const std::int32_t* a = t.a + first * t.rows + row * kBlock;
    for (std::int64_t k = 0, count = std::min(kBlock, t.pairs - first); k < count; ++k, b += kBlock) {
      const auto w0 = hn::LoadU(d, b), w1 = hn::LoadU(d, b + second);
      GODWIT_UNROLL
      for (int p = 0; p < P; ++p) {
        const auto x = hn::Set(d, a[p * kBlock + k]);
        sum[p][0] = AddPairs(x, w0, sum[p][0]);
        sum[p][1] = AddPairs(x, w1, sum[p][1]);
      }
    }
  }
  GODWIT_UNROLL
  for (int p = 0; p < P; ++p) {
    std::int32_t* c = t.c + (row + p) * t.ldc + column / kBlock * t.c_block + column % kBlock;
    StoreFirst(sum[p][0], d, c, first_count);
    if (both) StoreFirst(sum[p][1], d, c + VectorAt<std::int32_t>(1, t.c_block), second_count);
  }
}

void IntTiles(const IntTile& t) {
  for (std::int64_t column = 0; column < t.columns; column += 2 * LanesOf<std::int32_t>()) {
    std::int64_t row = 0;
    for (; row + kTallTile <= t.rows; row += kTallTile) IntTileRows<kTallTile>(t, row, column);
    for (; row + 4 <= t.rows; row += 4) IntTileRows<4>(t, row, column);
    for (; row < t.rows; ++row) IntTileRows<1>(t, row, column);
  }
}

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace godwit::kernels {
namespace {

HWY_EXPORT(IntTiles);

std::int64_t Pairs(std::int64_t k) { return (k + 1) / 2; }
std::int64_t Blocks(std::int64_t n) { return (n + kBlock - 1) / kBlock; }

// Rows of A packed at a time.
constexpr std::int64_t kBand = 84;

}  // namespace

std::int64_t PackedIntBSize(std::int64_t k, std::int64_t n) { return Blocks(n) * kBlock * Pairs(k); }

void RunIntTiles(const IntTile& tile) {
  PrepareSimd();
  HWY_DYNAMIC_DISPATCH(IntTiles)(tile);
}

template <class E>
void PackIntB(const E* b, std::int64_t ldb, bool transposed, std::int64_t k, std::int64_t n, const std::int32_t* zeros,
              std::int64_t zero_step, std::int32_t* packed) {
  const auto at = [&](std::int64_t i, std::int64_t j) -> std::int32_t {
    if (i >= k || j >= n) return 0;
    const std::int32_t zero = zeros == nullptr ? 0 : zeros[j * zero_step];
    return static_cast<std::int32_t>(b[transposed ? j * ldb + i : i * ldb + j]) - zero;
  };
  for (std::int64_t block = 0; block < Blocks(n); ++block) {
    for (std::int64_t i = 0; i < Pairs(k); ++i) {
      for (std::int64_t j = block * kBlock; j < (block + 1) * kBlock; ++j)
        *packed++ = IntPair(at(2 * i, j), at(2 * i + 1, j));
    }
  }
}

template <class E>
void IntGemm(const IntGemmArgs<E>& args, ThreadPool* pool) {
  PrepareSimd();
  const std::int64_t pairs = Pairs(args.k), bands = (args.m + kBand - 1) / kBand;
  ParallelFor(pool, bands, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t band = begin; band < end; ++band) {
      const std::int64_t first = band * kBand, rows = std::min(kBand, args.m - first);
      auto* const packed =
          Scratch<std::int32_t>(ScratchUse::kRows, static_cast<std::size_t>(Blocks(pairs) * kBlock * rows));
      for (std::int64_t row = 0; row < rows; ++row) {
        const E* a = args.a + (first + row) * args.lda;
        const std::int32_t zero = args.zeros == nullptr ? 0 : args.zeros[(first + row) * args.zero_step];
        for (std::int64_t i = 0; i < pairs; ++i) {
          const std::int32_t low = a[2 * i] - zero, high = 2 * i + 1 < args.k ? a[2 * i + 1] - zero : 0;
          packed[(i / kBlock * rows + row) * kBlock + i % kBlock] = IntPair(low, high);
        }
      }
      RunIntTiles({packed, rows, pairs, args.packed_b, nullptr, args.c + first * args.ldc, args.ldc, kBlock, args.n});
    }
  });
}

template void PackIntB<std::uint8_t>(const std::uint8_t*, std::int64_t, bool, std::int64_t, std::int64_t,
                                     const std::int32_t*, std::int64_t, std::int32_t*);
template void PackIntB<std::int8_t>(const std::int8_t*, std::int64_t, bool, std::int64_t, std::int64_t,
                                    const std::int32_t*, std::int64_t, std::int32_t*);
template void IntGemm<std::uint8_t>(const IntGemmArgs<std::uint8_t>&, ThreadPool*);
template void IntGemm<std::int8_t>(const IntGemmArgs<std::int8_t>&, ThreadPool*);

}  // namespace godwit::kernels
#endif  // HWY_ONCE
