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

TEST(TransposeOnce, BehindWhatIsDoneElementByElement) {
  const auto c = CheckSimplify(R"(const %two: f32[] = [2.0]
  main (%x: f32[N,2,3], %z: f32[N,2,3]) {
    %a: f32[N,3,2] = transpose(%x, perm=[0,2,1])
    %b: f32[N,3,2] = mul(%a, %a)
    %c: f32[N,3,2] = transpose(%z, perm=[0,2,1])
    %d: f32[N,3,2] = relu(%c)
    %e: f32[N,3,2] = mul(%two, %d)
    %y: f32[N,3,2] = sub(%b, %e)
    yield(%y)
  })",
                               Only({"transpose-once"}));
  EXPECT_EQ(CountOps(c.graph, "transpose"), 1);
  EXPECT_EQ(CountOps(c.graph, "sub"), 1);
}

TEST(TransposeOnce, NotOfOtherAxesOrReaders) {
  const auto c = CheckSimplify(R"(main (%x: f32[N,2,2], %z: f32[N,2,2]) {
    %a: f32[N,2,2] = transpose(%x, perm=[0,2,1])
    %c: f32[N,2,2] = transpose(%z, perm=[0,2,1])
    %y: f32[N,2,2] = sub(%a, %c)
    %w: f32[2,2,N] = transpose(%x, perm=[2,1,0])
    %v: f32[2,2,N] = transpose(%z, perm=[1,2,0])
    %t: f32[2,2,N] = add(%w, %v)
    yield(%y, %a, %t)
  })",
                               Only({"transpose-once"}));
  EXPECT_EQ(CountOps(c.graph, "transpose"), 4);
}

}  // namespace
}  // namespace godwit
