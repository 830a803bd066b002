// Moves between layouts, transposition, and resampling.
#include "exec/kernels/layout.h"

#include <numeric>

#include "exec/kernels/fused.h"
#include "exec/kernels/resize.h"
#include "kernels/check.h"

namespace godwit::kernels {
namespace {

TEST(Layout, BlockedAndBack) {
  Random random(41);
  for (const std::int64_t channels : {1, 3, 16, 17, 40}) {
    for (const std::int64_t spatial : {1, 5, 49, 130}) {
      const auto plain = random.Values<float>(2 * channels * spatial);
      const std::int64_t blocks = (channels + 15) / 16;
      std::vector<float> last(plain.size()), blocked(static_cast<std::size_t>(2 * blocks * spatial * 16)),
          back(plain.size());
      for (std::int64_t i = 0; i < 2 * channels * spatial; ++i) {
        const std::int64_t n = i / channels / spatial, c = i / spatial % channels, p = i % spatial;
        last[static_cast<std::size_t>((n * spatial + p) * channels + c)] = plain[static_cast<std::size_t>(i)];
      }
      PlainToBlocked(plain.data(), 2, channels, spatial, blocked.data());
      for (std::int64_t i = 0; i < 2 * blocks * spatial * 16; ++i) {
        const std::int64_t c = i / 16 / spatial % blocks * 16 + i % 16, n = i / 16 / spatial / blocks;
        const float want =
            c < channels ? plain[static_cast<std::size_t>((n * channels + c) * spatial + i / 16 % spatial)] : 0;
        ASSERT_EQ(blocked[static_cast<std::size_t>(i)], want);
      }
      ThreadPool pool(3);
      BlockedToPlain(blocked.data(), 2, channels, spatial, back.data(), &pool);
      EXPECT_TRUE(SameBits(back, plain));
      BlockedToLast(blocked.data(), 2, channels, spatial, back.data(), &pool);
      EXPECT_TRUE(SameBits(back, last));
      std::vector<float> again(blocked.size(), 9.0f);
      LastToBlocked(last.data(), 2, channels, spatial, again.data(), &pool);
      EXPECT_TRUE(SameBits(again, blocked));
    }
  }
}

template <class E>
void CheckTranspose(std::uint64_t seed) {
  Random random(seed);
  for (int round = 0; round < 60; ++round) {
    std::vector<std::int64_t> shape;
    for (std::int64_t rank = random.Int(0, 5); rank > 0; --rank)
      shape.push_back(random.Int(1, shape.size() == 2 ? 40 : 6));
    std::vector<int> permutation(shape.size());
    std::iota(permutation.begin(), permutation.end(), 0);
    for (std::size_t i = shape.size(); i > 1; --i) {
      std::swap(permutation[i - 1],
                permutation[static_cast<std::size_t>(random.Int(0, static_cast<std::int64_t>(i) - 1))]);
    }
    std::int64_t total = 1;
    for (const std::int64_t size : shape) total *= size;
    std::vector<E> x(static_cast<std::size_t>(total)), y(x.size()), want(x.size());
    std::iota(x.begin(), x.end(), E(0));
    for (std::int64_t i = 0; i < total; ++i) {
      std::vector<std::int64_t> at(shape.size());
      std::int64_t rest = i, from = 0;
      for (std::size_t j = shape.size(); j-- > 0;) {
        const auto axis = static_cast<std::size_t>(permutation[j]);
        at[axis] = rest % shape[axis];
        rest /= shape[axis];
      }
      for (std::size_t j = 0; j < shape.size(); ++j) from = from * shape[j] + at[j];
      want[static_cast<std::size_t>(i)] = x[static_cast<std::size_t>(from)];
    }
    ThreadPool pool(2);
    ASSERT_TRUE(Transpose(x.data(), shape, permutation, sizeof(E), y.data(), &pool));
    EXPECT_EQ(y, want);
  }
}

TEST(Transpose, MovesEveryElementSize) {
  CheckTranspose<std::uint8_t>(1);
  CheckTranspose<std::uint16_t>(2);
  CheckTranspose<std::uint32_t>(3);
  CheckTranspose<std::uint64_t>(4);
  EXPECT_FALSE(Transpose(nullptr, {}, {}, 3, nullptr));
}

TEST(Resize, MatchesTheObviousLoop) {
  Random random(42);
  for (const std::int64_t inner : {1, 3, 16}) {
    const std::int64_t outer = 3, in_h = 5, in_w = 7, out_h = 9, out_w = 11;
    const auto x = random.Values<float>(outer * in_h * in_w * inner), weights = random.Values<float>(40);
    std::vector<std::int32_t> low, high;
    for (int i = 0; i < 9; ++i) low.push_back(i * 4 / 9), high.push_back(i * 4 / 9 + 1);
    for (int i = 0; i < 11; ++i) low.push_back(i * 6 / 11), high.push_back(std::min(6, i * 6 / 11 + 1));
    const AxisSamples<float> rows{low.data(), high.data(), weights.data()};
    const AxisSamples<float> columns{low.data() + 9, high.data() + 9, weights.data() + 9};
    const auto at = [&](std::int64_t o, std::int64_t h, std::int64_t w, std::int64_t c) {
      return x[static_cast<std::size_t>(((o * in_h + h) * in_w + w) * inner + c)];
    };
    std::vector<float> linear, nearest;
    for (std::int64_t i = 0; i < outer * out_h * out_w * inner; ++i) {
      const std::int64_t c = i % inner, w = i / inner % out_w, h = i / inner / out_w % out_h,
                         o = i / inner / out_w / out_h;
      const auto stretched = [&](std::int64_t row) {
        const float a = at(o, row, columns.low[w], c), b = at(o, row, columns.high[w], c);
        return FusedMulAdd(columns.weight[w], b - a, a);
      };
      const float a = stretched(rows.low[h]), b = stretched(rows.high[h]);
      linear.push_back(FusedMulAdd(rows.weight[h], b - a, a));
      nearest.push_back(at(o, rows.low[h], columns.low[w], c));
    }
    OnEverySimd([&](ThreadPool* pool) {
      std::vector<float> y(linear.size());
      ResizeLinear(x.data(), outer, in_h, in_w, inner, rows, out_h, columns, out_w, y.data(), pool);
      EXPECT_TRUE(SameBits(y, linear));
      ResizeNearest(x.data(), outer, in_h, in_w, inner, rows.low, out_h, columns.low, out_w, y.data(), pool);
      EXPECT_TRUE(SameBits(y, nearest));
    });
  }
}

}  // namespace
}  // namespace godwit::kernels
