// Sequences of vectors as matrices, parts that keep their axis, and moves of runs of elements.
#include <string>

#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;
using test::Only;
using test::Same;

const std::string kLayer = R"(
  const %w: f32[2,2] = [1.0,2.0,3.0,-4.0]
  const %v: f32[2,2] = [0.5,-1.0,0.25,2.0]
  const %b: f32[2] = [1.0,-1.0]
  const %c: f32[1,1,2] = [0.5,2.0]
)";

TEST(FlattenTokens, LinearLayersAroundAResidual) {
  const auto c = CheckSimplify(kLayer + R"(main (%x: f32[N,3,2]) {
    %a: f32[N,3,2] = layer_norm(%x, %b, %b)
    %d: f32[N,3,2] = matmul(%a, %w)
    %e: f32[N,3,2] = add(%d, %b)
    %f: f32[N,3,2] = gelu(%e)
    %g: f32[N,3,2] = matmul(%f, %v)
    %h: f32[N,3,2] = add(%c, %g)
    %i: f32[N,3,2] = add(%x, %h)
    %j: f32[N,3,2] = softmax(%i, axis=2)
    %k: f32[N,3,2] = matmul(%j, %v)
    %y: f32[N,3,2] = add(%k, %b)
    yield(%y)
  })",
                               Only({"flatten-tokens", "add-into-gemm"}), Same::kClose);
  EXPECT_EQ(CountOps(c.graph, "gemm"), 3);
  EXPECT_EQ(CountOps(c.graph, "reshape"), 2);
  EXPECT_EQ(CountNodes(c.graph), 9);
}

TEST(FlattenTokens, NotWhereReshapesCostAsMuch) {
  const auto c = CheckSimplify(kLayer + R"(main (%x: f32[N,3,2]) {
    %a: f32[N,3,2] = matmul(%x, %w)
    %y: f32[N,3,2] = add(%a, %b)
    yield(%y)
  })",
                               Only({"flatten-tokens", "add-into-gemm"}), Same::kClose);
  EXPECT_EQ(CountNodes(c.graph), 2);
}

TEST(FlattenTokens, GroupingsOfVectorsDisappear) {
  const auto c = CheckSimplify(kLayer + R"(const %pos: f32[6,1,2] = [1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0,9.0,1.0,2.0,3.0]
  const %to: i64[3] = [6,1,2]
  const %back: i64[5] = [2,3,1,2,1]
  main (%x: f32[2,3,2]) {
    %a: f32[2,3,2] = matmul(%x, %w)
    %d: f32[2,3,2] = add(%a, %b)
    %e: f32[6,1,2] = reshape(%d, %to)
    %f: f32[6,1,2] = add(%e, %pos)
    %g: f32[6,1,2] = relu(%f)
    %y: f32[2,3,1,2,1] = reshape(%g, %back)
    yield(%y)
  })",
                               Only({"flatten-tokens", "add-into-gemm", "merge-views"}), Same::kClose);
  EXPECT_EQ(CountOps(c.graph, "reshape"), 2);
  EXPECT_EQ(CountNodes(c.graph), 5);
}

TEST(KeepPartsAxis, OfAttention) {
  const auto c = CheckSimplify(R"(const %q: i64[] = [0]
  const %k: i64[] = [1]
  const %v: i64[] = [2]
  const %s: f32[] = [0.5]
  const %shape: i64[2] = [-1,8]
  main (%x: f32[3,N,2,5,4], %mask: f32[5,5]) {
    %a: f32[N,2,5,4] = gather(%x, %q, axis=0)
    %b: f32[N,2,5,4] = gather(%x, %k, axis=0)
    %c: f32[N,2,5,4] = gather(%x, %v, axis=0)
    %d: f32[N,2,4,5] = transpose(%b, perm=[0,1,3,2])
    %e: f32[N,2,5,5] = matmul(%a, %d)
    %f: f32[N,2,5,5] = mul(%e, %s)
    %g: f32[N,2,5,5] = add(%mask, %f)
    %h: f32[N,2,5,5] = softmax(%g, axis=3)
    %i: f32[N,2,5,4] = matmul(%h, %c)
    %j: f32[N,5,2,4] = transpose(%i, perm=[0,2,1,3])
    %y: f32[5*N,8] = reshape(%j, %shape)
    yield(%y)
  })",
                               Only({"keep-parts-axis"}));
  EXPECT_EQ(CountOps(c.graph, "gather"), 0);
  EXPECT_EQ(CountOps(c.graph, "split"), 1);
  EXPECT_EQ(CountNodes(c.graph), 9);
}

TEST(KeepPartsAxis, AxesCountFromTheEnd) {
  const auto c = CheckSimplify(R"(const %zero: i64[] = [0]
  const %one: i64[] = [1]
  const %axes: i64[1] = [1]
  const %two: i64[1] = [2]
  const %none: i64[1] = [0]
  const %pads: i64[4] = [0,1,0,0]
  const %sizes: i64[2] = [3,4]
  const %shape: i64[1] = [-1]
  main (%x: f32[2,N,4]) {
    %a: f32[N,4] = gather(%x, %zero, axis=0)
    %b: f32[N,4] = gather(%x, %one, axis=0)
    %c: f32[N,1] = reduce(%a, %axes, mode="max")
    %d: f32[N,4] = div(%b, %c)
    %e: f32[N,2] = slice(%d, %none, %two, %axes)
    %f: f32[N,3] = pad(%e, %pads)
    %g: f32[N,7] = concat(%f, %b, axis=1)
    %p: f32[N,3], %q: f32[N,4] = split(%g, %sizes, axis=1)
    %y: f32[3*N] = reshape(%p, %shape)
    %z: f32[4*N] = reshape(%q, %shape)
    yield(%y, %z)
  })",
                               Only({"keep-parts-axis"}));
  EXPECT_EQ(CountOps(c.graph, "gather"), 0);
}

