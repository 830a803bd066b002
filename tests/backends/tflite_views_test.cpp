// Transposes between views are written over as few axes as say the same, and give the same elements.
#include <gtest/gtest.h>

#include <numeric>

#include "backends/tflite_written.h"
#include "base/text.h"
#include "exec/session.h"

namespace godwit {
namespace {

struct Moved {
  std::string ops;
  size_t rank = 0;
  bool same = false;
};

Moved Move(const Dims& dims, const std::vector<int64_t>& perm, bool narrow) {
  Dims turned;
  for (const int64_t p : perm) turned.push_back(dims[static_cast<size_t>(p)]);
  const int64_t size = ElementCount(dims);
  const auto list = [](const std::vector<int64_t>& values) {
    std::string text;
    for (const int64_t v : values) text += Concat(text.empty() ? "" : ",", std::to_string(v));
    return text;
  };
  const std::string n = std::to_string(size), rank = std::to_string(dims.size());
  const Graph graph = test::ParsedGraph(Concat(
      "graph g {\n const %a: i64[", rank, "] = [", list(dims), "]\n const %b: i64[1] = [", n, "]\n main (%x: f32[", n,
      "]) {\n %p: f32[", list(dims), "] = reshape(%x, %a)\n %t: f32[", list(turned), "] = transpose(%p, perm=[",
      list(perm), "])\n %y: f32[", n, "] = reshape(%t, %b)\n yield(%y as y)\n }\n}"));
  targets::TfliteProfile profile;
  if (narrow) profile.require = {"rank<=4"};
  const test::WrittenTflite written = test::WriteTflite(graph, {profile});
  const Graph back = test::ReadTflite(written);
  std::vector<float> values(static_cast<size_t>(size));
  std::iota(values.begin(), values.end(), 0.0F);
  Session ours(graph, {}), theirs(back, {});
  const auto want = ours.Run({Tensor::F32({size}, values)}), got = theirs.Run({Tensor::F32({size}, values)});
  EXPECT_TRUE(want.ok() && got.ok());
  return {written.Ops(), written.Rank(),
          want.ok() && got.ok() &&
              std::equal((*want)[0].tensor.raw(), (*want)[0].tensor.raw() + size * 4, (*got)[0].tensor.raw())};
}

TEST(TfliteViews, NeighboursAreMovedTogether) {
  for (const bool narrow : {false, true}) {
    const Moved out = Move({3, 3, 8, 5, 7}, {0, 2, 1, 3, 4}, narrow);
    EXPECT_EQ(out.ops, "RESHAPE TRANSPOSE RESHAPE");
    EXPECT_EQ(out.rank, 4U);
    EXPECT_TRUE(out.same);
  }
  const Moved ones = Move({1, 2, 1, 3, 4, 1}, {4, 0, 3, 1, 2, 5}, false);
  EXPECT_EQ(ones.ops, "RESHAPE TRANSPOSE RESHAPE");
  EXPECT_EQ(ones.rank, 3U);
  EXPECT_TRUE(ones.same);
}

TEST(TfliteViews, MoreAxesAreMovedInSteps) {
  const Moved whole = Move({2, 3, 4, 5, 6}, {1, 3, 2, 4, 0}, false);
  EXPECT_EQ(whole.ops, "RESHAPE TRANSPOSE RESHAPE");
  EXPECT_EQ(whole.rank, 5U);
  for (const std::vector<int64_t>& perm :
       {std::vector<int64_t>{1, 3, 2, 4, 0}, {4, 3, 2, 1, 0}, {2, 4, 1, 3, 0}, {3, 0, 4, 2, 1}}) {
    const Moved steps = Move({2, 3, 4, 5, 6}, perm, true);
    EXPECT_EQ(steps.ops, "RESHAPE TRANSPOSE RESHAPE TRANSPOSE RESHAPE");
    EXPECT_LE(steps.rank, 4U);
    EXPECT_TRUE(steps.same);
  }
}

std::string OperatorsOf(std::string_view text) { return test::WriteTflite(test::ParsedGraph(text)).Ops(); }

// Rows reshape for themselves: two reshapes that meet are one, and the one that nobody needs goes.
TEST(TfliteViews, ReshapesOfNeighboursAreOne) {
  EXPECT_EQ(OperatorsOf(R"(graph g {
  const %a: i64[3] = [2,1,6]
  const %b: i64[2] = [4,3]
  main (%x: f32[2,6]) {
    %p: f32[2,1,6] = reshape(%x, %a)
    %q: f32[4,3] = reshape(%p, %b)
    %y: f32[4,3] = tanh(%q)
    yield(%y as y)
  }
})"),
            "RESHAPE TANH");
  EXPECT_EQ(OperatorsOf(R"(graph g {
  const %a: i64[3] = [2,1,6]
  const %b: i64[2] = [4,3]
  main (%x: f32[2,6]) {
    %p: f32[2,1,6] = reshape(%x, %a)
    %q: f32[4,3] = reshape(%p, %b)
    yield(%p as p, %q as q)
  }
})"),
            "RESHAPE RESHAPE");
}

}  // namespace
}  // namespace godwit
