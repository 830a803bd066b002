// Matrix products against the obvious loop, bit for bit, on every instruction set.
#include "exec/kernels/gemm.h"

#include "exec/kernels/fused.h"
#include "kernels/check.h"

namespace godwit::kernels {
namespace {

struct Problem {
  std::int64_t m, n, k;
  bool a_transposed, b_transposed;
};

template <class T>
T Expected(const std::vector<T>& a, const std::vector<T>& b, const Problem& p, std::int64_t i, std::int64_t j) {
  T sum = 0;
  for (std::int64_t k = 0; k < p.k; ++k) {
    const T x = a[static_cast<std::size_t>(p.a_transposed ? k * p.m + i : i * p.k + k)];
    const T y = b[static_cast<std::size_t>(p.b_transposed ? j * p.k + k : k * p.n + j)];
    sum = FusedMulAdd(x, y, sum);
  }
  return sum;
}

std::vector<Problem> Problems(std::uint64_t seed) {
  Random random(seed);
  std::vector<Problem> problems{{1, 1, 1, false, false},
                                {1, 300, 70, false, true},
                                {14, 32, 0, false, false},
                                {200, 33, 500, false, false},
                                {43, 16, 17, true, true}};
  for (int i = 0; i < 25; ++i) {
    problems.push_back(
        {random.Int(1, 40), random.Int(1, 70), random.Int(1, 60), random.Int(0, 1) == 1, random.Int(0, 1) == 1});
  }
  return problems;
}

template <class T>
void CheckGemm() {
  for (const Problem& p : Problems(3)) {
    SCOPED_TRACE(testing::Message() << p.m << "x" << p.n << "x" << p.k << " " << p.a_transposed << p.b_transposed);
    Random random(static_cast<std::uint64_t>(p.m * 1000003 + p.n * 1009 + p.k));
    const auto a = random.Values<T>(p.m * p.k), b = random.Values<T>(p.k * p.n), residual = random.Values<T>(p.m * p.n);
    const auto bias = random.Values<T>(p.n), row_bias = random.Values<T>(p.m);
    for (const Unary activation :
         {Unary{}, Unary{UnaryOp::kRelu}, Unary{UnaryOp::kClip, -0.5, 0.75}, Unary{UnaryOp::kSilu}}) {
      Epilogue<T> epilogue;
      epilogue.scale = random.Int(0, 1) == 0 ? T(1) : static_cast<T>(0.3);
      epilogue.bias = random.Int(0, 1) == 0 ? nullptr : bias.data();
      epilogue.row_bias = random.Int(0, 1) == 0 ? nullptr : row_bias.data();
      epilogue.residual = random.Int(0, 1) == 0 ? nullptr : residual.data();
      epilogue.activation = activation;
      std::vector<T> want(static_cast<std::size_t>(p.m * p.n));
      for (std::int64_t i = 0; i < p.m; ++i) {
        for (std::int64_t j = 0; j < p.n; ++j) {
          T x = Expected(a, b, p, i, j);
          if (epilogue.scale != T(1)) x *= epilogue.scale;
          if (epilogue.bias != nullptr) x += bias[static_cast<std::size_t>(j)];
          if (epilogue.row_bias != nullptr) x += row_bias[static_cast<std::size_t>(i)];
          if (epilogue.residual != nullptr) x += residual[static_cast<std::size_t>(i * p.n + j)];
          want[static_cast<std::size_t>(i * p.n + j)] = x;
        }
      }
      ApplyUnary(activation, want.data(), want.data(), p.m * p.n);
      OnEverySimd([&](ThreadPool* pool) {
        std::vector<T> packed(static_cast<std::size_t>(PackedBSize(p.k, p.n)));
        PackB(b.data(), p.b_transposed ? p.k : p.n, p.b_transposed, p.k, p.n, packed.data(), pool);
        std::vector<T> c(static_cast<std::size_t>(p.m * p.n), T(-7));
        Gemm(GemmArgs<T>{p.m, p.n, p.k, a.data(), p.a_transposed ? p.m : p.k, p.a_transposed, packed.data(), c.data(),
                         p.n, epilogue},
             pool);
        EXPECT_TRUE(SameBits(c, want));
      });
    }
  }
}

TEST(Gemm, MatchesTheObviousLoopInF32) { CheckGemm<float>(); }
TEST(Gemm, MatchesTheObviousLoopInF64) { CheckGemm<double>(); }

TEST(Gemm, LeavesTheGapsBetweenRowsAlone) {
  const std::int64_t m = 17, n = 21, k = 9, ldc = 30;
  Random random(5);
  const auto a = random.Values<float>(m * k), b = random.Values<float>(k * n);
  OnEverySimd([&](ThreadPool* pool) {
    std::vector<float> packed(static_cast<std::size_t>(PackedBSize(k, n))), c(static_cast<std::size_t>(m * ldc), 42.0f);
    PackB(b.data(), n, false, k, n, packed.data());
    GemmArgs<float> args{m, n, k, a.data(), k, false, packed.data(), c.data(), ldc, {}};
    args.epilogue.activation.op = UnaryOp::kTanh;
    Gemm(args, pool);
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = n; j < ldc; ++j) EXPECT_EQ(c[static_cast<std::size_t>(i * ldc + j)], 42.0f);
    }
  });
}

TEST(BatchedGemm, IsTheProductsOneByOne) {
  const std::int64_t m = 19, n = 23, k = 31;
  Random random(6);
  const auto a = random.Values<float>(5 * m * k), b = random.Values<float>(5 * k * n);
  const std::int64_t a_offsets[] = {0, m * k, 2 * m * k, 0, m * k}, b_offsets[] = {0, 0, k * n, 3 * k * n, 4 * k * n};
  const std::int64_t c_offsets[] = {0, m * n, 2 * m * n, 3 * m * n, 4 * m * n};
  for (const bool b_transposed : {false, true}) {
    std::vector<float> want;
    for (int i = 0; i < 5; ++i) {
      const Problem p{m, n, k, false, b_transposed};
      const std::vector<float> ai(a.begin() + a_offsets[i], a.begin() + a_offsets[i] + m * k);
      const std::vector<float> bi(b.begin() + b_offsets[i], b.begin() + b_offsets[i] + k * n);
      for (std::int64_t j = 0; j < m * n; ++j) want.push_back(Expected(ai, bi, p, j / n, j % n) * 0.125f);
    }
    OnEverySimd([&](ThreadPool* pool) {
      std::vector<float> c(want.size());
      BatchedGemmArgs<float> args;
      args.batch = 5;
      args.m = m, args.n = n, args.k = k;
      args.a = a.data(), args.a_offsets = a_offsets, args.lda = k;
      args.b = b.data(), args.b_offsets = b_offsets, args.ldb = b_transposed ? k : n, args.b_transposed = b_transposed;
      args.c = c.data(), args.c_offsets = c_offsets, args.ldc = n;
      args.epilogue.scale = 0.125f;
      BatchedGemm(args, pool);
      EXPECT_TRUE(SameBits(c, want));
    });
  }
}

}  // namespace
}  // namespace godwit::kernels
