// Integer matrix products: u8 or s8 by u8 or s8 into s32, exact (sums wrap as two's complement beyond 32 bits).
#pragma once

#include <cstdint>

#include "base/threads.h"

namespace godwit::kernels {

/// Elements of packed B for a K x N matrix.
std::int64_t PackedIntBSize(std::int64_t k, std::int64_t n);

/// Packs B less its zero points, one for each column or, when `zero_step` is 0, one for all. B is K x N with rows `ldb`
/// apart, or N x K when `transposed`. E is std::uint8_t or std::int8_t.
template <class E>
void PackIntB(const E* b, std::int64_t ldb, bool transposed, std::int64_t k, std::int64_t n, const std::int32_t* zeros,
              std::int64_t zero_step, std::int32_t* packed);

template <class E>
struct IntGemmArgs {
  std::int64_t m = 0, n = 0, k = 0;
  const E* a = nullptr;  // M x K, rows `lda` apart
  std::int64_t lda = 0;
  const std::int32_t* zeros =
      nullptr;  // A's zero points, one for each row, or for all when zero_step is 0; may be null
  std::int64_t zero_step = 0;
  const std::int32_t* packed_b = nullptr;
  std::int32_t* c = nullptr;  // M x N, rows `ldc` apart
  std::int64_t ldc = 0;
};

template <class E>
void IntGemm(const IntGemmArgs<E>& args, ThreadPool* pool = nullptr);

/// The work under every integer product, in the calling thread. Operands are pairs of 16-bit values in 32 bits, laid
/// out as those of the floating-point tile: A as [pairs / 16][row][16], B as [n / 16][pairs][16].
struct IntTile {
  const std::int32_t* a;
  std::int64_t rows, pairs;
  const std::int32_t* b;
  const std::int32_t* bias;  // one for each column, where the sums begin; may be null
  std::int32_t* c;
  std::int64_t ldc;      // from one row of the output to the next
  std::int64_t c_block;  // from one block of 16 columns to the next
  std::int64_t columns;
};
void RunIntTiles(const IntTile& tile);

/// Two 16-bit values, the first in the low half.
inline std::int32_t IntPair(std::int32_t low, std::int32_t high) {
  return static_cast<std::int32_t>((static_cast<std::uint32_t>(low) & 0xffffU) | static_cast<std::uint32_t>(high)
                                                                                     << 16);
}

extern template void PackIntB<std::uint8_t>(const std::uint8_t*, std::int64_t, bool, std::int64_t, std::int64_t,
                                            const std::int32_t*, std::int64_t, std::int32_t*);
extern template void PackIntB<std::int8_t>(const std::int8_t*, std::int64_t, bool, std::int64_t, std::int64_t,
                                           const std::int32_t*, std::int64_t, std::int32_t*);
extern template void IntGemm<std::uint8_t>(const IntGemmArgs<std::uint8_t>&, ThreadPool*);
extern template void IntGemm<std::int8_t>(const IntGemmArgs<std::int8_t>&, ThreadPool*);

}  // namespace godwit::kernels
