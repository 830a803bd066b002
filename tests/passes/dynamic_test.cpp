// Sizes known in terms of each other.
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;

TEST(Dynamic, ExpandKeepsUnknownDims) {
  const auto c = CheckSimplify(R"(const %four: i64[1] = [4]
    main (%x: f32[N,1,M]) {
      %n: i64[1] = shape_of(%x, start=0, end=1)
      %m: i64[1] = shape_of(%x, start=2, end=3)
      %s: i64[3] = concat(%n, %four, %m, axis=0)
      %y: f32[N,4,M] = expand(%x, %s)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(c.graph), 1);
  const auto kept = CheckSimplify(R"(main (%x: f32[1,3], %z: f32[N,3]) {
      %s: i64[2] = shape_of(%z)
      %y: f32[N,3] = expand(%x, %s)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(kept.graph), 2);
}

TEST(Dynamic, SlicesFromTheEnd) {
  const auto c = CheckSimplify(R"(const %one: i64[1] = [1]
    const %a: i64[1] = [1]
    main (%x: f32[2,N + 3]) {
      %n: i64[1] = shape_of(%x, start=1, end=2)
      %e: i64[1] = sub(%n, %one)
      %y: f32[2,N + 1] = slice(%x, %one, %e, %a)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(c.graph), 1);
  // A dim of 1 has nothing three before its end: the sum may be negative, and negative positions count from the end.
  const auto kept = CheckSimplify(R"(const %three: i64[1] = [3]
    const %zero: i64[1] = [0]
    const %a: i64[1] = [1]
    main (%x: f32[2,N]) {
      %n: i64[1] = shape_of(%x, start=1, end=2)
      %e: i64[1] = sub(%n, %three)
      %y: f32[*] = slice(%x, %zero, %e, %a)
      yield(%y)
    })");
  EXPECT_GT(CountNodes(kept.graph), 1);
}

TEST(Dynamic, ResizeToWholeMultiples) {
  const auto c = CheckSimplify(R"(const %two: i64[2] = [2,3]
    main (%x: f32[N,3,H,W]) {
      %f: i64[2] = shape_of(%x, start=0, end=2)
      %b: i64[2] = shape_of(%x, start=2)
      %m: i64[2] = mul(%b, %two)
      %s: i64[4] = concat(%f, %m, axis=0)
      %y: f32[N,3,2*H,3*W] = resize(%x, %s, mode="linear")
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(c.graph), 1);
  const auto kept = CheckSimplify(R"(main (%x: f32[N,3,H,W], %z: f32[N,3,K,L]) {
      %s: i64[4] = shape_of(%z)
      %y: f32[N,3,K,L] = resize(%x, %s, mode="linear")
      yield(%y)
    })");
  EXPECT_EQ(CountOps(kept.graph, "shape_of"), 1);
}

TEST(Dynamic, PartsOfShapes) {
  const auto c = CheckSimplify(R"(const %zero: i64[] = [0]
    const %one: i64[] = [1]
    const %axis: i64[1] = [0]
    const %l: i64[1] = [2]
    const %h: i64[1] = [9]
    main (%x: f32[A,B,C,D], %z: f32[A*B,C*D]) {
      %s: i64[4] = shape_of(%x)
      %a: i64[] = gather(%s, %zero)
      %b: i64[] = gather(%s, %one)
      %a1: i64[1] = unsqueeze(%a, %axis)
      %b1: i64[1] = unsqueeze(%b, %axis)
      %r: i64[2] = slice(%s, %l, %h)
      %t: i64[4] = concat(%a1, %b1, %r, axis=0)
      %y: f32[A,B,C,D] = reshape(%z, %t)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(c.graph), 2);
}

TEST(Dynamic, UnusedResults) {
  const auto c = CheckSimplify(R"(const %s: f32[3] = [1.0,2.0,3.0]
    main (%x: f32[N,3]) {
      %y: f32[N,3], %m: f32[N,1] = layer_norm(%x, %s)
      yield(%y)
    })",
                               {}, test::Same::kClose);
  EXPECT_EQ(c.report.rewrites.at("unused-results"), 1);
}

}  // namespace
}  // namespace godwit
