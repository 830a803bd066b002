// The double functions against the C library's extended precision, at the documented error bounds and special values.
#include "base/mathfn.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>

namespace godwit::mathfn {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

double UlpError(double got, long double want) {
  const double rounded = static_cast<double>(want);
  if (std::isnan(got) || std::isnan(rounded)) return std::isnan(got) == std::isnan(rounded) ? 0 : kInf;
  if (std::isinf(got) || std::isinf(rounded)) return got == rounded ? 0 : kInf;
  int exponent = 0;
  (void)std::frexp(rounded, &exponent);
  if (rounded == 0 || exponent < -1021) exponent = -1021;
  return static_cast<double>(std::fabs((static_cast<long double>(got) - want) / std::ldexp(1.0L, exponent - 53)));
}

struct Case {
  const char* name;
  double (*function)(double);
  long double (*reference)(long double);
  double bound;
};

const Case kCases[] = {
    {"Exp", Exp, expl, 1.2},       {"Exp2", Exp2, exp2l, 1.2},    {"Expm1", Expm1, expm1l, 1.2},
    {"Log", Log, logl, 1.2},       {"Log2", Log2, log2l, 1.2},    {"Log10", Log10, log10l, 1.2},
    {"Log1p", Log1p, log1pl, 1.2}, {"Sin", Sin, sinl, 1.2},       {"Cos", Cos, cosl, 1.2},
    {"Tan", Tan, tanl, 1.2},       {"Asin", Asin, asinl, 1.2},    {"Acos", Acos, acosl, 1.2},
    {"Atan", Atan, atanl, 1.2},    {"Sinh", Sinh, sinhl, 3},      {"Cosh", Cosh, coshl, 3},
    {"Tanh", Tanh, tanhl, 1.2},    {"Asinh", Asinh, asinhl, 1.2}, {"Acosh", Acosh, acoshl, 1.2},
    {"Atanh", Atanh, atanhl, 1.2}, {"Erf", Erf, erfl, 1.2},       {"Erfc", Erfc, erfcl, 2},
    {"Cbrt", Cbrt, cbrtl, 1.2},
};

TEST(MathFn, StaysWithinItsErrorBounds) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    std::mt19937_64 random(7);
    double worst = 0, worst_x = 0;
    const auto check = [&](double x) {
      const double error = UlpError(c.function(x), c.reference(static_cast<long double>(x)));
      if (error > worst) worst = error, worst_x = x;
    };
    for (int i = 0; i < 30000; ++i) {
      const std::uint64_t bits = random();
      double any = 0;
      std::memcpy(&any, &bits, sizeof any);
      check(any);
      const double unit = static_cast<double>(static_cast<std::int64_t>(random())) * 0x1p-63;
      check(unit);
      check(unit * 10);
      check(unit * 720);
    }
    for (const double x : {0.0, -0.0, 1.0, -1.0, 0.5, 710.3, -745.0, kInf, -kInf, 0x1p-1074, 0x1p-1022, 0x1.8p1023})
      check(x);
    EXPECT_LE(worst, c.bound) << "at " << worst_x;
  }
}

TEST(MathFn, KeepsTheSignOfZero) {
  for (const auto function : {Expm1, Log1p, Sin, Tan, Asin, Atan, Sinh, Tanh, Asinh, Atanh, Erf, Cbrt}) {
    EXPECT_TRUE(std::signbit(function(-0.0)));
    EXPECT_FALSE(std::signbit(function(0.0)));
  }
}

TEST(MathFn, PowFollowsAnnexF) {
  const double values[] = {0.0, -0.0, kInf, -kInf, std::nan(""), 1, -1, 2, -2, 3, -3, 0.5, -0.5, 1e300, -1e300, 1e-300};
  for (const double x : values) {
    for (const double y : values) {
      const double got = Pow(x, y), want = std::pow(x, y);
      if (std::isnan(want)) {
        EXPECT_TRUE(std::isnan(got)) << x << " " << y;
      } else {
        EXPECT_LE(UlpError(got, want), 1.0) << x << " " << y;
        EXPECT_EQ(std::signbit(got), std::signbit(want)) << x << " " << y;
      }
    }
  }
}

}  // namespace
}  // namespace godwit::mathfn
