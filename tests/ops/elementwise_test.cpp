// Elementwise operators where their corners are: NaN, zeros of both signs, overflow, division by zero, mixed types.
#include <cmath>
#include <limits>

#include "ops/eval_one.h"
#include "support/temp_dir.h"

namespace godwit {
namespace {

using test::EvalOne;
using test::Numbers;
using test::Texts;
using test::TextValues;
using test::Values;
using testing::IdOf;
using Doubles = std::vector<double>;

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNaN = std::nan("");

Tensor F64(const Doubles& v) { return Numbers(DType::kF64, {static_cast<int64_t>(v.size())}, v); }
Tensor Of(DType dtype, const Doubles& v) { return Numbers(dtype, {static_cast<int64_t>(v.size())}, v); }

TEST(Elementwise, IntegerDivisionAndRemainderNeverTrap) {
  const double low = -128;
  EXPECT_EQ(Values(EvalOne(ops::kDiv, {Of(DType::kI8, {low, 7, -7}), Of(DType::kI8, {-1, 0, 2})})),
            (Doubles{-128, 0, -3}));
  EXPECT_EQ(Values(EvalOne(ops::kMod, {Of(DType::kI8, {low, 7, -7}), Of(DType::kI8, {-1, 0, 3})})), (Doubles{0, 0, 2}));
}

TEST(Elementwise, RemainderTakesTheSignOfTheDivisorOrTheDividend) {
  const Tensor a = Of(DType::kI32, {-7, 7, -7, 7});
  const Tensor b = Of(DType::kI32, {3, -3, -3, 3});
  EXPECT_EQ(Values(EvalOne(ops::kMod, {a, b})), (Doubles{2, -2, -1, 1}));
  EXPECT_EQ(Values(EvalOne(ops::kMod, {a, b}, {{"fmod", int64_t{1}}})), (Doubles{-1, 1, -1, 1}));
  EXPECT_EQ(Values(EvalOne(ops::kMod, {F64({-4.3, 4.3}), F64({2, -2})}))[0], std::fmod(-4.3, 2) + 2);
}

TEST(Elementwise, PowerKeepsTheTypeOfItsBase) {
  EXPECT_EQ(Values(EvalOne(ops::kPow, {Of(DType::kI32, {2, -3, 5, 0}), Of(DType::kI64, {10, 3, 0, 0})})),
            (Doubles{1024, -27, 1, 1}));
  EXPECT_EQ(Values(EvalOne(ops::kPow, {Of(DType::kI32, {2, -1, 1}), Of(DType::kI32, {-1, -3, -7})})),
            (Doubles{0, -1, 1}));
  EXPECT_EQ(Values(EvalOne(ops::kPow, {Of(DType::kI32, {9}), Of(DType::kF32, {0.5})})), (Doubles{3}));
  EXPECT_EQ(Values(EvalOne(ops::kPow, {Of(DType::kF32, {1.5}), Of(DType::kI64, {2})})), (Doubles{2.25}));
}

TEST(Elementwise, MinAndMaxPropagateNaN) {
  const auto low = Values(EvalOne(ops::kMin, {F64({kNaN, 1, 0.0}), F64({1, kNaN, -0.0})}));
  EXPECT_TRUE(std::isnan(low[0]) && std::isnan(low[1]) && std::signbit(low[2]));
  const auto high = Values(EvalOne(ops::kMax, {F64({kNaN, 1, -0.0}), F64({1, kNaN, 0.0})}));
  EXPECT_TRUE(std::isnan(high[0]) && std::isnan(high[1]) && !std::signbit(high[2]));
}

TEST(Elementwise, ClipLetsTheUpperBoundWin) {
  const Tensor lo = Numbers(DType::kF64, {}, {2});
  const Tensor hi = Numbers(DType::kF64, {}, {-1});
  EXPECT_EQ(Values(EvalOne(ops::kClip, {F64({-5, 0, 5}), lo, hi})), (Doubles{-1, -1, -1}));
  EXPECT_EQ(Values(EvalOne(ops::kClip, {F64({-5, 0, 5}), RtValue(), hi})), (Doubles{-5, -1, -1}));
  EXPECT_TRUE(std::isnan(Values(EvalOne(ops::kClip, {F64({kNaN}), lo, lo}))[0]));
  EXPECT_EQ(IdOf(EvalOne(ops::kClip, {F64({1}), F64({1, 2})})), "clip.c1");
}

TEST(Elementwise, ShiftsPastTheWidthMoveEverythingOut) {
  const Attrs left{{"direction", std::string("left")}};
  const Attrs right{{"direction", std::string("right")}};
  const Tensor a = Of(DType::kU8, {200, 200, 200});
  const Tensor b = Of(DType::kU8, {1, 8, 64});
  EXPECT_EQ(Values(EvalOne(ops::kBitShift, {a, b}, left)), (Doubles{144, 0, 0}));
  EXPECT_EQ(Values(EvalOne(ops::kBitShift, {a, b}, right)), (Doubles{100, 0, 0}));
}

TEST(Elementwise, RoundTakesHalvesToEven) {
  EXPECT_EQ(Values(EvalOne(ops::kRound, {F64({-2.5, -1.5, -0.5, 0.5, 1.5, 2.5})})), (Doubles{-2, -2, 0, 0, 2, 2}));
}

TEST(Elementwise, TailsOfSmoothActivations) {
  for (const OpDef* op : {&ops::kGelu, &ops::kSilu, &ops::kMish, &ops::kHardSwish}) {
    const auto y = Values(EvalOne(*op, {F64({-1000, 1000, kInf})}));
    EXPECT_EQ(std::fabs(y[0]), 0) << op->name;
    EXPECT_EQ(y[1], 1000) << op->name;
    EXPECT_EQ(y[2], kInf) << op->name;
  }
  // math.erfc gives these: x / 2 * erfc(-x / sqrt(2))
  const auto gelu = Values(EvalOne(ops::kGelu, {F64({-10, -1, 0.5})}));
  EXPECT_NEAR(gelu[0] / -7.61985302416052e-23, 1, 1e-12);
  EXPECT_NEAR(gelu[1], -0.15865525393145707, 1e-15);
  EXPECT_NEAR(gelu[2], 0.34573123063700656, 1e-15);
  EXPECT_NEAR(Values(EvalOne(ops::kSoftplus, {F64({-40})}))[0] / 4.248354255291589e-18, 1, 1e-12);
}

TEST(Elementwise, TestsOfFloats) {
  const Tensor x = Of(DType::kF16, {kInf, -kInf, kNaN, 1});
  EXPECT_EQ(Values(EvalOne(ops::kIsNan, {x})), (Doubles{0, 0, 1, 0}));
  EXPECT_EQ(Values(EvalOne(ops::kIsInf, {x})), (Doubles{1, 1, 0, 0}));
  EXPECT_EQ(Values(EvalOne(ops::kIsInf, {x}, {{"positive", int64_t{0}}})), (Doubles{0, 1, 0, 0}));
}

TEST(Elementwise, EqualComparesTextAndNaNEqualsNothing) {
  EXPECT_EQ(Values(EvalOne(ops::kEqual, {Texts({2}, {"a", "b"}), Texts({1}, {"b"})})), (Doubles{0, 1}));
  EXPECT_EQ(Values(EvalOne(ops::kEqual, {F64({kNaN, 0.0}), F64({kNaN, -0.0})})), (Doubles{0, 1}));
}

TEST(Elementwise, WhereBroadcastsAllThree) {
  const Tensor c = Numbers(DType::kBool, {2, 1}, {1, 0});
  const Tensor y = *EvalOne(ops::kWhere, {c, Of(DType::kI64, {1, 2}), Numbers(DType::kI64, {}, {9})});
  EXPECT_EQ(ToString(y.dims()), "[2,2]");
  EXPECT_EQ(ToF64(y), (Doubles{1, 2, 9, 9}));
}

TEST(Cast, TextBothWays) {
  const Tensor x = Of(DType::kF32, {0.1, -2, kNaN, kInf, -kInf});
  EXPECT_EQ(TextValues(EvalOne(ops::kCast, {x}, {{"to", DType::kString}})),
            (std::vector<std::string>{"0.1", "-2", "NaN", "INF", "-INF"}));
  const Tensor text = Texts({5}, {" 1e-2", "+INF", "-inf", "NaN", "+3"});
  const auto back = Values(EvalOne(ops::kCast, {text}, {{"to", DType::kF64}}));
  EXPECT_EQ(back[0], 0.01);
  EXPECT_EQ(back[1], kInf);
  EXPECT_EQ(back[2], -kInf);
  EXPECT_TRUE(std::isnan(back[3]));
  EXPECT_EQ(back[4], 3);
  EXPECT_EQ(IdOf(EvalOne(ops::kCast, {Texts({1}, {"ten"})}, {{"to", DType::kI32}})), "cast.c2");
}

TEST(BitCast, SmallIntegersChangeTheirSignExtension) {
  EXPECT_EQ(Values(EvalOne(ops::kBitCast, {Of(DType::kU4, {0, 7, 8, 15})}, {{"to", DType::kI4}})),
            (Doubles{0, 7, -8, -1}));
  EXPECT_EQ(Values(EvalOne(ops::kBitCast, {Of(DType::kI4, {-8, -1})}, {{"to", DType::kU4}})), (Doubles{8, 15}));
  EXPECT_EQ(IdOf(EvalOne(ops::kBitCast, {Of(DType::kF32, {1})}, {{"to", DType::kI64}})), "bit_cast.c1");
}

TEST(Range, CountsWithoutOverflow) {
  const auto range = [](DType dtype, double a, double b, double step) {
    return EvalOne(ops::kRange, {Numbers(dtype, {}, {a}), Numbers(dtype, {}, {b}), Numbers(dtype, {}, {step})});
  };
  EXPECT_EQ(Values(range(DType::kI32, 10, 1, -4)), (Doubles{10, 6, 2}));
  EXPECT_EQ(Values(range(DType::kF32, 0, 1, 0.25)), (Doubles{0, 0.25, 0.5, 0.75}));
  EXPECT_EQ(Values(range(DType::kI64, 5, 5, 1)), Doubles{});
  EXPECT_EQ(Values(range(DType::kI8, -128, 127, 100)), (Doubles{-128, -28, 72}));
  EXPECT_EQ(IdOf(range(DType::kI64, 0, 1, 0)), "range.c2");
  EXPECT_FALSE(range(DType::kF64, 0, 1e300, 1e-300).ok());
}

TEST(Random, DependsOnTheSeedAlone) {
  const Tensor shape = Tensor::I64({1}, {1000});
  const auto draw = [&](const OpDef& op, int64_t seed) {
    return Values(EvalOne(op, {shape}, {{"dtype", DType::kF32}, {"seed", seed}}));
  };
  EXPECT_EQ(draw(ops::kRandomUniform, 1), draw(ops::kRandomUniform, 1));
  EXPECT_NE(draw(ops::kRandomUniform, 1), draw(ops::kRandomUniform, 2));
  double sum = 0, squares = 0;
  for (const double v : draw(ops::kRandomUniform, 3)) {
    ASSERT_TRUE(v >= 0 && v < 1);
    sum += v;
  }
  EXPECT_NEAR(sum / 1000, 0.5, 0.05);
  for (const double v : draw(ops::kRandomNormal, 3)) squares += v * v;
  EXPECT_NEAR(squares / 1000, 1, 0.2);
  EXPECT_EQ(IdOf(EvalOne(ops::kRandomUniform, {Tensor::I64({1}, {-1})}, {{"dtype", DType::kF32}})),
            "random_uniform.c1");
}

TEST(Random, MultinomialFollowsItsWeights) {
  const Tensor logits = Numbers(DType::kF32, {1, 3}, {-kInf, 0, std::log(3.0)});
  int count[3] = {};
  for (const double v : Values(EvalOne(ops::kMultinomial, {logits},
                                       {{"dtype", DType::kI64}, {"samples", int64_t{4000}}, {"seed", int64_t{5}}}))) {
    ++count[static_cast<size_t>(v)];
  }
  EXPECT_EQ(count[0], 0);
  EXPECT_NEAR(count[1], 1000, 120);
  EXPECT_NEAR(count[2], 3000, 120);
}

}  // namespace
}  // namespace godwit
