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

extern template void PackIntB<std::uint8_t>(const std::uint8_t*, std::int64_t, bool, std::int64_t, std::int64_t,
                                            const std::int32_t*, std::int64_t, std::int32_t*);
extern template void PackIntB<std::int8_t>(const std::int8_t*, std::int64_t, bool, std::int64_t, std::int64_t,
                                           const std::int32_t*, std::int64_t, std::int32_t*);
extern template void IntGemm<std::uint8_t>(const IntGemmArgs<std::uint8_t>&, ThreadPool*);
extern template void IntGemm<std::int8_t>(const IntGemmArgs<std::int8_t>&, ThreadPool*);

}  // namespace godwit::kernels
