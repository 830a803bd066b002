// The register tile under every matrix product and convolution, and the walk that covers rows and columns with tiles.
#include <algorithm>

#include "exec/kernels/simd-inl.h"
#include "exec/kernels/tile.h"

#if defined(GODWIT_EXEC_KERNELS_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GODWIT_EXEC_KERNELS_TILE_INL_H_
#undef GODWIT_EXEC_KERNELS_TILE_INL_H_
#else
#define GODWIT_EXEC_KERNELS_TILE_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace godwit::kernels::HWY_NAMESPACE {

// The tallest tile of two vectors whose sums fit the registers.
#if HWY_TARGET == HWY_AVX3
constexpr int kTallTile = 14;
#elif GODWIT_NATIVE_FMA && HWY_ARCH_ARM
constexpr int kTallTile = 12;
#elif HWY_TARGET == HWY_AVX2
constexpr int kTallTile = 6;
#else
constexpr int kTallTile = 2;
#endif

/// Where vector v of a tile lies, when blocks of 16 columns are `block` apart.
template <class T>
HWY_INLINE std::int64_t VectorAt(int v, std::int64_t block) {
  constexpr int kLanes = LanesOf<T>();
  return v * kLanes / kBlock * block + v * kLanes % kBlock;
}

template <int P, int NV, int kRowStride, class T>
HWY_INLINE void TileStep(const T* HWY_RESTRICT a, const T* HWY_RESTRICT b, std::int64_t b_block,
                         hn::Vec<Tag<T>> (&sum)[P][NV]) {
  const Tag<T> d;
  hn::Vec<Tag<T>> w[NV];
  GODWIT_UNROLL
  for (int v = 0; v < NV; ++v) w[v] = hn::LoadU(d, b + VectorAt<T>(v, b_block));
  GODWIT_UNROLL
  for (int p = 0; p < P; ++p) {
    const auto x = hn::Set(d, a[p * kRowStride]);
    GODWIT_UNROLL
    for (int v = 0; v < NV; ++v) sum[p][v] = Fma(d, x, w[v], sum[p][v]);
  }
}

/// Scale, bias, residual and the two cheapest activations; the others run over the stored tile.
template <class T>
struct Finish {
  using V = hn::Vec<Tag<T>>;
  bool scales, clips;
  V scale, low, high;

  HWY_INLINE explicit Finish(const Epilogue<T>& e) {
    const Tag<T> d;
    const bool relu = e.activation.op == UnaryOp::kRelu;
    scales = e.scale != T(1);
    clips = relu || e.activation.op == UnaryOp::kClip;
    scale = hn::Set(d, e.scale);
    low = hn::Set(d, relu ? T(0) : static_cast<T>(e.activation.a));
    high = hn::Set(d, relu ? std::numeric_limits<T>::infinity() : static_cast<T>(e.activation.b));
  }

  HWY_INLINE V Clip(V x) const {
    x = hn::IfThenElse(hn::Gt(low, x), low, x);
    return hn::IfThenElse(hn::Lt(high, x), high, x);
  }

  HWY_INLINE V Call(const Epilogue<T>& e, V x, std::int64_t row, std::int64_t column, std::int64_t at) const {
    const Tag<T> d;
    if (scales) x = hn::Mul(x, scale);
    if (e.bias != nullptr) x = hn::Add(x, hn::LoadU(d, e.bias + column));
    if (e.row_bias != nullptr) x = hn::Add(x, hn::Set(d, e.row_bias[row]));
    if (e.residual != nullptr) x = hn::Add(x, hn::LoadU(d, e.residual + at));
    return clips ? Clip(x) : x;
  }

  /// The same for the first `count` lanes.
  HWY_INLINE V CallFirst(const Epilogue<T>& e, V x, std::int64_t row, std::int64_t column, std::int64_t at,
                         std::int64_t count) const {
    const Tag<T> d;
    if (scales) x = hn::Mul(x, scale);
    if (e.bias != nullptr) x = hn::Add(x, LoadFirst(d, e.bias + column, count));
    if (e.row_bias != nullptr) x = hn::Add(x, hn::Set(d, e.row_bias[row]));
    if (e.residual != nullptr) x = hn::Add(x, LoadFirst(d, e.residual + at, count));
    return clips ? Clip(x) : x;
  }
};

