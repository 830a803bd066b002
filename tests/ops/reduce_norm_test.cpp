// Reductions, softmax and normalisations where their corners are, with figures computed by PyTorch.
#include <cmath>
#include <limits>
#include <string>

#include "ops/eval_one.h"

namespace godwit {
namespace {

using test::EvalAll;
using test::EvalOne;
using test::Numbers;
using test::Values;
using Doubles = std::vector<double>;

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNaN = std::nan("");

Tensor F64(Dims dims, const Doubles& v) { return Numbers(DType::kF64, std::move(dims), v); }
std::string FailureOf(const Result<Tensor>& result) { return result.ok() ? "none" : result.diag().id; }
void ExpectNear(const Doubles& got, const Doubles& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-9) << i;
}
Doubles Reduced(std::string mode, const Tensor& x, const std::vector<int64_t>& axes) {
  return Values(
      EvalOne(ops::kReduce, {x, Tensor::I64({static_cast<int64_t>(axes.size())}, axes)}, {{"mode", std::move(mode)}}));
}

TEST(Reduce, OfNothingIsTheNeutralElement) {
  const Tensor none = F64({2, 0}, {});
  EXPECT_EQ(Reduced("sum", none, {1}), (Doubles{0, 0}));
  EXPECT_EQ(Reduced("prod", none, {1}), (Doubles{1, 1}));
  EXPECT_EQ(Reduced("max", none, {1}), (Doubles{-kInf, -kInf}));
  EXPECT_EQ(Reduced("min", none, {1}), (Doubles{kInf, kInf}));
  EXPECT_EQ(Reduced("log_sum_exp", none, {1}), (Doubles{-kInf, -kInf}));
  EXPECT_EQ(Reduced("max", Numbers(DType::kI8, {1, 0}, {}), {1}), (Doubles{-128}));
  EXPECT_EQ(Reduced("min", Numbers(DType::kBool, {1, 0}, {}), {1}), (Doubles{1}));
  EXPECT_TRUE(std::isnan(Reduced("mean", none, {1})[0]));
  EXPECT_EQ(Reduced("sum", none, {0}), (Doubles{}));
}

TEST(Reduce, IntegersWrapAndCut) {
  const Tensor x = Numbers(DType::kI8, {3}, {100, 100, -3});
  EXPECT_EQ(Reduced("sum", x, {0}), (Doubles{-59}));
  EXPECT_EQ(Reduced("mean", Numbers(DType::kI32, {2}, {-2, -1}), {0}), (Doubles{-1}));
  EXPECT_EQ(Reduced("l2", Numbers(DType::kI32, {2}, {2, 2}), {0}), (Doubles{2}));
}

TEST(Reduce, ExponentialsDoNotOverflowAndNaNStays) {
  ExpectNear(Reduced("log_sum_exp", F64({2}, {1000, 1000}), {0}), {1000.6931471805599});
  EXPECT_EQ(Reduced("log_sum_exp", F64({2}, {-kInf, -kInf}), {0}), (Doubles{-kInf}));
  EXPECT_TRUE(std::isnan(Reduced("max", F64({2}, {kNaN, 1}), {0})[0]));
}

TEST(Reduce, AbsentAxesMeanAllOrNone) {
  const Tensor x = F64({2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(Values(EvalOne(ops::kReduce, {x}, {{"mode", "sum"}})), (Doubles{10}));
  EXPECT_EQ(Values(EvalOne(ops::kReduce, {x}, {{"mode", "sum_square"}, {"empty_axes_is_none", int64_t{1}}})),
            (Doubles{1, 4, 9, 16}));
  EXPECT_EQ(FailureOf(EvalOne(ops::kReduce, {x, Tensor::I64({1}, {2})}, {{"mode", "sum"}})), "reduce.c1");
  EXPECT_EQ(FailureOf(EvalOne(ops::kReduce, {x}, {{"mode", "median"}})), "reduce.c2");
  EXPECT_EQ(FailureOf(EvalOne(ops::kReduce, {Numbers(DType::kBool, {1}, {1})}, {{"mode", "sum"}})), "reduce.c3");
}

TEST(Reduce, PlaceOfTheExtremeAmongEquals) {
  const Tensor x = F64({5}, {1, 3, 2, 3, 1});
  EXPECT_EQ(Values(EvalOne(ops::kArgReduce, {x}, {{"mode", "max"}})), (Doubles{1}));
  EXPECT_EQ(Values(EvalOne(ops::kArgReduce, {x}, {{"mode", "max"}, {"last", int64_t{1}}})), (Doubles{3}));
  EXPECT_EQ(Values(EvalOne(ops::kArgReduce, {x}, {{"mode", "min"}, {"last", int64_t{1}}})), (Doubles{4}));
  EXPECT_EQ(Values(EvalOne(ops::kArgReduce, {F64({3}, {1, kNaN, 2})}, {{"mode", "max"}})), (Doubles{1}));
  EXPECT_EQ(FailureOf(EvalOne(ops::kArgReduce, {F64({0}, {})}, {{"mode", "max"}})), "arg_reduce.c2");
}

TEST(Reduce, RunningSumsAndProducts) {
  const Tensor x = F64({3}, {2, 3, 4});
  const Tensor axis = Tensor::ScalarI64(0);
  EXPECT_EQ(
      Values(EvalOne(ops::kCum, {x, axis}, {{"mode", "sum"}, {"exclusive", int64_t{1}}, {"reverse", int64_t{1}}})),
      (Doubles{7, 4, 0}));
  EXPECT_EQ(Values(EvalOne(ops::kCum, {x, axis}, {{"mode", "prod"}})), (Doubles{2, 6, 24}));
  EXPECT_EQ(FailureOf(EvalOne(ops::kCum, {x, Tensor::ScalarI64(1)}, {{"mode", "sum"}})), "cum.c1");
}

TEST(Softmax, LargeNumbersAndTies) {
  ExpectNear(Values(EvalOne(ops::kSoftmax, {F64({2}, {1000, 1000})})), {0.5, 0.5});
  ExpectNear(Values(EvalOne(ops::kSoftmax, {F64({2}, {0, -1e6})}, {{"mode", "log"}})), {0, -1e6});
  EXPECT_EQ(Values(EvalOne(ops::kSoftmax, {F64({2, 2}, {1, 5, 5, 5})}, {{"mode", "hard"}, {"axis", int64_t{0}}})),
            (Doubles{0, 1, 1, 0}));
  EXPECT_EQ(FailureOf(EvalOne(ops::kSoftmax, {F64({2}, {1, 2})}, {{"axis", int64_t{1}}})), "softmax.c1");
}

TEST(Norm, LayerNormGivesItsStatistics) {
  const Tensor x = F64({2, 4}, {1, 2, 3, 6, 0, 0, 0, 4});
  const auto out =
      EvalAll(ops::kLayerNorm, {x, F64({4}, {1, 2, 1, 1}), F64({4}, {0, 0, 1, 0})}, 3, {{"statistics", DType::kF64}});
  ASSERT_TRUE(out.ok());
  ExpectNear(ToF64((*out)[0].tensor),
             {-1.0690434404458735, -1.0690434404458735, 1.0, 1.6035651606688104, -0.5773493069415827,
              -1.1546986138831654, 0.4226506930584173, 1.7320479208247481});
  EXPECT_EQ(ToF64((*out)[1].tensor), (Doubles{3, 1}));
  ExpectNear(ToF64((*out)[2].tensor), {0.5345217202229368, 0.5773493069415828});
  EXPECT_EQ((*out)[1].tensor.dims(), (Dims{2, 1}));
  EXPECT_EQ(FailureOf(EvalOne(ops::kLayerNorm, {x, F64({3}, {1, 2, 3})})), "layer_norm.c2");
}

TEST(Norm, GroupsOfChannels) {
  const Tensor x = F64({1, 4, 2}, {1, 3, 5, 7, 0, 2, 2, 4});
  const Attrs attrs = {{"groups", int64_t{2}}, {"epsilon", 0.0}};
  const Doubles want = {
      -1.3416407864998738, -0.4472135954999579, 0.4472135954999579, 1.3416407864998738, -1.414213562373095, 0.0, 0.0,
      1.414213562373095};
  ExpectNear(Values(EvalOne(ops::kGroupNorm, {x, F64({4}, {1, 1, 1, 1}), F64({4}, {0, 0, 0, 0})}, attrs)), want);
  // One value for each group is as good as one for each channel.
  ExpectNear(Values(EvalOne(ops::kGroupNorm, {x, F64({2}, {1, 1}), F64({2}, {0, 0})}, attrs)), want);
  EXPECT_EQ(FailureOf(EvalOne(ops::kGroupNorm, {x, F64({2}, {1, 1}), F64({2}, {0, 0})}, {{"groups", int64_t{3}}})),
            "group_norm.c3");
}

TEST(Norm, BatchStatisticsMoveTheRunningOnes) {
  const Tensor x = F64({2, 2}, {1, 10, 3, 30});
  const Tensor one = F64({2}, {1, 1}), zero = F64({2}, {0, 0});
  const auto out = EvalAll(ops::kBatchNorm, {x, one, zero, zero, one}, 3,
                           {{"training", int64_t{1}}, {"momentum", 0.75}, {"epsilon", 0.0}});
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(ToF64((*out)[0].tensor), (Doubles{-1, -1, 1, 1}));
  EXPECT_EQ(ToF64((*out)[1].tensor), (Doubles{0.5, 5}));
  EXPECT_EQ(ToF64((*out)[2].tensor), (Doubles{1, 25.75}));
  EXPECT_EQ(FailureOf(EvalOne(ops::kBatchNorm, {x, F64({3}, {1, 1, 1}), zero, zero, one})), "batch_norm.c2");
}

TEST(Norm, NeighboursAndUnitLength) {
  ExpectNear(
      Values(EvalOne(ops::kLrn, {F64({1, 4, 1}, {1, 2, 3, 4})}, {{"size", int64_t{3}}, {"alpha", 0.6}, {"beta", 0.5}})),
      {0.7071067811865475, 1.025978352085154, 1.1504474832710556, 1.6329931618554523});
  ExpectNear(Values(EvalOne(ops::kLpNorm, {F64({2, 2}, {3, 4, 0, 0})})), {0.6, 0.8, 0, 0});
  EXPECT_EQ(FailureOf(EvalOne(ops::kLrn, {F64({1, 1}, {1})}, {{"size", int64_t{0}}})), "lrn.c2");
}

TEST(Loss, WeighedMeanOfTheTargets) {
  const auto log = EvalOne(ops::kSoftmax, {F64({2, 3}, {1, 2, 3, 3, 2, 1})}, {{"mode", "log"}});
  ASSERT_TRUE(log.ok());
  const Tensor weight = F64({3}, {1, 2, 3});
  ExpectNear(Values(EvalOne(ops::kNllLoss, {*log, Tensor::I64({2}, {2, 1}), weight})), {0.8076059644443804});
  EXPECT_EQ(FailureOf(EvalOne(ops::kNllLoss, {*log, Tensor::I64({2}, {3, 1})})), "nll_loss.c3");
  EXPECT_EQ(Values(EvalOne(ops::kNllLoss, {*log, Tensor::I64({2}, {7, 7})},
                           {{"ignore_index", int64_t{7}}, {"reduction", "none"}})),
            (Doubles{0, 0}));
}

}  // namespace
}  // namespace godwit
