// Broadcasting binary functions against the obvious loop.
#include "exec/kernels/binary.h"

#include "base/mathfn.h"
#include "kernels/check.h"

namespace godwit::kernels {
namespace {

template <class T>
T One(BinaryOp op, T a, T b) {
  switch (op) {
    case BinaryOp::kAdd: return a + b;
    case BinaryOp::kSub: return a - b;
    case BinaryOp::kMul: return a * b;
    case BinaryOp::kDiv: return a / b;
    case BinaryOp::kMax: return a > b || a != a ? a : b;
    case BinaryOp::kMin: return a < b || a != a ? a : b;
    case BinaryOp::kPrelu: return a < 0 ? a * b : a;
    case BinaryOp::kPow: return static_cast<T>(mathfn::Pow(static_cast<double>(a), static_cast<double>(b)));
  }
  return 0;
}

template <class T>
void Check() {
  Random random(9);
  for (int round = 0; round < 120; ++round) {
    std::vector<std::int64_t> shape, a_steps, b_steps;
    const std::int64_t rank = random.Int(0, 4);
    std::int64_t a_size = 1, b_size = 1, total = 1;
    for (std::int64_t i = 0; i < rank; ++i) shape.push_back(random.Int(1, i == 3 ? 40 : 7));
    a_steps.resize(shape.size());
    b_steps.resize(shape.size());
    for (std::size_t i = shape.size(); i-- > 0; total *= shape[i]) {
      const std::int64_t kind = random.Int(0, 3);
      a_steps[i] = kind == 1 ? 0 : a_size;
      b_steps[i] = kind == 2 ? 0 : b_size;
      if (kind != 1) a_size *= shape[i];
      if (kind != 2) b_size *= shape[i];
    }
    if (round % 5 == 0 && rank > 1) {  // an operand whose last two axes are swapped
      const auto r = static_cast<std::size_t>(rank);
      a_steps.assign(r, 0);
      a_steps[r - 1] = shape[r - 2];
      a_steps[r - 2] = 1;
      a_size = shape[r - 1] * shape[r - 2];
    }
    auto a = random.Values<T>(a_size), b = random.Values<T>(b_size);
    a[static_cast<std::size_t>(random.Int(0, a_size - 1))] = static_cast<T>(std::nan(""));
    b[static_cast<std::size_t>(random.Int(0, b_size - 1))] = static_cast<T>(std::nan(""));
    for (int op = 0; op <= static_cast<int>(BinaryOp::kPow); ++op) {
      std::vector<T> want(static_cast<std::size_t>(total));
      for (std::int64_t i = 0; i < total; ++i) {
        std::int64_t rest = i, at_a = 0, at_b = 0;
        for (std::size_t j = shape.size(); j-- > 0; rest /= shape[j]) {
          at_a += rest % shape[j] * a_steps[j];
          at_b += rest % shape[j] * b_steps[j];
        }
        want[static_cast<std::size_t>(i)] =
            One(static_cast<BinaryOp>(op), a[static_cast<std::size_t>(at_a)], b[static_cast<std::size_t>(at_b)]);
      }
      OnEverySimd([&](ThreadPool* pool) {
        std::vector<T> y(want.size());
        ApplyBinary<T>(static_cast<BinaryOp>(op), {a.data(), a_steps}, {b.data(), b_steps}, shape, y.data(), pool);
        EXPECT_TRUE(SameBits(y, want)) << "round " << round << " operator " << op;
      });
    }
  }
}

TEST(Binary, MatchesTheObviousLoopInF32) { Check<float>(); }
TEST(Binary, MatchesTheObviousLoopInF64) { Check<double>(); }

TEST(Binary, PowersByProductsAreThePowers) {
  const float x[] = {0.0f, -0.0f, 1.5f, -2.0f, HUGE_VALF, -HUGE_VALF, 1e-30f};
  for (const float exponent : {2.0f, 1.0f, 3.0f, -1.0f, 0.5f}) {
    const std::int64_t shape[] = {7}, one[] = {1}, none[] = {0};
    float y[7];
    ApplyBinary<float>(BinaryOp::kPow, {x, one}, {&exponent, none}, shape, y);
    for (int i = 0; i < 7; ++i) {
      const auto want = static_cast<float>(std::pow(static_cast<double>(x[i]), static_cast<double>(exponent)));
      EXPECT_TRUE(SameBits<float>({y[i]}, {want})) << x[i] << " to " << exponent;
    }
  }
}

}  // namespace
}  // namespace godwit::kernels
