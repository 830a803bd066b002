// Elementwise functions: error bounds against double precision, special values, and the same bits everywhere.
#include "exec/kernels/unary.h"

#include <limits>

#include "base/mathfn.h"
#include "kernels/check.h"

namespace godwit::kernels {
namespace {

constexpr int kLastOp = static_cast<int>(UnaryOp::kAtanh);
constexpr float kInf = std::numeric_limits<float>::infinity();

/// Every exponent and sign with a few mantissas, and the neighbourhood of special values.
std::vector<float> Sweep(std::uint32_t step) {
  std::vector<float> values;
  for (std::uint64_t i = 0; i < (std::uint64_t{1} << 32); i += step) {
    const auto bits = static_cast<std::uint32_t>(i);
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    values.push_back(value);
  }
  for (const float v :
       {0.0f, 1.0f, 0.5f, 0.625f, 0.9375f, 88.72284f, 103.9721f, 30000.0f, 0x1p-126f, 0x1p-149f, kInf, 1.5f, 2.5f}) {
    for (const float x : {v, -v, std::nextafter(v, kInf), std::nextafter(v, -kInf)}) values.push_back(x);
  }
  return values;
}

double UlpError(float got, double want) {
  const auto rounded = static_cast<float>(want);
  if (std::isnan(got) || std::isnan(rounded)) return std::isnan(got) == std::isnan(rounded) ? 0 : 1e9;
  if (std::isinf(got) || std::isinf(rounded)) return got == rounded || std::fabs(want) > 3.402823e38 ? 0 : 1e9;
  int exponent = -125;
  if (want != 0) (void)std::frexp(want, &exponent);
  return std::fabs(static_cast<double>(got) - want) / std::ldexp(1.0, std::max(exponent, -125) - 24);
}

struct Bound {
  UnaryOp op;
  double (*exact)(double);
  double ulp;
};

double ExactSigmoid(double x) { return x < 0 ? mathfn::Exp(x) / (1 + mathfn::Exp(x)) : 1 / (1 + mathfn::Exp(-x)); }
double ExactSoftplus(double x) { return std::max(x, 0.0) + mathfn::Log1p(mathfn::Exp(-std::fabs(x))); }
double ExactElu(double x) { return x < 0 ? mathfn::Expm1(x) : x; }
double ExactSqrt(double x) { return std::sqrt(x); }
double ExactRound(double x) { return std::nearbyint(x); }
double ExactFloor(double x) { return std::floor(x); }
double ExactCeil(double x) { return std::ceil(x); }
double ExactTrunc(double x) { return std::trunc(x); }
double ExactReciprocal(double x) { return 1 / x; }
double ExactRelu(double x) { return x < 0 ? 0 : x; }

TEST(Unary, StaysWithinItsErrorBounds) {
  const Bound bounds[] = {
      {UnaryOp::kExp, mathfn::Exp, 1.7},
      {UnaryOp::kLog, mathfn::Log, 1.7},
      {UnaryOp::kTanh, mathfn::Tanh, 1.7},
      {UnaryOp::kErf, mathfn::Erf, 1.7},
      {UnaryOp::kSin, mathfn::Sin, 1.7},
      {UnaryOp::kCos, mathfn::Cos, 1.7},
      {UnaryOp::kSoftplus, ExactSoftplus, 1.7},
      {UnaryOp::kSigmoid, ExactSigmoid, 2.5},
      {UnaryOp::kElu, ExactElu, 2.5},
      {UnaryOp::kSqrt, ExactSqrt, 0.51},
      {UnaryOp::kRound, ExactRound, 0},
      {UnaryOp::kFloor, ExactFloor, 0},
      {UnaryOp::kCeil, ExactCeil, 0},
      {UnaryOp::kTrunc, ExactTrunc, 0},
      {UnaryOp::kReciprocal, ExactReciprocal, 0.51},
      {UnaryOp::kRelu, ExactRelu, 0},
      {UnaryOp::kTan, mathfn::Tan, 0.51},
      {UnaryOp::kAsinh, mathfn::Asinh, 0.51},
  };
  const std::vector<float> x = Sweep(49999);
  std::vector<float> y(x.size());
  for (const Bound& bound : bounds) {
    ApplyUnary(Unary{bound.op, 1, 1}, x.data(), y.data(), static_cast<std::int64_t>(x.size()));
    double worst = 0, at = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double error = UlpError(y[i], bound.exact(static_cast<double>(x[i])));
      if (error > worst) worst = error, at = static_cast<double>(x[i]);
    }
    EXPECT_LE(worst, bound.ulp) << "operator " << static_cast<int>(bound.op) << " at " << at;
  }
}

template <class T>
void CheckSameEverywhere(const std::vector<float>& sweep) {
  const std::vector<T> x(sweep.begin(), sweep.end());
  const auto count = static_cast<std::int64_t>(x.size());
  for (int op = 0; op <= kLastOp; ++op) {
    SCOPED_TRACE(testing::Message() << "operator " << op);
    const Unary f{static_cast<UnaryOp>(op), 0.3, 1.1};
    std::vector<T> want;
    OnEverySimd([&](ThreadPool* pool) {
      std::vector<T> y(x.size());
      ApplyUnary(f, x.data(), y.data(), count, pool);
      if (want.empty()) want = y;
      EXPECT_TRUE(SameBits(y, want));
      // One at a time: the place in the tensor does not matter.
      for (std::int64_t i = 0; i < std::min<std::int64_t>(count, 500); ++i) {
        T one = 0;
        ApplyUnary(f, &x[static_cast<std::size_t>(i * 7 % count)], &one, 1);
        y[static_cast<std::size_t>(i * 7 % count)] = one;
      }
      EXPECT_TRUE(SameBits(y, want));
    });
  }
}

TEST(Unary, HasTheSameBitsEverywhereInF32) { CheckSameEverywhere<float>(Sweep(1999993)); }
TEST(Unary, HasTheSameBitsEverywhereInF64) { CheckSameEverywhere<double>(Sweep(19999999)); }

TEST(Unary, HandlesRowsWithGaps) {
  std::vector<float> x(100, -2.0f);
  ApplyUnaryRows(Unary{UnaryOp::kRelu}, x.data(), 5, 17, 20);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(x[i], i % 20 < 17 ? 0.0f : -2.0f);
}

}  // namespace
}  // namespace godwit::kernels
