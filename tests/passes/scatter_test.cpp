// Scatters that fill runs of an axis.
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;
using test::Only;

// Elements of a box of f32[2,5], row by row: columns `from` to `to`.
std::string Columns(int64_t from, int64_t to) {
  std::string out;
  for (int64_t row = 0; row < 2; ++row) {
    for (int64_t k = from; k < to; ++k) {
      out += (out.empty() ? "" : ",") + std::to_string(row) + "," + std::to_string(k);
    }
  }
  return out;
}

TEST(JoinWritten, PartsThatFillAnAxisNeedNoneOfWhatWasThere) {
  const auto c =
      CheckSimplify("const %a: i64[2,2,2] = [" + Columns(0, 2) + "]\n const %b: i64[2,3,2] = [" + Columns(2, 5) + R"(]
  main (%x: f32[2,5], %u: f32[2,2], %v: f32[2,3]) {
    %p: f32[2,5] = scatter_nd(%x, %b, %v)
    %q: f32[2,5] = scatter_nd(%p, %a, %u)
    yield(%q)
  })",
                    Only({"join-written"}));
  EXPECT_EQ(CountOps(c.graph, "concat"), 1);
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(JoinWritten, WhatIsWrittenOverIsGone) {
  const auto c = CheckSimplify(R"(const %a: i64[1,1] = [1]
  const %b: i64[1,1] = [-2]
  const %all: i64[3,1] = [0,1,2]
  main (%x: f32[3,N], %u: f32[1,N], %v: f32[1,N], %w: f32[3,N]) {
    %p: f32[3,N] = scatter_nd(%x, %a, %u)
    %q: f32[3,N] = scatter_nd(%p, %b, %v)
    %r: f32[3,N] = scatter_nd(%x, %a, %u)
    %s: f32[3,N] = scatter_nd(%r, %all, %w)
    yield(%q, %s)
  })",
                               Only({"join-written"}));
  // The first of two at one place is gone with the other's concat; a whole one leaves nothing of either.
  EXPECT_EQ(CountOps(c.graph, "scatter_nd"), 2);
  EXPECT_EQ(CountNodes(c.graph), 2);
}

TEST(JoinWritten, AroundOneNumberIsPadding) {
  const auto c = CheckSimplify(R"(const %i: i64[2,1] = [1,2]
  const %zeros: f32[4,3] = [0,0,0,0,0,0,0,0,0,0,0,0]
  main (%u: f32[2,3]) {
    %p: f32[4,3] = scatter_nd(%zeros, %i, %u)
    yield(%p)
  })",
                               Only({"join-written"}));
  EXPECT_EQ(CountOps(c.graph, "pad"), 1);
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(JoinWritten, ManyIndicesAreWorthMoreNodes) {
  std::string indices;
  for (int k = 0; k < 60; ++k) indices += (k == 0 ? "" : ",") + std::to_string(k + 20);
  const auto c = CheckSimplify("const %i: i64[60,1] = [" + indices + R"(]
  main (%x: f32[100], %u: f32[60]) {
    %p: f32[100] = scatter_nd(%x, %i, %u)
    yield(%p)
  })",
                               Only({"join-written"}));
  EXPECT_EQ(CountOps(c.graph, "scatter_nd"), 1);
  const auto more = CheckSimplify("const %i: i64[60,1] = [" + indices + R"(]
  main (%x: f32[100], %u: f32[60]) {
    %p: f32[100] = scatter_nd(%x, %i, %u)
    yield(%p)
  })",
                                  Only({"join-any-written"}));
  EXPECT_EQ(CountOps(more.graph, "slice"), 2);
  EXPECT_EQ(CountOps(more.graph, "concat"), 1);
  EXPECT_EQ(CountNodes(more.graph), 3);
}

TEST(JoinWritten, PartsOfAConcatAreReplaced) {
  const auto c = CheckSimplify(R"(const %i: i64[1,1] = [1]
  main (%x: f32[1,N], %y: f32[1,N], %z: f32[2,N], %u: f32[1,N]) {
    %p: f32[4,N] = concat(%x, %y, %z, axis=0)
    %q: f32[4,N] = scatter_nd(%p, %i, %u)
    yield(%q)
  })",
                               Only({"join-written"}));
  EXPECT_EQ(CountNodes(c.graph), 1);
  EXPECT_EQ(CountOps(c.graph, "concat"), 1);
}

TEST(JoinWritten, OnlyBoxesInOrder) {
  const auto c = CheckSimplify(R"(const %back: i64[2,1] = [1,0]
  const %twice: i64[2,1] = [0,0]
  const %gap: i64[2,1] = [0,2]
  const %corner: i64[1,2] = [1,1]
  const %one: i64[1,1] = [1]
  main (%x: f32[3,2], %u: f32[2,2], %v: f32[1], %w: f32[1,2]) {
    %a: f32[3,2] = scatter_nd(%x, %back, %u)
    %b: f32[3,2] = scatter_nd(%a, %twice, %u)
    %c: f32[3,2] = scatter_nd(%b, %gap, %u)
    %d: f32[3,2] = scatter_nd(%c, %corner, %v)
    %e: f32[3,2] = scatter_nd(%d, %one, %w, reduction="add")
    yield(%e)
  })",
                               Only({"join-any-written"}));
  EXPECT_EQ(CountOps(c.graph, "scatter_nd"), 5);
}

TEST(JoinWritten, UpdatesWithoutTheAxisGetIt) {
  const auto c = CheckSimplify(R"(const %i: i64[1] = [1]
  main (%x: f32[3,4], %u: f32[4]) {
    %p: f32[3,4] = scatter_nd(%x, %i, %u)
    yield(%p)
  })",
                               Only({"join-any-written"}));
  EXPECT_EQ(CountOps(c.graph, "reshape"), 1);
  EXPECT_EQ(CountOps(c.graph, "concat"), 1);
  EXPECT_EQ(CountOps(c.graph, "scatter_nd"), 0);
}

TEST(ReadThroughScatter, WhatIsReadIsFoundWhereItComesFrom) {
  const auto c = CheckSimplify(R"(const %i: i64[2,1] = [1,2]
  const %zero: i64[] = [0]
  const %two: i64[] = [2]
  const %a: i64[1] = [1]
  const %b: i64[1] = [2]
  const %e: i64[1] = [9]
  const %axis: i64[1] = [0]
  main (%x: f32[4,N], %u: f32[2,N]) {
    %p: f32[4,N] = scatter_nd(%x, %i, %u)
    %q: f32[N] = gather(%p, %zero, axis=0)
    %r: f32[N] = gather(%p, %two, axis=0)
    %s: f32[1,N] = slice(%p, %a, %b, %axis)
    %t: f32[2,N] = slice(%p, %b, %e, %axis)
    yield(%q, %r, %s, %t)
  })",
                               Only({"read-through-scatter"}));
  // Only what is partly written is read of the scatter.
  EXPECT_EQ(CountNodes(c.graph), 5);
  const std::string text = test::Print(c.graph);
  EXPECT_NE(text.find("gather(%x"), std::string::npos) << text;
  EXPECT_NE(text.find("gather(%u"), std::string::npos) << text;
  EXPECT_NE(text.find("slice(%u"), std::string::npos) << text;
}

}  // namespace
}  // namespace godwit
