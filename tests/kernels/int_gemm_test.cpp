// Integer products against the obvious loop.
#include "exec/kernels/int_gemm.h"

#include "kernels/check.h"

namespace godwit::kernels {
namespace {

template <class A, class B>
void Check() {
  Random random(51);
  for (int round = 0; round < 60; ++round) {
    const std::int64_t m = random.Int(1, 100), n = random.Int(1, 70), k = random.Int(1, 90);
    const bool transposed = round % 2 == 1, by_row = round % 3 == 0, by_column = round % 5 == 0;
    std::vector<A> a;
    std::vector<B> b;
    std::vector<std::int32_t> a_zeros, b_zeros;
    for (std::int64_t i = 0; i < m * k; ++i) a.push_back(static_cast<A>(random.Int(0, 255)));
    for (std::int64_t i = 0; i < n * k; ++i) b.push_back(static_cast<B>(random.Int(0, 255)));
    for (std::int64_t i = 0; i < m; ++i) a_zeros.push_back(static_cast<A>(random.Int(0, 255)));
    for (std::int64_t i = 0; i < n; ++i) b_zeros.push_back(static_cast<B>(random.Int(0, 255)));
    std::vector<std::int32_t> want;
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        std::int32_t sum = 0;
        for (std::int64_t l = 0; l < k; ++l) {
          const std::int32_t x =
              a[static_cast<std::size_t>(i * k + l)] - a_zeros[static_cast<std::size_t>(by_row ? i : 0)];
          const std::int32_t y = b[static_cast<std::size_t>(transposed ? j * k + l : l * n + j)] -
                                 b_zeros[static_cast<std::size_t>(by_column ? j : 0)];
          sum += x * y;
        }
        want.push_back(sum);
      }
    }
    std::vector<std::int32_t> packed(static_cast<std::size_t>(PackedIntBSize(k, n)));
    PackIntB(b.data(), transposed ? k : n, transposed, k, n, b_zeros.data(), by_column ? 1 : 0, packed.data());
    OnEverySimd([&](ThreadPool* pool) {
      std::vector<std::int32_t> c(want.size());
      IntGemm(IntGemmArgs<A>{m, n, k, a.data(), k, a_zeros.data(), by_row ? 1 : 0, packed.data(), c.data(), n}, pool);
      EXPECT_EQ(c, want) << m << "x" << n << "x" << k;
    });
  }
}

TEST(IntGemm, IsExact) {
  Check<std::uint8_t, std::uint8_t>();
  Check<std::uint8_t, std::int8_t>();
  Check<std::int8_t, std::uint8_t>();
  Check<std::int8_t, std::int8_t>();
}

}  // namespace
}  // namespace godwit::kernels