TEST(KeepPartsAxis, NotWhereThePartItselfIsWanted) {
  const auto c = CheckSimplify(R"(const %zero: i64[] = [0]
  const %one: i64[] = [1]
  const %shape: i64[1] = [-1]
  main (%x: f32[2,N,4]) {
    %a: f32[N,4] = gather(%x, %zero, axis=0)
    %b: f32[N,4] = gather(%x, %one, axis=0)
    %c: f32[N,4] = add(%a, %b)
    %y: f32[4*N] = reshape(%c, %shape)
    yield(%y, %b)
  })",
                               Only({"keep-parts-axis"}));
  EXPECT_EQ(CountOps(c.graph, "gather"), 2);
}

TEST(GatherMoves, ShuffledChannels) {
  const auto c = CheckSimplify(R"(const %split: i64[5] = [2,2,3,4,5]
  const %join: i64[4] = [2,6,4,5]
  main (%x: f32[2,6,4,5]) {
    %a: f32[2,2,3,4,5] = reshape(%x, %split)
    %b: f32[2,3,2,4,5] = transpose(%a, perm=[0,2,1,3,4])
    %y: f32[2,6,4,5] = reshape(%b, %join)
    yield(%y)
  })",
                               Only({"gather-moves"}));
  EXPECT_EQ(CountOps(c.graph, "gather"), 1);
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(GatherMoves, RolledWindows) {
  const auto c = CheckSimplify(R"(const %grid: i64[3] = [4,4,16]
  const %zero: i64[1] = [0]
  const %one: i64[1] = [1]
  const %end: i64[1] = [4]
  const %windows: i64[5] = [2,2,2,2,16]
  const %out: i64[3] = [4,4,16]
  main (%x: f32[16,16]) {
    %a: f32[4,4,16] = reshape(%x, %grid)
    %b: f32[1,4,16] = slice(%a, %zero, %one, %zero)
    %c: f32[3,4,16] = slice(%a, %one, %end, %zero)
    %d: f32[4,4,16] = concat(%c, %b, axis=0)
    %e: f32[2,2,2,2,16] = reshape(%d, %windows)
    %f: f32[2,2,2,2,16] = transpose(%e, perm=[0,2,1,3,4])
    %y: f32[4,4,16] = reshape(%f, %out)
    yield(%y)
  })",
                               Only({"gather-moves"}));
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(GatherMoves, NothingMovesInTheEnd) {
  const auto c = CheckSimplify(R"(const %wide: i64[3] = [1,6,16]
  main (%x: f32[6,16]) {
    %a: f32[1,6,16] = reshape(%x, %wide)
    %y: f32[6,1,16] = transpose(%a, perm=[1,0,2])
    yield(%y)
  })",
                               Only({"gather-moves"}));
  EXPECT_EQ(CountOps(c.graph, "reshape"), 1);
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(GatherMoves, NotShortRuns) {
  const auto c = CheckSimplify(R"(const %split: i64[3] = [2,3,2]
  const %join: i64[2] = [6,2]
  main (%x: f32[6,2]) {
    %a: f32[2,3,2] = reshape(%x, %split)
    %b: f32[3,2,2] = transpose(%a, perm=[1,0,2])
    %y: f32[6,2] = reshape(%b, %join)
    yield(%y)
  })",
                               Only({"gather-moves"}));
  EXPECT_EQ(CountNodes(c.graph), 3);
}

TEST(GatherMoves, NotSeveralSourcesOrUnknownSizes) {
  const auto c = CheckSimplify(R"(const %split: i64[3] = [2,3,16]
  const %join: i64[2] = [6,16]
  const %open: i64[3] = [2,-1,16]
  const %shut: i64[2] = [-1,16]
  main (%x: f32[3,16], %z: f32[3,16], %v: f32[2*N,16]) {
    %a: f32[6,16] = concat(%x, %z, axis=0)
    %s: f32[2,3,16] = reshape(%a, %split)
    %b: f32[3,2,16] = transpose(%s, perm=[1,0,2])
    %y: f32[6,16] = reshape(%b, %join)
    %t: f32[2,N,16] = reshape(%v, %open)
    %c: f32[N,2,16] = transpose(%t, perm=[1,0,2])
    %w: f32[2*N,16] = reshape(%c, %shut)
    yield(%y, %w)
  })",
                               Only({"gather-moves"}));
  // The join stays and is gathered from.
  EXPECT_EQ(CountOps(c.graph, "concat"), 1);
  EXPECT_EQ(CountOps(c.graph, "gather"), 1);
  EXPECT_EQ(CountOps(c.graph, "transpose"), 1);
}

}  // namespace
}  // namespace godwit
