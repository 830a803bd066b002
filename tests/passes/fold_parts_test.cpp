// Parts of one tensor.
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;
using test::Only;

TEST(SlicesToSplit, WhereTheyTile) {
  const auto c = CheckSimplify(R"(const %a: i64[1] = [0]
  const %b: i64[1] = [2]
  const %c: i64[1] = [-1]
  const %e: i64[1] = [9223372036854775807]
  const %axis: i64[1] = [-1]
  main (%x: f32[N,5]) {
    %r: f32[N,1] = slice(%x, %c, %e, %axis)
    %p: f32[N,2] = slice(%x, %a, %b, %axis)
    %q: f32[N,2] = slice(%x, %b, %c, %axis)
    yield(%p, %q, %r)
  })",
                               Only({"slices-to-split"}));
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(SlicesToSplit, NotWithGapsStepsOrOverlaps) {
  const auto c = CheckSimplify(R"(const %a: i64[1] = [0]
  const %b: i64[1] = [2]
  const %c: i64[1] = [4]
  const %e: i64[1] = [5]
  const %axis: i64[1] = [1]
  main (%x: f32[N,5]) {
    %p: f32[N,2] = slice(%x, %a, %b, %axis)
    %q: f32[N,2] = slice(%x, %b, %c, %axis)
    %r: f32[N,2] = slice(%x, %b, %e, %axis, %b)
    yield(%p, %q, %r)
  })",
                               Only({"slices-to-split"}));
  EXPECT_EQ(CountNodes(c.graph), 3);
}

TEST(SqueezedPart, OfSplitAndSlice) {
  const auto c = CheckSimplify(R"(const %zero: i64[1] = [0]
  const %one: i64[1] = [1]
  const %shape: i64[2] = [-1,4]
  main (%x: f32[2,N,4], %z: f32[3,N,4]) {
    %a: f32[1,N,4], %b: f32[1,N,4] = split(%x, axis=0)
    %p: f32[N,4] = squeeze(%a, %zero)
    %q: f32[N,4] = squeeze(%b, %zero)
    %c: f32[1,N,4] = slice(%z, %zero, %one, %zero)
    %r: f32[N,4] = reshape(%c, %shape)
    yield(%p, %q, %r)
  })",
                               Only({"squeezed-part"}));
  EXPECT_EQ(CountOps(c.graph, "gather"), 3);
  EXPECT_EQ(CountNodes(c.graph), 3);
}

TEST(SqueezedPart, NotWhereAPartKeepsItsAxis) {
  const auto c = CheckSimplify(R"(const %zero: i64[1] = [0]
  main (%x: f32[2,N,4]) {
    %a: f32[1,N,4], %b: f32[1,N,4] = split(%x, axis=0)
    %p: f32[N,4] = squeeze(%a, %zero)
    yield(%p, %b)
  })",
                               Only({"squeezed-part"}));
  EXPECT_EQ(CountNodes(c.graph), 2);
}

// Weights that a model splits are split before it runs.
TEST(FoldConstants, PartsOfAConstant) {
  const auto c = CheckSimplify(R"(const %w: f32[2,3] = [1.0,2.0,3.0,-4.0,0.5,0.25]
  const %sizes: i64[2] = [1,2]
  main (%x: f32[N,2]) {
    %a: f32[2,1], %b: f32[2,2] = split(%w, %sizes, axis=1)
    %y: f32[N,1] = matmul(%x, %a)
    %z: f32[N,2] = matmul(%x, %b)
    yield(%y, %z)
  })",
                               Only({"fold-constants"}));
  EXPECT_EQ(CountOps(c.graph, "split"), 0);
  EXPECT_EQ(CountNodes(c.graph), 2);
}

}  // namespace
}  // namespace godwit
