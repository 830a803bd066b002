// Pooling against the obvious loop in both layouts, and whole planes through Reduce.
#include "exec/kernels/pool.h"

#include "exec/kernels/layout.h"
#include "exec/kernels/reduce.h"
#include "kernels/check.h"

namespace godwit::kernels {
namespace {

std::int64_t Volume(const Extent3& e) { return e[0] * e[1] * e[2]; }

template <class T>
std::vector<T> Expected(PoolOp op, const PoolShape& s, const std::vector<T>& x) {
  std::vector<T> y;
  for (std::int64_t plane = 0; plane < s.batch * s.channels; ++plane) {
    for (std::int64_t p = 0; p < Volume(s.out); ++p) {
      const Extent3 at{p / s.out[2] / s.out[1], p / s.out[2] % s.out[1], p % s.out[2]};
      T sum = 0, top = -std::numeric_limits<T>::infinity();
      std::int64_t count = 0;
      for (std::int64_t tap = 0; tap < Volume(s.kernel); ++tap) {
        const Extent3 k{tap / s.kernel[2] / s.kernel[1], tap / s.kernel[2] % s.kernel[1], tap % s.kernel[2]};
        bool inside = true, counted = true;
        Extent3 in{};
        for (std::size_t i = 0; i < 3; ++i) {
          in[i] = at[i] * s.stride[i] + k[i] * s.dilation[i] - s.pad[i];
          inside = inside && in[i] >= 0 && in[i] < s.in[i];
          counted = counted && in[i] < s.in[i] + s.pad_end[i];
        }
        count += op == PoolOp::kAverageWithPadding ? counted : inside;
        if (!inside) continue;
        const T v = x[static_cast<std::size_t>(((plane * s.in[0] + in[0]) * s.in[1] + in[1]) * s.in[2] + in[2])];
        sum += v;
        top = top > v || top != top ? top : v;
      }
      y.push_back(op == PoolOp::kMax ? top : sum / static_cast<T>(count));
    }
  }
  return y;
}

template <class T>
void Check() {
  Random random(31);
  for (int round = 0; round < 60; ++round) {
    PoolShape s;
    s.batch = random.Int(1, 2);
    s.channels = random.Int(1, 40);
    for (std::size_t i = 0; i < 3; ++i) {
      if (i == 0 && round % 3 != 0) continue;
      s.in[i] = random.Int(1, i == 2 ? 20 : 8);
      s.kernel[i] = random.Int(1, 3);
      s.stride[i] = random.Int(1, 3);
      s.dilation[i] = random.Int(1, 2);
      s.pad[i] = random.Int(0, 1);
      s.pad_end[i] = random.Int(0, 1);
      const std::int64_t reach = s.in[i] + s.pad[i] + s.pad_end[i] - (s.kernel[i] - 1) * s.dilation[i] - 1;
      s.out[i] = std::max<std::int64_t>(reach, 0) / s.stride[i] + 1 + random.Int(0, 1);
    }
    auto x = random.Values<T>(s.batch * s.channels * Volume(s.in));
    x[x.size() / 2] = static_cast<T>(std::nan(""));
    std::vector<T> blocked_x(static_cast<std::size_t>(BlockedSize(s.batch, s.channels, s.in)));
    std::vector<T> blocked_y(static_cast<std::size_t>(BlockedSize(s.batch, s.channels, s.out)));
    PlainToBlocked(x.data(), s.batch, s.channels, Volume(s.in), blocked_x.data());
    for (const PoolOp op : {PoolOp::kMax, PoolOp::kAverage, PoolOp::kAverageWithPadding}) {
      const std::vector<T> want = Expected(op, s, x);
      OnEverySimd([&](ThreadPool* pool) {
        std::vector<T> y(want.size());
        Pool(op, s, DataLayout::kPlain, x.data(), y.data(), pool);
        EXPECT_TRUE(SameBits(y, want)) << "round " << round << " plain " << static_cast<int>(op);
        Pool(op, s, DataLayout::kBlocked, blocked_x.data(), blocked_y.data(), pool);
        BlockedToPlain(blocked_y.data(), s.batch, s.channels, Volume(s.out), y.data(), pool);
        EXPECT_TRUE(SameBits(y, want)) << "round " << round << " blocked " << static_cast<int>(op);
      });
    }
  }
}

TEST(Pool, MatchesTheObviousLoopInF32) { Check<float>(); }
TEST(Pool, MatchesTheObviousLoopInF64) { Check<double>(); }

TEST(Pool, OverAWholePlaneIsTheSameInBothLayouts) {
  Random random(32);
  const std::int64_t channels = 21, spatial = 49;
  const auto x = random.Values<float>(channels * spatial);
  std::vector<float> blocked(32 * 49), plain_mean(21), blocked_mean(32);
  PlainToBlocked(x.data(), 1, channels, spatial, blocked.data());
  Reduce(ReduceOp::kMean, x.data(), channels, spatial, 1, plain_mean.data());
  Reduce(ReduceOp::kMean, blocked.data(), 2, spatial, 16, blocked_mean.data());
  blocked_mean.resize(21);
  EXPECT_TRUE(SameBits(blocked_mean, plain_mean));
}

}  // namespace
}  // namespace godwit::kernels
