// Transposes between views.
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountOps;
using test::Only;

TEST(ShedOnes, BetweenViews) {
  const auto c = CheckSimplify(R"(const %a: i64[4] = [1,-1,4,1]
  const %b: i64[2] = [4,-1]
  const %c: i64[3] = [2,2,-1]
  main (%x: f32[N,2,2]) {
    %p: f32[1,N,4,1] = reshape(%x, %a)
    %q: f32[4,1,N,1] = transpose(%p, perm=[2,0,1,3])
    %y: f32[4,N] = reshape(%q, %b)
    %z: f32[2,2,N] = reshape(%q, %c)
    yield(%y, %z)
  })",
                               Only({"shed-ones", "merge-views"}));
  EXPECT_EQ(CountOps(c.graph, "transpose"), 1);
  EXPECT_EQ(CountOps(c.graph, "reshape"), 2);
}

TEST(ShedOnes, NotWhereTheShapeIsWanted) {
  const auto c = CheckSimplify(R"(const %a: i64[3] = [1,-1,4]
  main (%x: f32[N,2,2]) {
    %p: f32[1,N,4] = reshape(%x, %a)
    %y: f32[4,1,N] = transpose(%p, perm=[2,0,1])
    yield(%y)
  })",
                               Only({"shed-ones"}));
  EXPECT_EQ(CountOps(c.graph, "reshape"), 1);
}

}  // namespace
}  // namespace godwit
