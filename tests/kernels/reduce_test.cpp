// Reductions, softmax and norms against the sixteen-lane tree written out, bit for bit.
#include "exec/kernels/reduce.h"

#include <functional>

#include "exec/kernels/fused.h"
#include "exec/kernels/unary.h"
#include "kernels/check.h"

namespace godwit::kernels {
namespace {

template <class T>
T Tree(const std::vector<T>& x, T neutral, const std::function<T(T, T)>& take, const std::function<T(T, T)>& join) {
  T lanes[16];
  for (T& lane : lanes) lane = neutral;
  for (std::size_t i = 0; i < x.size(); ++i) lanes[i % 16] = take(lanes[i % 16], x[i]);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] = join(lanes[i], lanes[i + half]);
  }
  return lanes[0];
}

template <class T>
T Add(T a, T b) {
  return a + b;
}
template <class T>
T Greater(T a, T b) {
  return a > b || a != a ? a : b;
}
template <class T>
T Less(T a, T b) {
  return a < b || a != a ? a : b;
}

template <class T>
T Sum(const std::vector<T>& x) {
  return Tree<T>(x, 0, Add<T>, Add<T>);
}

template <class T>
T Expected(ReduceOp op, const std::vector<T>& x) {
  const T infinity = std::numeric_limits<T>::infinity();
  const auto squares = [](T part, T v) { return FusedMulAdd(v, v, part); };
  const auto sizes = [](T part, T v) { return part + std::fabs(v); };
  const auto times = [](T a, T b) { return a * b; };
  switch (op) {
    case ReduceOp::kSum: return Sum(x);
    case ReduceOp::kMean: return Sum(x) / static_cast<T>(x.size());
    case ReduceOp::kMax: return Tree<T>(x, -infinity, Greater<T>, Greater<T>);
    case ReduceOp::kMin: return Tree<T>(x, infinity, Less<T>, Less<T>);
    case ReduceOp::kProd: return Tree<T>(x, 1, times, times);
    case ReduceOp::kSumSquare: return Tree<T>(x, 0, squares, Add<T>);
    case ReduceOp::kL1: return Tree<T>(x, 0, sizes, Add<T>);
    case ReduceOp::kL2: return std::sqrt(Tree<T>(x, 0, squares, Add<T>));
  }
  return 0;
}

/// The elements of one row along the middle axis.
template <class T>
std::vector<T> Column(const std::vector<T>& x, std::int64_t outer, std::int64_t count, std::int64_t inner,
                      std::int64_t j) {
  std::vector<T> column;
  for (std::int64_t i = 0; i < count; ++i)
    column.push_back(x[static_cast<std::size_t>((outer * count + i) * inner + j)]);
  return column;
}

template <class T>
T Apply(UnaryOp op, T x) {
  ApplyUnary(Unary{op}, &x, &x, 1);
  return x;
}

template <class T>
std::vector<T> ExpectedSoftmax(const std::vector<T>& x, bool logarithm) {
  const T top = Expected(ReduceOp::kMax, x);
  std::vector<T> y;
  for (const T v : x) y.push_back(Apply(UnaryOp::kExp, v - top));
  const T sum = Sum(y);
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = logarithm ? x[i] - top - Apply(UnaryOp::kLog, sum) : y[i] / sum;
  return y;
}

template <class T>
void CheckReductions() {
  Random random(21);
  for (int round = 0; round < 40; ++round) {
    const std::int64_t outer = random.Int(1, 4), count = random.Int(1, 70);
    const std::int64_t inner = round % 3 == 0 ? 1 : round % 3 == 1 ? 16 : random.Int(2, 37);
    SCOPED_TRACE(testing::Message() << outer << "x" << count << "x" << inner);
    const auto x = random.Values<T>(outer * count * inner);
    for (int op = 0; op <= static_cast<int>(ReduceOp::kL2); ++op) {
      std::vector<T> want;
      for (std::int64_t i = 0; i < outer * inner; ++i) {
        want.push_back(Expected(static_cast<ReduceOp>(op), Column(x, i / inner, count, inner, i % inner)));
      }
      OnEverySimd([&](ThreadPool* pool) {
        std::vector<T> y(want.size());
        Reduce(static_cast<ReduceOp>(op), x.data(), outer, count, inner, y.data(), pool);
        EXPECT_TRUE(SameBits(y, want)) << "operation " << op;
      });
    }
    for (const bool logarithm : {false, true}) {
      std::vector<T> want(x.size());
      for (std::int64_t i = 0; i < outer * inner; ++i) {
        const auto column = ExpectedSoftmax(Column(x, i / inner, count, inner, i % inner), logarithm);
        for (std::int64_t k = 0; k < count; ++k) {
          want[static_cast<std::size_t>((i / inner * count + k) * inner + i % inner)] =
              column[static_cast<std::size_t>(k)];
        }
      }
      OnEverySimd([&](ThreadPool* pool) {
        std::vector<T> y = x;
        Softmax(y.data(), outer, count, inner, logarithm, y.data(), pool);
        EXPECT_TRUE(SameBits(y, want)) << "softmax " << logarithm;
      });
    }
  }
}

