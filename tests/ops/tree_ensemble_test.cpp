// Trees, dictionaries and maps: what they give, and that lists which do not form trees are refused.
#include <cmath>

#include "ops/eval_one.h"
#include "support/temp_dir.h"

namespace godwit {
namespace {

using test::EvalAll;
using test::EvalOne;
using test::Numbers;
using test::Texts;
using test::Values;
using testing::IdOf;
using Doubles = std::vector<double>;
using Ints = std::vector<int64_t>;

// x0 <= 1 ? (x1 in {2, 5} ? leaf 0 : leaf 1) : leaf 2
Attrs TwoLevels() {
  return {{"features", Ints{0, 1}},          {"modes", Ints{0, 6}},         {"splits", Doubles{1, 0}},
          {"on_true", Ints{1, -1}},          {"on_false", Ints{-3, -2}},    {"missing_is_true", Ints{1, 0}},
          {"set_starts", Ints{0, 0, 2}},     {"members", Doubles{2, 5}},    {"roots", Ints{0}},
          {"leaf_starts", Ints{0, 1, 2, 4}}, {"targets", Ints{0, 0, 0, 1}}, {"weights", Doubles{10, 20, 30, 40}},
          {"n_targets", int64_t{2}},         {"dtype", DType::kF32}};
}

TEST(TreeEnsemble, WalksToLeaves) {
  const Tensor x = Numbers(DType::kF32, {4, 2}, {0, 5, 1, 3, 2, 2, std::nan(""), 2});
  EXPECT_EQ(Values(EvalOne(ops::kTreeEnsemble, {x}, TwoLevels())), (Doubles{10, 0, 20, 0, 30, 40, 10, 0}));
}

TEST(TreeEnsemble, AggregatesOverTrees) {
  Attrs attrs = TwoLevels();
  attrs.Set("roots", Ints{0, -2});  // the second tree is leaf 1
  const Tensor x = Numbers(DType::kF32, {1, 2}, {0, 5});
  for (const auto& [how, want] : {std::pair("sum", 30), {"average", 15}, {"min", 10}, {"max", 20}}) {
    attrs.Set("aggregate", std::string(how));
    EXPECT_EQ(Values(EvalOne(ops::kTreeEnsemble, {x}, attrs)), (Doubles{static_cast<double>(want), 0})) << how;
  }
}

TEST(TreeEnsemble, RefusesWhatIsNoTree) {
  const Tensor x = Numbers(DType::kF32, {1, 2}, {0, 5});
  const auto with = [&](const char* name, AttrValue value) {
    Attrs attrs = TwoLevels();
    attrs.Set(name, std::move(value));
    return IdOf(EvalOne(ops::kTreeEnsemble, {x}, attrs));
  };
  EXPECT_EQ(with("on_true", Ints{0, -1}), "tree_ensemble.c2");    // points back at itself
  EXPECT_EQ(with("on_false", Ints{-4, -2}), "tree_ensemble.c2");  // no such leaf
  EXPECT_EQ(with("roots", Ints{2}), "tree_ensemble.c2");
  EXPECT_EQ(with("targets", Ints{0, 0, 0, 2}), "tree_ensemble.c2");
  EXPECT_EQ(with("leaf_starts", Ints{0, 3, 2, 4}), "tree_ensemble.c2");
  EXPECT_EQ(with("set_starts", Ints{0, 0, 3}), "tree_ensemble.c2");
  EXPECT_EQ(with("features", Ints{0, 2}), "tree_ensemble.c1");
  EXPECT_EQ(with("aggregate", std::string("median")), "tree_ensemble.c3");
}

TEST(LabelEncode, FindsNaNAndText) {
  const Tensor keys = Numbers(DType::kF32, {2}, {std::nan(""), -0.0});
  const Attrs attrs{{"keys", keys}, {"values", Texts({2}, {"none", "zero"})}, {"fallback", Texts({1}, {"other"})}};
  EXPECT_EQ(test::TextValues(EvalOne(ops::kLabelEncode, {Numbers(DType::kF32, {3}, {0, std::nan(""), 1})}, attrs)),
            (std::vector<std::string>{"zero", "none", "other"}));
  EXPECT_EQ(IdOf(EvalOne(ops::kLabelEncode, {Numbers(DType::kI64, {1}, {0})}, attrs)), "label_encode.c1");
}

TEST(ZipMap, OneMapARow) {
  const auto out =
      EvalAll(ops::kZipMap, {Numbers(DType::kF32, {2, 2}, {1, 2, 3, 4})}, 1, {{"keys", Texts({2}, {"a", "b"})}});
  ASSERT_TRUE(out.ok());
  const auto& maps = *(*out)[0].sequence;
  ASSERT_EQ(maps.size(), 2U);
  EXPECT_EQ(*maps[1].map->keys.data<StringRef>()[0], "a");
  EXPECT_EQ(ToF64(maps[1].map->values[1].tensor), (Doubles{4}));
  EXPECT_EQ(IdOf(EvalAll(ops::kZipMap, {Numbers(DType::kF32, {1, 1}, {1})}, 1, {{"keys", Texts({2}, {"a", "b"})}})),
            "zip_map.c1");
}

}  // namespace
}  // namespace godwit
