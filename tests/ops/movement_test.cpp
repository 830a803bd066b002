// Data movement against results of NumPy, and the refusals of bad indices, axes and sizes.
#include <gtest/gtest.h>

#include "ops/eval_one.h"

namespace godwit {
namespace {

using test::EvalAll;
using test::EvalOne;
using test::Numbers;
using test::Texts;
using test::TextValues;
using test::Values;
using Ints = std::vector<int64_t>;
using Reals = std::vector<double>;

Tensor Count(DType dtype, Dims dims) {
  Reals values(static_cast<size_t>(ElementCount(dims)));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  return Numbers(dtype, std::move(dims), values);
}
Tensor I64s(const Ints& values) { return Tensor::I64({static_cast<int64_t>(values.size())}, values); }
std::string Refusal(const OpDef& op, std::vector<RtValue> in, Attrs attrs = {}) {
  const auto result = EvalOne(op, std::move(in), std::move(attrs));
  return result.ok() ? "" : result.diag().id;
}

TEST(Movement, TransposeOfEverySize) {
  for (DType dtype : {DType::kU8, DType::kF16, DType::kF32, DType::kF64, DType::kC128}) {
    const Tensor x = Count(dtype, {3, 40, 35});
    const auto y = EvalOne(ops::kTranspose, {x}, {{"perm", Ints{2, 0, 1}}});
    ASSERT_TRUE(y.ok());
    const Reals before = ToF64(x), after = ToF64(*y);
    for (int64_t i = 0; i < 3; ++i) {
      for (int64_t j = 0; j < 40; ++j) {
        for (int64_t k = 0; k < 35; ++k) {
          ASSERT_EQ(after[static_cast<size_t>((k * 3 + i) * 40 + j)],
                    before[static_cast<size_t>((i * 40 + j) * 35 + k)]);
        }
      }
    }
  }
  EXPECT_EQ(Refusal(ops::kTranspose, {Count(DType::kF32, {2, 2})}, {{"perm", Ints{0, 0}}}), "transpose.c1");
}

TEST(Movement, SliceClampsAndReverses) {
  const Tensor x = Count(DType::kI32, {4, 5});
  EXPECT_EQ(Values(EvalOne(ops::kSlice, {x, I64s({1, -1}), I64s({1000, -100}), I64s({0, 1}), I64s({2, -2})})),
            (Reals{9, 7, 5, 19, 17, 15}));
  EXPECT_EQ(Values(EvalOne(ops::kSlice, {x, I64s({3}), I64s({1})})), Reals{});
  EXPECT_EQ(Values(EvalOne(ops::kSlice, {x, I64s({INT64_MAX}), I64s({INT64_MIN}), I64s({0}), I64s({INT64_MIN})})),
            (Reals{15, 16, 17, 18, 19}));
  EXPECT_EQ(Values(EvalOne(ops::kSlice, {x, I64s({-99}), I64s({-99}), I64s({1}), I64s({-1})})), (Reals{0, 5, 10, 15}));
  EXPECT_EQ(Refusal(ops::kSlice, {x, I64s({0}), I64s({1}), I64s({0}), I64s({0})}), "slice.c3");
  EXPECT_EQ(Refusal(ops::kSlice, {x, I64s({0, 0}), I64s({1, 1}), I64s({0, -2})}), "slice.c2");
  EXPECT_EQ(Refusal(ops::kSlice, {x, I64s({0}), I64s({1, 2})}), "slice.c1");
}

TEST(Movement, GatherChecksIndices) {
  const Tensor x = Texts({3}, {"a", "b", "c"});
  EXPECT_EQ(TextValues(EvalOne(ops::kGather, {x, I64s({-1, 0, 2})})), (std::vector<std::string>{"c", "a", "c"}));
  EXPECT_EQ(Refusal(ops::kGather, {x, I64s({3})}), "gather.c2");
  EXPECT_EQ(Refusal(ops::kGather, {x, I64s({-4})}), "gather.c2");
  EXPECT_EQ(Refusal(ops::kGather, {x, I64s({0})}, {{"axis", int64_t{1}}}), "gather.c1");
  EXPECT_EQ(Refusal(ops::kGather, {x, I64s({-1})}, {{"from_start", int64_t{1}}}), "gather.c2");
  EXPECT_EQ(Refusal(ops::kGatherNd, {x, Tensor::I64({1, 1}, {-1})}, {{"from_start", int64_t{1}}}), "gather_nd.c2");
  EXPECT_EQ(Refusal(ops::kGatherElements, {x, Tensor::I64({1}, {5})}), "gather_elements.c2");
  EXPECT_EQ(Refusal(ops::kGatherNd, {x, Tensor::I64({1, 2}, {0, 0})}), "gather_nd.c4");
}

TEST(Movement, ScatterCombines) {
  const Tensor x = Numbers(DType::kU8, {4}, {250, 2, 3, 4});
  const Tensor at = I64s({0, 0, -1});
  const Tensor updates = Numbers(DType::kU8, {3}, {3, 4, 9});
  const auto with = [&](const char* how) {
    return Values(EvalOne(ops::kScatterElements, {x, at, updates}, {{"reduction", std::string(how)}}));
  };
  EXPECT_EQ(with("none"), (Reals{4, 2, 3, 9}));
  EXPECT_EQ(with("add"), (Reals{1, 2, 3, 13}));
  EXPECT_EQ(with("mul"), (Reals{static_cast<double>(250 * 12 % 256), 2, 3, 36}));
  EXPECT_EQ(with("max"), (Reals{250, 2, 3, 9}));
  EXPECT_EQ(with("min"), (Reals{3, 2, 3, 4}));
  EXPECT_EQ(Refusal(ops::kScatterElements, {x, I64s({0, 0, 4}), updates}), "scatter_elements.c2");
  EXPECT_EQ(Refusal(ops::kScatterElements, {x, I64s({0}), updates}), "scatter_elements.c4");
  EXPECT_EQ(Refusal(ops::kScatterNd, {x, Tensor::I64({1, 1}, {9}), Numbers(DType::kU8, {1}, {1})}), "scatter_nd.c2");
  const Tensor cache = Count(DType::kF32, {1, 3, 1});
  const Tensor rows = Numbers(DType::kF32, {1, 2, 1}, {7, 8});
  EXPECT_EQ(Values(EvalOne(ops::kTensorScatter, {cache, rows, I64s({2})}, {{"circular", int64_t{1}}})),
            (Reals{8, 1, 7}));
  EXPECT_EQ(Refusal(ops::kTensorScatter, {cache, rows, I64s({2})}), "tensor_scatter.c2");
}

TEST(Movement, PadInEveryMode) {
  const Tensor x = Count(DType::kF32, {3});
  const auto with = [&](const char* mode, const Ints& pads) {
    return Values(EvalOne(ops::kPad, {x, I64s(pads)}, {{"mode", std::string(mode)}}));
  };
  EXPECT_EQ(with("constant", {2, -1}), (Reals{0, 0, 0, 1}));
  EXPECT_EQ(with("edge", {2, 1}), (Reals{0, 0, 0, 1, 2, 2}));
  EXPECT_EQ(with("reflect", {5, 1}), (Reals{1, 0, 1, 2, 1, 0, 1, 2, 1}));
  EXPECT_EQ(with("reflect", {1, -1}), (Reals{1, 0, 1}));
  EXPECT_EQ(with("wrap", {4, 2}), (Reals{2, 0, 1, 2, 0, 1, 2, 0, 1}));
  EXPECT_EQ(Refusal(ops::kPad, {x, I64s({1})}), "pad.c1");
  EXPECT_EQ(Refusal(ops::kPad, {x, I64s({-2, -2})}), "pad.c3");
  EXPECT_EQ(Refusal(ops::kPad, {x, I64s({INT64_MAX, INT64_MAX})}), "pad.c3");
  EXPECT_FALSE(Refusal(ops::kPad, {x, I64s({INT64_MAX / 2, 0})}).empty());
  EXPECT_EQ(Refusal(ops::kPad, {Count(DType::kF32, {0}), I64s({1, 0})}, {{"mode", std::string("edge")}}), "pad.c4");
}

TEST(Movement, SizesThatCannotBeAreRefused) {
  const Tensor one = Numbers(DType::kF32, {1}, {1});
  EXPECT_FALSE(Refusal(ops::kExpand, {one, I64s({INT64_MAX / 8, 1024})}).empty());
  EXPECT_EQ(Refusal(ops::kExpand, {one, I64s({-1})}), "expand.c2");
  EXPECT_EQ(Refusal(ops::kTile, {Count(DType::kF32, {2}), I64s({INT64_MAX})}), "tile.c2");
  EXPECT_EQ(Refusal(ops::kReshape, {Count(DType::kF32, {4}), I64s({INT64_MAX, INT64_MAX})}), "reshape.c2");
  EXPECT_EQ(Values(EvalOne(ops::kReshape, {Count(DType::kF32, {0, 3}), I64s({3, 4, 0})}, {{"allow_zero", int64_t{1}}})),
            Reals{});
  EXPECT_EQ(Refusal(ops::kSqueeze, {Count(DType::kF32, {2, 1}), I64s({0})}), "squeeze.c2");
  EXPECT_EQ(Refusal(ops::kUnsqueeze, {one, I64s({0, 0})}), "unsqueeze.c1");
  EXPECT_EQ(Refusal(ops::kConcat, {one, Count(DType::kF32, {1, 1})}, {{"axis", int64_t{0}}}), "concat.c2");
  EXPECT_EQ(Refusal(ops::kTopK, {one, I64s({2})}), "top_k.c2");
  EXPECT_EQ(Refusal(ops::kOneHot, {one, I64s({-1}), Count(DType::kF32, {2})}), "one_hot.c2");
}

TEST(Movement, TopKBreaksTiesByIndex) {
  const Tensor x = Numbers(DType::kF32, {5}, {1, 3, 2, 3, 1});
  const auto out = EvalAll(ops::kTopK, {x, I64s({4})}, 2);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(ToF64((*out)[0].tensor), (Reals{3, 3, 2, 1}));
  EXPECT_EQ(ToF64((*out)[1].tensor), (Reals{1, 3, 2, 0}));
}

TEST(Movement, UniqueStrings) {
  const auto out = EvalAll(ops::kUnique, {Texts({4}, {"b", "a", "b", "c"})}, 4, {{"sorted", int64_t{0}}});
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(TextValues((*out)[0].tensor), (std::vector<std::string>{"b", "a", "c"}));
  EXPECT_EQ(ToF64((*out)[1].tensor), (Reals{0, 1, 3}));
  EXPECT_EQ(ToF64((*out)[2].tensor), (Reals{0, 1, 0, 2}));
  EXPECT_EQ(ToF64((*out)[3].tensor), (Reals{2, 1, 1}));
}

TEST(Movement, DepthToSpaceInAnyLayout) {
  const Tensor x = Count(DType::kF32, {1, 8, 1, 2});
  EXPECT_EQ(Values(EvalOne(ops::kDepthToSpace, {x}, {{"block", int64_t{2}}})),
            (Reals{0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15}));
  EXPECT_EQ(Values(EvalOne(ops::kDepthToSpace, {x}, {{"block", int64_t{2}}, {"channels_first", int64_t{1}}})),
            (Reals{0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15}));
  // The same in channels-last order, against transpositions around the first.
  const auto last = EvalOne(ops::kTranspose, {x}, {{"perm", Ints{0, 2, 3, 1}}});
  const auto moved = EvalOne(ops::kDepthToSpace, {*last}, {{"block", int64_t{2}}, {"channel_axis", int64_t{3}}});
  EXPECT_EQ(Values(EvalOne(ops::kTranspose, {*moved}, {{"perm", Ints{0, 3, 1, 2}}})),
            (Reals{0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15}));
}

TEST(Movement, ResizeKeepsIntegersExact) {
  const Tensor x = Numbers(DType::kU8, {3}, {0, 10, 255});
  EXPECT_EQ(Values(EvalOne(ops::kResize, {x, I64s({5})},
                           {{"mode", std::string("linear")}, {"coordinates", std::string("align_corners")}})),
            (Reals{0, 5, 10, 132, 255}));
  EXPECT_EQ(TextValues(EvalOne(ops::kResize, {Texts({2}, {"a", "b"}), I64s({4})})),
            (std::vector<std::string>{"a", "a", "b", "b"}));
  EXPECT_EQ(Refusal(ops::kResize, {x}), "resize.c1");
  EXPECT_EQ(Refusal(ops::kResize, {x, I64s({-1})}), "resize.c3");
  EXPECT_FALSE(Refusal(ops::kResize, {x, I64s({INT64_MAX / 2})}).empty());
}

TEST(Movement, StringsAreCutAndNormalised) {
  const auto out = EvalAll(ops::kStringSplit, {Texts({2}, {" a  b c ", ""})}, 2, {{"most", int64_t{1}}});
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(TextValues((*out)[0].tensor), (std::vector<std::string>{"a", "b c", "", ""}));
  EXPECT_EQ(ToF64((*out)[1].tensor), (Reals{2, 0}));
  EXPECT_EQ(TextValues(EvalOne(ops::kStringNormalize, {Texts({3}, {"Ünder", "the", "Ελιά"})},
                               {{"case", std::string("upper")}, {"stop_words", std::vector<std::string>{"THE"}}})),
            (std::vector<std::string>{"ÜNDER", "ΕΛΙΆ"}));
  EXPECT_EQ(Refusal(ops::kRegexFullMatch, {Texts({1}, {"a"})}, {{"pattern", std::string("(")}}), "regex_full_match.c1");
}

TEST(Movement, SequencesCheckPositions) {
  const RtValue sequence = RtValue::Sequence({RtValue(I64s({1})), RtValue(I64s({2}))});
  EXPECT_EQ(Values(EvalOne(ops::kSequenceAt, {sequence, Tensor::ScalarI64(-1)})), Reals{2});
  EXPECT_EQ(Refusal(ops::kSequenceAt, {sequence, Tensor::ScalarI64(2)}), "sequence_at.c2");
  EXPECT_EQ(Refusal(ops::kSequenceAt, {RtValue(I64s({1})), Tensor::ScalarI64(0)}), "sequence_at.c1");
  EXPECT_EQ(Refusal(ops::kOptionalGet, {RtValue::None()}), "optional_get.c1");
  EXPECT_EQ(Values(EvalOne(ops::kConcatFromSequence, {sequence}, {{"axis", int64_t{0}}})), (Reals{1, 2}));
}

}  // namespace
}  // namespace godwit
