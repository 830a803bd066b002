// Control flow whose way is known, and what is carried for nobody.
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;

TEST(If, KnownConditionIsInlined) {
  const auto c = CheckSimplify(R"(const %t: bool[] = [1]
    main (%x: f32[N], %c: bool[]) {
      %r: f32[N] = if(%t) region () {
        %a: f32[N] = exp(%x)
        %i: f32[N] = if(%c) region () {
          %b: f32[N] = neg(%a)
          yield(%b)
        }
        region () {
          yield(%x)
        }
        yield(%i)
      }
      region () {
        %d: f32[N] = relu(%x)
        yield(%d)
      }
      %y: f32[N] = add(%r, %x)
      yield(%y)
    })");
  EXPECT_EQ(CountOps(c.graph, "if"), 1);
  EXPECT_EQ(CountOps(c.graph, "relu"), 0);
}

TEST(If, ConditionFromASize) {
  const auto c = CheckSimplify(R"(const %zero: i64[] = [0]
    const %one: i64[] = [1]
    main (%x: f32[1,N]) {
      %s: i64[2] = shape_of(%x)
      %d: i64[] = gather(%s, %zero)
      %e: bool[] = equal(%d, %one)
      %r: f32[*] = if(%e) region () {
        %a: f32[N] = squeeze(%x)
        yield(%a)
      }
      region () {
        yield(%x)
      }
      yield(%r)
    })",
                               {}, test::Same::kBits, {2, 5});
  EXPECT_EQ(CountOps(c.graph, "if"), 0);
}

TEST(If, SameAndUnusedResults) {
  const auto c = CheckSimplify(R"(main (%x: f32[N], %c: bool[]) {
      %p: f32[N], %q: f32[N], %r: f32[N] = if(%c) region () {
        %a: f32[N] = exp(%x)
        %b: f32[N] = neg(%x)
        yield(%a, %b, %x)
      }
      region () {
        %d: f32[N] = relu(%x)
        yield(%d, %x, %x)
      }
      %y: f32[N] = add(%q, %r)
      yield(%y)
    })");
  EXPECT_EQ(CountOps(c.graph, "exp"), 0);
  EXPECT_EQ(CountOps(c.graph, "relu"), 0);
  EXPECT_EQ(CountOps(c.graph, "if"), 1);
}

TEST(If, BranchesThatDoTheSameAreOne) {
  const auto c = CheckSimplify(R"(const %t: f32[] = [2.0]
    main (%x: f32[N], %z: f32[N], %c: bool[]) {
      %p: f32[N] = if(%c) region () {
        %a: f32[N] = exp(%x)
        %b: f32[N] = sub(%a, %z)
        %d: f32[N] = mul(%b, %t)
        yield(%d)
      }
      region () {
        %e: f32[N] = exp(%x)
        %f: f32[N] = sub(%e, %z)
        %g: f32[N] = mul(%t, %f)
        yield(%g)
      }
      yield(%p)
    })");
  EXPECT_EQ(CountOps(c.graph, "if"), 0) << test::Print(c.graph);
  EXPECT_EQ(CountNodes(c.graph), 3);
}

TEST(If, WhatBothBranchesComputeStandsBefore) {
  const auto c = CheckSimplify(R"(main (%x: f32[N], %c: bool[]) {
      %p: f32[N] = if(%c) region () {
        %a: f32[N] = exp(%x)
        %b: f32[N] = neg(%a)
        yield(%b)
      }
      region () {
        %r: f32[N] = relu(%x)
        %d: f32[N] = exp(%x)
        %e: f32[N] = add(%d, %r)
        yield(%e)
      }
      yield(%p)
    })");
  EXPECT_EQ(CountOps(c.graph, "exp"), 1);
  EXPECT_EQ(CountOps(c.graph, "if"), 1);
  EXPECT_EQ(c.report.rewrites.at("hoist-branches"), 1);
  // What only one of them computes stays, as does what draws numbers.
  const auto own = CheckSimplify(R"(main (%x: f32[N], %c: bool[]) {
      %p: f32[N] = if(%c) region () {
        %a: f32[N] = exp(%x)
        yield(%a)
      }
      region () {
        %i: f32[N] = if(%c) region () {
          yield(%x)
        }
        region () {
          %d: f32[N] = neg(%x)
          %e: f32[N] = exp(%d)
          yield(%e)
        }
        yield(%i)
      }
      yield(%p)
    })");
  EXPECT_EQ(CountOps(own.graph, "exp"), 2);
  EXPECT_FALSE(own.report.rewrites.contains("hoist-branches"));
  const auto drawn = CheckSimplify(R"(const %s: i64[1] = [2]
    main (%x: f32[2], %c: bool[]) {
      %p: f32[2] = if(%c) region () {
        %a: f32[2] = random_uniform(%s, dtype=f32)
        yield(%a)
      }
      region () {
        %d: f32[2] = random_uniform(%s, dtype=f32)
        yield(%d)
      }
      %y: f32[2] = mul(%p, %x)
      %k: i64[2] = shape_of(%y)
      yield(%k)
    })",
                                   test::Only({"hoist-branches"}), test::Same::kBits, {1});
  EXPECT_EQ(drawn.report.total_rewrites, 0);
}

