// Convolutions and poolings: figures computed by PyTorch, layouts against each other, and what must be refused.
#include <cmath>
#include <string>

#include "ops/eval_one.h"

namespace godwit {
namespace {

using test::EvalAll;
using test::EvalOne;
using test::Numbers;
using test::Values;
using Doubles = std::vector<double>;
using Ints = std::vector<int64_t>;

Tensor F32(Dims dims, const Doubles& v) { return Numbers(DType::kF32, std::move(dims), v); }
Tensor Counting(Dims dims, double first = 1) {
  Tensor t(DType::kF32, std::move(dims));
  for (int64_t i = 0; i < t.size(); ++i)
    t.mutable_data<float>()[i] = static_cast<float>(first + static_cast<double>(i));
  return t;
}
std::string FailureOf(const Result<Tensor>& result) { return result.ok() ? "none" : result.diag().id; }

TEST(Conv, StridesAndPads) {
  const Tensor w = F32({1, 1, 2, 2}, {1, 2, 3, -1});
  EXPECT_EQ(
      Values(EvalOne(ops::kConv, {Counting({1, 1, 4, 4}), w}, {{"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}})),
      (Doubles{-1, 3, 12, 1, 39, 44, 26, 44, 16}));
}

TEST(Conv, ChannelsLastIsTheSameConvolution) {
  // x[n][c][h][w] and x[n][h][w][c] hold the same picture, w likewise.
  const Tensor x = Counting({1, 2, 3, 4}), w = Counting({3, 2, 2, 2}, -5), bias = F32({3}, {1, -2, 3});
  Tensor x_last(DType::kF32, {1, 3, 4, 2}), w_last(DType::kF32, {2, 2, 2, 3});
  for (int c = 0; c < 2; ++c) {
    for (int p = 0; p < 12; ++p) x_last.mutable_data<float>()[p * 2 + c] = x.data<float>()[c * 12 + p];
    for (int o = 0; o < 3; ++o) {
      for (int p = 0; p < 4; ++p) {
        w_last.mutable_data<float>()[(p * 2 + c) * 3 + o] = w.data<float>()[(o * 2 + c) * 4 + p];
      }
    }
  }
  const Attrs window = {{"auto_pad", "same_lower"}, {"strides", Ints{2, 1}}};
  Attrs last = window;
  last.Set("channel_axis", int64_t{-1});
  last.Set("weight_layout", "hwio");
  const auto first = EvalOne(ops::kConv, {x, w, bias}, window);
  const auto moved = EvalOne(ops::kConv, {x_last, w_last, bias}, last);
  ASSERT_TRUE(first.ok() && moved.ok());
  ASSERT_EQ(first->dims(), (Dims{1, 3, 2, 4}));
  ASSERT_EQ(moved->dims(), (Dims{1, 2, 4, 3}));
  for (int c = 0; c < 3; ++c) {
    for (int p = 0; p < 8; ++p) EXPECT_EQ(first->data<float>()[c * 8 + p], moved->data<float>()[p * 3 + c]);
  }
}

TEST(Conv, BytesAccumulateIntoI32WithZeroPoints) {
  const auto y = EvalOne(ops::kConv, {Numbers(DType::kU8, {1, 1, 3, 3}, {1, 2, 3, 4, 250, 6, 7, 8, 9}),
                                      Numbers(DType::kI8, {1, 1, 2, 2}, {1, -2, 3, 4}), RtValue(),
                                      Numbers(DType::kU8, {}, {2}), Numbers(DType::kI8, {1}, {1})});
  ASSERT_TRUE(y.ok());
  EXPECT_EQ(y->dtype(), DType::kI32);
  EXPECT_EQ(Values(y), (Doubles{748, 505, -716, 21}));
}

TEST(Conv, RefusesWhatDoesNotFit) {
  const Tensor x = Counting({1, 4, 3, 3}), w = Counting({2, 4, 2, 2});
  EXPECT_EQ(FailureOf(EvalOne(ops::kConv, {x, Counting({2, 4, 2})})), "conv.c1");
  EXPECT_EQ(FailureOf(EvalOne(ops::kConv, {x, w}, {{"channel_axis", int64_t{0}}})), "conv.c1");
  EXPECT_EQ(FailureOf(EvalOne(ops::kConv, {x, w}, {{"weight_layout", "ooih"}})), "conv.c2");
  EXPECT_EQ(FailureOf(EvalOne(ops::kConv, {x, w}, {{"strides", Ints{0, 1}}})), "conv.c3");
  EXPECT_EQ(FailureOf(EvalOne(ops::kConv, {x, w}, {{"pads", Ints{1, 1}}})), "conv.c3");
  EXPECT_EQ(FailureOf(EvalOne(ops::kConv, {x, Counting({2, 4, 5, 2})})), "conv.c4");
  EXPECT_EQ(FailureOf(EvalOne(ops::kConv, {x, w}, {{"group", int64_t{3}}})), "conv.c5");
  EXPECT_EQ(FailureOf(EvalOne(ops::kConv, {x, w, Counting({3})})), "conv.c6");
  EXPECT_EQ(FailureOf(EvalOne(ops::kConv, {x, Numbers(DType::kF64, {1, 4, 1, 1}, {1, 2, 3, 4})})), "conv.c7");
  const Tensor bytes = Numbers(DType::kU8, {1, 1, 2}, {1, 2});
  EXPECT_EQ(FailureOf(EvalOne(ops::kConv, {bytes, bytes, RtValue(), Numbers(DType::kU8, {2}, {1, 2})})), "conv.c8");
}

TEST(Conv, TransposedSpreadsTheKernel) {
  const Tensor x = F32({1, 1, 2, 2}, {1, 2, 3, 4}), w = F32({1, 1, 2, 2}, {1, 2, 3, -1});
  EXPECT_EQ(Values(EvalOne(ops::kConvTranspose, {x, w}, {{"strides", Ints{2, 2}}, {"output_pads", Ints{1, 1}}})),
            (Doubles{1, 2, 2, 4, 0, 3, -1, 6, -2, 0, 3, 6, 4, 8, 0, 9, -3, 12, -4, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(FailureOf(EvalOne(ops::kConvTranspose, {x, w}, {{"pads", Ints{2, 0, 2, 0}}})), "conv_transpose.c4");
  EXPECT_EQ(FailureOf(EvalOne(ops::kConvTranspose, {x, Counting({2, 1, 2, 2})})), "conv_transpose.c5");
}

TEST(Conv, MovedTapsReadBetweenPixels) {
  const Tensor x = F32({1, 1, 2, 2}, {0, 4, 8, 12}), w = F32({1, 1, 1, 1}, {1});
  const Tensor half = F32({1, 2, 2, 2}, {0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25});
  // Half a row down and a quarter column right; what lies outside is zero.
  EXPECT_EQ(Values(EvalOne(ops::kDeformConv, {x, w, half})), (Doubles{5, 6, 4.5, 4.5}));
  EXPECT_EQ(FailureOf(EvalOne(ops::kDeformConv, {x, w, Counting({1, 2, 2, 1})})), "deform_conv.c7");
}

TEST(Pool, LargestElementAndItsPlace) {
  const Attrs attrs = {{"kernel", Ints{2, 2}}, {"strides", Ints{2, 2}}, {"ceil_mode", int64_t{1}}};
  const auto out = EvalAll(ops::kMaxPool, {Counting({1, 1, 5, 5}, 0)}, 2, attrs);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(ToF64((*out)[0].tensor), (Doubles{6, 8, 9, 16, 18, 19, 21, 23, 24}));
  EXPECT_EQ(ToF64((*out)[1].tensor), (Doubles{6, 8, 9, 16, 18, 19, 21, 23, 24}));
  Attrs column = attrs;
  column.Set("column_major", int64_t{1});
  const auto turned = EvalAll(ops::kMaxPool, {Counting({1, 1, 5, 5}, 0)}, 2, column);
  ASSERT_TRUE(turned.ok());
  EXPECT_EQ(ToF64((*turned)[1].tensor), (Doubles{6, 16, 21, 8, 18, 23, 9, 19, 24}));
}

TEST(Pool, MeanCountsPaddingOnlyWhenAsked) {
  Attrs attrs = {
      {"kernel", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}, {"ceil_mode", int64_t{1}}};
  EXPECT_EQ(Values(EvalOne(ops::kAvgPool, {Counting({1, 1, 4, 4})}, attrs)),
            (Doubles{3.5, 5, 6, 9.5, 11, 12, 13.5, 15, 16}));
  attrs.Set("count_pads", int64_t{1});
  const Doubles y = Values(EvalOne(ops::kAvgPool, {Counting({1, 1, 4, 4})}, attrs));
  const Doubles want = {14.0 / 9, 10.0 / 3, 2, 19.0 / 3, 11, 6, 4.5, 7.5, 4};
  ASSERT_EQ(y.size(), want.size());
  for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], want[i], 1e-6);
}

TEST(Pool, WindowsOfAnySizeCostNoMoreThanTheInput) {
  const int64_t huge = (int64_t{1} << 31) - 1;
  const Attrs attrs = {{"kernel", Ints{huge}}, {"pads", Ints{huge, huge}}, {"strides", Ints{huge}}};
  EXPECT_EQ(Values(EvalOne(ops::kAvgPool, {Counting({1, 1, 3})}, attrs)).size(), 2U);
  EXPECT_EQ(FailureOf(EvalOne(ops::kMaxPool, {Counting({1, 1, 3})}, {{"kernel", Ints{huge}}})), "max_pool.c3");
  EXPECT_EQ(FailureOf(EvalOne(ops::kMaxPool, {Counting({1, 1, 3})}, {{"kernel", Ints{huge + 1}}})), "max_pool.c3");
  EXPECT_EQ(FailureOf(EvalOne(ops::kMaxPool, {Counting({1, 1, 3})}, {{"kernel", Ints{1, 1}}})), "max_pool.c2");
}

}  // namespace
}  // namespace godwit
