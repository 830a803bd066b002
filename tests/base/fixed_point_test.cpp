#include "base/fixed_point.h"

#include <gtest/gtest.h>

#include <cmath>

namespace godwit::fixed {
namespace {

constexpr int32_t kMin = std::numeric_limits<int32_t>::min(), kMax = std::numeric_limits<int32_t>::max();

TEST(FixedPoint, HighProductsRoundTiesUp) {
  EXPECT_EQ(HighMul(1 << 30, 1), 1);
  EXPECT_EQ(HighMul(-(1 << 30), 1), 0);
  EXPECT_EQ(HighMul(3, 1 << 30), 2);
  EXPECT_EQ(HighMul(-3, 1 << 30), -1);
  EXPECT_EQ(HighMul(kMin, kMin), kMax);
  EXPECT_EQ(HighMul(int16_t{-32768}, int16_t{-32768}), 32767);
}

TEST(FixedPoint, ShiftsToTheRightRoundTiesAway) {
  EXPECT_EQ(ShiftRight(5, 1), 3);
  EXPECT_EQ(ShiftRight(-5, 1), -3);
  EXPECT_EQ(ShiftRight(-6, 2), -2);
  EXPECT_EQ(ShiftRight(7, 0), 7);
  EXPECT_EQ(ShiftRight(kMin, 31), -1);
  EXPECT_EQ(ShiftLeft(kMax, 3), kMax);
  EXPECT_EQ(ShiftLeft(int16_t{-300}, 7), -32768);
}

TEST(FixedPoint, MultipliersAreTheNearest) {
  const Multiplier half = Multiplier::Of(0.5);
  EXPECT_EQ(half.significand, 1 << 30);
  EXPECT_EQ(half.shift, 0);
  const Multiplier below = Multiplier::Of(std::nextafter(1.0, 0.0));
  EXPECT_EQ(below.significand, 1 << 30);
  EXPECT_EQ(below.shift, 1);
  EXPECT_EQ(Multiplier::Of(0).significand, 0);
  EXPECT_EQ(Multiplier::Of(1e-12).significand, 0);
  EXPECT_EQ(Multiplier::Of(1e300).shift, 31);
  // Rounded twice: 5 * 0.3 is 1.5, a little less as a multiplier, and yet 2.
  EXPECT_EQ(Multiplier::Of(0.3).Apply(5), 2);
  EXPECT_EQ(Multiplier::Of(0.3).Apply(-5), -2);
  EXPECT_EQ(Multiplier::Of(0.001).ApplyWide(int64_t{1} << 40), 1099497472);
}

TEST(FixedPoint, FunctionsAreCloseToTheReal) {
  const auto q0 = [](int32_t v) { return static_cast<double>(v) / 2147483648.0; };
  for (int k = 0; k <= 160; ++k) {
    const double x = -k / 10.0;
    EXPECT_NEAR(q0(ExpOnNegative<5>(static_cast<int32_t>(x * (1 << 26)))), std::exp(x), 3e-7) << x;
  }
  for (int k = 0; k < 100; ++k) {
    const double x = k / 100.0;
    EXPECT_NEAR(q0(OneOverOnePlus(static_cast<int32_t>(x * 2147483648.0))), 1 / (1 + x), 1e-7) << x;
    const auto a = static_cast<int16_t>((x - 0.5) * 65535);
    EXPECT_NEAR(Logistic<3>(a) / 32768.0, 1 / (1 + std::exp(-a / 4096.0)), 2e-3) << a;
    EXPECT_NEAR(Tanh<3>(a) / 32768.0, std::tanh(a / 4096.0), 2e-3) << a;
  }
  for (const int32_t x : {2, 3, 100, 12345, 1 << 29, kMax}) {
    const Multiplier m = InverseSqrt(x);
    EXPECT_NEAR(q0(m.significand) * std::ldexp(1.0, m.shift) * std::sqrt(static_cast<double>(x)), 1, 1e-3) << x;
    int bits = 0;
    const double inverse = q0(Reciprocal(x, 31, &bits));
    EXPECT_NEAR(std::ldexp(inverse * x, -bits), 1, 1e-6) << x;
  }
  for (const double x : {1.0, 1.5, 2.0, 10.0, 1000.0}) {
    EXPECT_NEAR(LogQ12ToQ5(static_cast<int32_t>(x * (1 << 19))) / static_cast<double>(1 << 26), std::log(x), 1e-4) << x;
  }
  int exponent = 0;
  EXPECT_TRUE(IsPowerOfTwo(1.0F / 4096, &exponent));
  EXPECT_EQ(exponent, -12);
  EXPECT_FALSE(IsPowerOfTwo(0.3F, &exponent));
  EXPECT_FALSE(IsPowerOfTwo(0, &exponent));
  EXPECT_EQ(InputRadius(5, 20), 1984);
}

}  // namespace
}  // namespace godwit::fixed