TEST(If, ConditionIsKnownWithin) {
  const auto c = CheckSimplify(R"(main (%x: f32[N], %c: bool[]) {
      %p: f32[N], %k: bool[] = if(%c) region () {
        %i: f32[N] = if(%c) region () {
          %a: f32[N] = exp(%x)
          yield(%a)
        }
        region () {
          %b: f32[N] = neg(%x)
          yield(%b)
        }
        yield(%i, %c)
      }
      region () {
        %d: f32[N] = where(%c, %x, %x)
        %e: f32[N] = relu(%d)
        %n: bool[] = logical_not(%c)
        yield(%e, %n)
      }
      yield(%p, %k)
    })");
  EXPECT_EQ(CountOps(c.graph, "if"), 1) << test::Print(c.graph);
  EXPECT_EQ(CountOps(c.graph, "neg"), 0);
  EXPECT_EQ(CountOps(c.graph, "logical_not"), 0);
}

TEST(Loop, OfFewTurnsIsItsTurns) {
  const auto c = CheckSimplify(R"(const %three: i64[] = [3]
    main (%x: f32[2,N]) {
      %y: f32[2,N], %all: f32[T,2,N] = loop(%three, _, %x) region (%i: i64[], %c: bool[], %s: f32[2,N]) {
        %n: f32[] = cast(%i, to=f32)
        %t: f32[2,N] = add(%s, %n)
        yield(%c, %t, %s)
      }
      yield(%y, %all)
    })",
                               {}, test::Same::kClose);
  EXPECT_EQ(CountOps(c.graph, "loop"), 0) << test::Print(c.graph);
  EXPECT_EQ(c.report.rewrites.at("unroll-loops"), 1);
  // One within another: the inner one first.
  const auto nested = CheckSimplify(R"(const %two: i64[] = [2]
    main (%x: f32[N]) {
      %y: f32[N] = loop(%two, _, %x) region (%i: i64[], %c: bool[], %s: f32[N]) {
        %z: f32[N] = loop(%two, _, %s) region (%j: i64[], %d: bool[], %r: f32[N]) {
          %t: f32[N] = mul(%r, %s)
          yield(%d, %t)
        }
        yield(%c, %z)
      }
      yield(%y)
    })");
  EXPECT_EQ(CountOps(nested.graph, "loop"), 0) << test::Print(nested.graph);
  EXPECT_EQ(CountOps(nested.graph, "mul"), 4);
}

TEST(Loop, ThatNeverTurnsGivesWhatItWasGiven) {
  for (const char* how : {"%none, _", "_, %no"}) {
    const auto c = CheckSimplify(std::string(R"(const %none: i64[] = [0]
    const %no: bool[] = [0]
    main (%x: f32[N]) {
      %y: f32[N] = loop()") + how +
                                 R"(, %x) region (%i: i64[], %c: bool[], %s: f32[N]) {
        %t: f32[N] = exp(%s)
        yield(%c, %t)
      }
      %z: f32[N] = neg(%y)
      yield(%z)
    })");
    EXPECT_EQ(CountNodes(c.graph), 1) << test::Print(c.graph);
  }
}

TEST(Loop, OfManyTurnsOrOwnEndStays) {
  const auto loop = [](const std::string& turns, const std::string& end) {
    return "const %n: i64[] = [" + turns + R"(]
    const %lot: f32[] = [100.0]
    const %axes: i64[1] = [0]
    main (%x: f32[2], %go: bool[]) {
      %y: f32[2] = loop(%n, %go, %x) region (%i: i64[], %c: bool[], %s: f32[2]) {
        %a: f32[2] = exp(%s)
        %b: f32[2] = neg(%a)
        %t: f32[2] = add(%b, %s)
        %m: f32[] = reduce(%t, %axes, mode="max", keep_dims=0)
        %e: bool[] = less(%m, %lot)
        yield()" +
           end + R"(, %t)
      }
      yield(%y)
    })";
  };
  for (const char* end : {"%e", "%c"}) {
    EXPECT_EQ(CountOps(CheckSimplify(loop("3", end), {}, test::Same::kBits, {1}).graph, "loop"), 1) << end;
  }
  for (const auto& [turns, left] : {std::pair<std::string, int>{"16", 0}, {"17", 1}, {"1000000000", 1}}) {
    std::string text = loop(turns, "%c");
    text.replace(text.find("loop(%n, %go"), 12, "loop(%n, _");
    Graph graph = test::Parse(text);
    ASSERT_TRUE(Simplify(graph, {}, nullptr).ok());
    EXPECT_EQ(CountOps(graph, "loop"), left) << turns;
  }
}

TEST(If, OpaqueNodesInsideKeepIt) {
  const auto c = CheckSimplify(R"(main (%x: f32[N], %c: bool[]) {
      %p: f32[*] = if(%c) region () {
        %a: f32[*] = opaque(%x, domain="com.example", op_type="Print")
        yield(%a)
      }
      region () {
        yield(%x)
      }
      yield(%x)
    })",
                               {}, test::Same::kBits, {});
  EXPECT_EQ(CountOps(c.graph, "opaque"), 1);
}

TEST(Loop, InvariantAndUnusedCarriedValues) {
  const auto c = CheckSimplify(R"(const %trips: i64[] = [30]
    const %go: bool[] = [1]
    main (%x: f32[N], %z: f32[N]) {
      %a: f32[N], %b: f32[N], %u: f32[N], %s: f32[turns,N], %t: f32[turns,N] = loop(%trips, %go, %x, %z, %x) region (%i: i64[], %c: bool[], %p: f32[N], %q: f32[N], %w: f32[N]) {
        %n: f32[N] = add(%p, %q)
        %m: f32[N] = exp(%n)
        yield(%c, %n, %q, %m, %n, %m)
      }
      %y: f32[N] = add(%a, %b)
      yield(%y, %s)
    })");
  EXPECT_EQ(CountOps(c.graph, "exp"), 0);
  EXPECT_EQ(CountOps(c.graph, "loop"), 1);
}

}  // namespace
}  // namespace godwit