TEST(Reduce, MatchesTheTreeInF32) { CheckReductions<float>(); }
TEST(Reduce, MatchesTheTreeInF64) { CheckReductions<double>(); }

TEST(Reduce, MaximumKeepsNaN) {
  for (std::size_t place = 0; place < 40; ++place) {
    std::vector<float> x(40, 1.0f);
    x[place] = std::nanf("");
    float y = 0;
    Reduce(ReduceOp::kMax, x.data(), 1, 40, 1, &y);
    EXPECT_TRUE(std::isnan(y));
  }
}

template <class T>
void ExpectedStatistics(const std::vector<T>& x, bool centred, T& mean, T& inverse) {
  const auto size = static_cast<T>(x.size());
  mean = centred ? Sum(x) / size : T(0);
  const auto squares = [&](T part, T v) { return FusedMulAdd(v - mean, v - mean, part); };
  inverse = T(1) / std::sqrt(Tree<T>(x, 0, squares, Add<T>) / size + static_cast<T>(1e-5));
}

template <class T>
T ExpectedAffine(T x, T mean, T inverse, const T* scale, const T* offset) {
  const T value = (x - mean) * inverse;
  if (scale == nullptr) return offset == nullptr ? value : value + *offset;
  return offset == nullptr ? value * *scale : FusedMulAdd(value, *scale, *offset);
}

template <class T>
void CheckNorms() {
  Random random(22);
  for (int round = 0; round < 40; ++round) {
    const std::int64_t groups = random.Int(1, 4), each = random.Int(1, 3), spatial = random.Int(1, 50),
                       batch = random.Int(1, 3);
    const std::int64_t channels = groups * each, rows = batch * channels;
    const auto x = random.Values<T>(rows * spatial), scale = random.Values<T>(200), offset = random.Values<T>(200);
    const bool scaled = round % 4 < 2, shifted = round % 2 == 0, centred = random.Int(0, 1) == 1;
    const Affine<T> affine{scaled ? scale.data() : nullptr, shifted ? offset.data() : nullptr};
    const auto at = [](const T* values, std::int64_t i) { return values == nullptr ? nullptr : values + i; };
    std::vector<T> by_row, by_group, by_channel;
    T mean = 0, inverse = 0;
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto first = x.begin() + row * spatial;
      ExpectedStatistics<T>({first, first + spatial}, centred, mean, inverse);
      for (std::int64_t i = 0; i < spatial; ++i) {
        by_row.push_back(ExpectedAffine(first[i], mean, inverse, at(affine.scale, i), at(affine.offset, i)));
        const auto c = static_cast<std::size_t>(row % channels);
        by_channel.push_back(FusedMulAdd(first[i] - scale[c + 50], scale[c], offset[c]));
      }
    }
    for (std::int64_t i = 0; i < rows * spatial; ++i) {
      const std::int64_t size = each * spatial, channel = i / spatial % channels;
      const auto first = x.begin() + i / size * size;
      if (i % size == 0) ExpectedStatistics<T>({first, first + size}, true, mean, inverse);
      by_group.push_back(ExpectedAffine(x[static_cast<std::size_t>(i)], mean, inverse, at(affine.scale, channel),
                                        at(affine.offset, channel)));
    }
    OnEverySimd([&](ThreadPool* pool) {
      std::vector<T> y(x.size());
      NormRows<T>(x.data(), rows, spatial, 1e-5, centred, affine, y.data(), nullptr, nullptr, pool);
      EXPECT_TRUE(SameBits(y, by_row));
      NormGroups<T>(x.data(), batch, channels, groups, spatial, 1e-5, affine, y.data(), pool);
      EXPECT_TRUE(SameBits(y, by_group));
      if (spatial == 1) return;
      NormChannels<T>(x.data(), batch, channels, spatial, scale.data() + 50, scale.data(), offset.data(), y.data(),
                      pool);
      EXPECT_TRUE(SameBits(y, by_channel));
    });
  }
}

TEST(Norm, MatchesTheTreeInF32) { CheckNorms<float>(); }
TEST(Norm, MatchesTheTreeInF64) { CheckNorms<double>(); }

}  // namespace
}  // namespace godwit::kernels