/// P rows from `row` on, NV vectors of columns from `column` on.
template <int P, int NV, int kRowStride, class T>
HWY_NOINLINE void Tile(const TileArgs<T>& t, std::int64_t row, std::int64_t column) {
  const Tag<T> d;
  constexpr std::int64_t kLanes = LanesOf<T>();
  hn::Vec<Tag<T>> sum[P][NV];
  GODWIT_UNROLL
  for (int p = 0; p < P; ++p) {
    GODWIT_UNROLL
    for (int v = 0; v < NV; ++v) sum[p][v] = hn::Zero(d);
  }
  const T* HWY_RESTRICT b = t.b + column / kBlock * t.b_block + column % kBlock;
  const std::int64_t b_block = t.b_block;
  const T* first = t.a + row * kRowStride;
  for (const Segment *s = t.segments, *end = s + t.segment_count; s != end; ++s) {
    const T* HWY_RESTRICT a = first + s->offset;
    std::int64_t k = s->length;
    for (; k >= 4; k -= 4) {
      GODWIT_UNROLL
      for (int u = 0; u < 4; ++u) TileStep<P, NV, kRowStride>(a + u, b + u * kBlock, b_block, sum);
      a += 4;
      b += 4 * kBlock;
    }
    for (; k > 0; --k) {
      TileStep<P, NV, kRowStride>(a, b, b_block, sum);
      a += 1;
      b += kBlock;
    }
  }
  const Finish<T> finish(t.epilogue);
  const std::int64_t at = row * t.c_row + column / kBlock * t.c_block + column % kBlock;
  if (column + NV * kLanes <= t.columns) {
    GODWIT_UNROLL
    for (int p = 0; p < P; ++p) {
      GODWIT_UNROLL
      for (int v = 0; v < NV; ++v) {
        const std::int64_t place = at + p * t.c_row + VectorAt<T>(v, t.c_block);
        hn::StoreU(finish.Call(t.epilogue, sum[p][v], row + p, column + v * kLanes, place), d, t.c + place);
      }
    }
    return;
  }
  GODWIT_UNROLL
  for (int v = 0; v < NV; ++v) {
    const std::int64_t begin = column + v * kLanes, count = std::min(kLanes, t.columns - begin);
    if (count <= 0) return;
    GODWIT_UNROLL
    for (int p = 0; p < P; ++p) {
      const std::int64_t place = at + p * t.c_row + VectorAt<T>(v, t.c_block);
      StoreFirst(finish.CallFirst(t.epilogue, sum[p][v], row + p, begin, place, count), d, t.c + place, count);
    }
  }
}

/// One row, many columns: enough sums in flight without a second row.
template <int kRowStride, class T>
HWY_INLINE std::int64_t WideRow(const TileArgs<T>& t, std::int64_t row, std::int64_t column, std::int64_t end) {
  constexpr std::int64_t kLanes = LanesOf<T>();
  if (kTallTile >= 6 && column + 8 * kLanes <= end) {
    Tile<1, 8, kRowStride>(t, row, column);
    return 8 * kLanes;
  }
  if (column + 2 * kLanes <= end) {
    Tile<1, 2, kRowStride>(t, row, column);
    return 2 * kLanes;
  }
  Tile<1, 1, kRowStride>(t, row, column);
  return kLanes;
}

/// All rows against NV vectors of columns.
template <int NV, int kRowStride, class T>
HWY_INLINE void TileColumn(const TileArgs<T>& t, std::int64_t column) {
  std::int64_t row = 0;
  for (; row + kTallTile <= t.rows; row += kTallTile) Tile<kTallTile, NV, kRowStride>(t, row, column);
  if constexpr (kTallTile > 8) {
    if (row + 7 <= t.rows) Tile<7, NV, kRowStride>(t, row, column), row += 7;
  }
  if constexpr (kTallTile > 4) {
    if (row + 4 <= t.rows) Tile<4, NV, kRowStride>(t, row, column), row += 4;
  }
  if constexpr (kTallTile > 2) {
    if (row + 2 <= t.rows) Tile<2, NV, kRowStride>(t, row, column), row += 2;
  }
  for (; row < t.rows; ++row) Tile<1, NV, kRowStride>(t, row, column);
}

/// Covers all rows and columns. Columns are padded to whole blocks in packed B, so whole vectors may be read and
/// summed.
template <int kRowStride, class T>
HWY_INLINE void TileAll(const TileArgs<T>& t) {
  constexpr std::int64_t kLanes = LanesOf<T>();
  // With vectors as wide as a block, the second vector of a pair may lie in a block that B does not have.
  const std::int64_t end = (t.columns + kLanes - 1) / kLanes * kLanes;
  std::int64_t column = 0;
  if (t.rows == 1) {
    while (column < end) column += WideRow<kRowStride>(t, 0, column, end);
    return;
  }
  for (; column + 2 * kLanes <= end; column += 2 * kLanes) TileColumn<2, kRowStride>(t, column);
  if (column < end) TileColumn<1, kRowStride>(t, column);
}

}  // namespace godwit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
