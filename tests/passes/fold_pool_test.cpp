// Poolings and reductions over what they could do themselves.
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;
using test::Only;
using test::Same;

TEST(DropKeptAxes, BehindAMean) {
  const auto c = CheckSimplify(R"(const %axes: i64[2] = [2,-1]
  const %shape: i64[2] = [0,3]
  const %other: i64[3] = [0,3,1]
  main (%x: f32[N,3,4,H]) {
    %a: f32[N,3,1,1] = reduce(%x, %axes, mode="mean")
    %y: f32[N,3] = flatten(%a)
    %b: f32[N,3,1,1] = reduce(%x, %axes, mode="max")
    %z: f32[N,3,1] = reshape(%b, %other)
    yield(%y, %z)
  })",
                               Only({"drop-kept-axes"}));
  EXPECT_EQ(CountNodes(c.graph), 3);
}

TEST(ReduceTransposed, WhereTheRestIsInOrder) {
  const auto c = CheckSimplify(R"(const %axes: i64[2] = [1,2]
  const %last: i64[1] = [-1]
  main (%x: f32[N,3,4,5]) {
    %a: f32[N,4,5,3] = transpose(%x, perm=[0,2,3,1])
    %y: f32[N,3] = reduce(%a, %axes, mode="max", keep_dims=0)
    %b: f32[5,4,N,3] = transpose(%x, perm=[3,2,0,1])
    %z: f32[5,4,N] = reduce(%b, %last, mode="max", keep_dims=0)
    yield(%y, %z)
  })",
                               Only({"reduce-transposed"}));
  EXPECT_EQ(CountOps(c.graph, "transpose"), 1);
}

TEST(PadIntoWindow, ConvAndMean) {
  const auto c = CheckSimplify(R"(const %w: f32[2,1,2,2] = [1.0,2.0,3.0,-4.0,0.5,0.25,1.0,2.0]
  const %pads: i64[8] = [0,0,1,0,0,0,0,1]
  const %some: i64[2] = [1,1]
  const %axis: i64[1] = [-1]
  main (%x: f32[N,2,4,4]) {
    %a: f32[N,2,5,5] = pad(%x, %pads)
    %y: f32[N,2,4,5] = conv(%a, %w, group=2, pads=[0,1,0,0])
    %b: f32[N,2,4,6] = pad(%x, %some, _, %axis)
    %z: f32[N,2,3,5] = avg_pool(%b, kernel=[2,2])
    yield(%y, %z)
  })",
                               Only({"pad-into-window"}), Same::kClose);
  EXPECT_EQ(CountNodes(c.graph), 2);
}

TEST(PadIntoWindow, MaxNeedsMinusInfinity) {
  const auto c = CheckSimplify(R"(const %pads: i64[6] = [0,0,1,0,0,1]
  const %low: f32[] = [-inf]
  main (%x: f32[N,2,4]) {
    %a: f32[N,2,6] = pad(%x, %pads, %low)
    %y: f32[N,2,4] = max_pool(%a, kernel=[3])
    %b: f32[N,2,6] = pad(%x, %pads)
    %z: f32[N,2,4] = max_pool(%b, kernel=[3])
    yield(%y, %z)
  })",
                               Only({"pad-into-window"}));
  EXPECT_EQ(CountNodes(c.graph), 3);
}

TEST(PadIntoWindow, NotOtherModesValuesOrAxes) {
  const auto c = CheckSimplify(R"(const %w: f32[1,2,1] = [1.0,2.0]
  const %v: f32[1,4,1] = [1.0,2.0,0.5,4.0]
  const %pads: i64[6] = [0,0,1,0,0,1]
  const %channels: i64[6] = [0,1,0,0,1,0]
  const %one: f32[] = [1.0]
  main (%x: f32[N,2,4]) {
    %a: f32[N,2,6] = pad(%x, %pads, mode="reflect")
    %d: f32[N,1,6] = conv(%a, %w)
    %b: f32[N,2,6] = pad(%x, %pads, %one)
    %e: f32[N,1,6] = conv(%b, %w)
    %c: f32[N,4,4] = pad(%x, %channels)
    %f: f32[N,1,4] = conv(%c, %v)
    %g: f32[N,2,6] = pad(%x, %pads)
    %h: f32[N,2,7] = avg_pool(%g, kernel=[2], pads=[1,1])
    yield(%d, %e, %f, %h)
  })",
                               Only({"pad-into-window"}), Same::kClose);
  EXPECT_EQ(CountNodes(c.graph), 8);
}

TEST(PadOfPad, SameNumberOnly) {
  const auto c = CheckSimplify(R"(const %p: i64[4] = [0,1,2,0]
  const %q: i64[4] = [1,1,0,3]
  const %one: f32[] = [1.0]
  main (%x: f32[N,3]) {
    %a: f32[N + 2,4] = pad(%x, %p, %one)
    %y: f32[N + 3,8] = pad(%a, %q, %one)
    %b: f32[N + 2,4] = pad(%x, %p)
    %z: f32[N + 3,8] = pad(%b, %q, %one)
    yield(%y, %z)
  })",
                               Only({"pad-of-pad"}));
  EXPECT_EQ(CountNodes(c.graph), 3);
}

}  // namespace
}  // namespace godwit
