// Rules that remove what computes nothing.
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;
using test::Only;

TEST(DropIdentity, IsItsOperand) {
  const auto c = CheckSimplify(R"(main (%x: f32[N,3]) {
    %a: f32[N,3] = identity(%x)
    %b: f32[N,3] = relu(%a)
    %y: f32[N,3] = identity(%b)
    yield(%y as "out")
  })");
  EXPECT_EQ(CountNodes(c.graph), 1);
  EXPECT_EQ(c.graph.output_names, std::vector<std::string>{"out"});
  EXPECT_EQ(c.report.rewrites.at("drop-identity"), 2);
}

TEST(DropCast, OnlyToTheSameType) {
  const auto c = CheckSimplify(R"(main (%x: f32[4]) {
    %a: f32[4] = cast(%x, to=f32)
    %y: f16[4] = cast(%a, to=f16)
    yield(%y)
  })");
  EXPECT_EQ(CountOps(c.graph, "cast"), 1);
}

TEST(ComposeTransposes, OneOrNone) {
  const auto c = CheckSimplify(R"(main (%x: f32[2,N,4]) {
    %a: f32[4,2,N] = transpose(%x, perm=[2,0,1])
    %y: f32[2,N,4] = transpose(%a, perm=[1,2,0])
    %z: f32[N,2,4] = transpose(%a, perm=[2,1,0])
    yield(%y, %z)
  })");
  EXPECT_EQ(CountOps(c.graph, "transpose"), 1);
}

TEST(MergeNodes, AcrossRegions) {
  const auto c = CheckSimplify(R"(main (%c: bool[], %x: f32[3]) {
    %a: f32[3] = exp(%x)
    %r: f32[3] = if(%c) region () {
      %b: f32[3] = exp(%x)
      %d: f32[3] = add(%b, %x)
      yield(%d)
    }
    region () {
      yield(%a)
    }
    %e: f32[3] = add(%r, %a)
    yield(%e)
  })");
  EXPECT_EQ(CountOps(c.graph, "exp"), 1);
}

TEST(FoldConstants, TheSameNumbersInAnotherTypeKeepTheirName) {
  const auto c = CheckSimplify(R"(const %weights: f16[2] = [0.5,3.0]
  main (%x: f32[N,2]) {
    %0: f32[2] = cast(%weights, to=f32)
    %y: f32[N,2] = mul(%x, %0)
    yield(%y)
  })");
  EXPECT_EQ(CountOps(c.graph, "cast"), 0);
  EXPECT_NE(test::Print(c.graph).find("const %weights: f32[2]"), std::string::npos) << test::Print(c.graph);
}

TEST(FoldConstants, SizesStaySymbolic) {
  const auto c = CheckSimplify(R"(const %one: i64[1] = [-1]
  main (%x: f32[N,3,4]) {
    %s: i64[1] = shape_of(%x, start=1, end=2)
    %t: i64[2] = concat(%one, %s, axis=0)
    %y: f32[4*N,3] = reshape(%x, %t)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(Limit, StopsEverything) {
  SimplifyOptions options;
  options.rewrite.limit = 1;
  Graph g = test::Parse(R"(main (%x: f32[3]) {
    %a: f32[3] = identity(%x)
    %b: f32[3] = identity(%a)
    %y: f32[3] = relu(%b)
    yield(%y)
  })");
  SimplifyReport report;
  ASSERT_TRUE(Simplify(g, options, &report).ok());
  EXPECT_EQ(report.total_rewrites, 1);
  EXPECT_TRUE(report.limit_reached);
  EXPECT_EQ(CountOps(g, "identity"), 1);
}

TEST(Options, UnknownRule) {
  Graph g = test::Parse("main (%x: f32[3]) {\n yield(%x)\n}");
  const Status status = Simplify(g, Only({"no-such-rule"}), nullptr);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.diag().id, "rewrite.rule");
}

TEST(Editor, OpaqueNodesSurvive) {
  const auto c = CheckSimplify(R"(main (%x: f32[3]) {
    %a: f32[3] = opaque(%x, domain="com.example", op_type="Print")
    %y: f32[3] = relu(%x)
    yield(%y)
  })",
                               {}, test::Same::kBits, {});
  EXPECT_EQ(CountOps(c.graph, "opaque"), 1);
}

TEST(ReduceView, ByItsAxesWhereAnExtentHasTwoNames) {
  const auto c = CheckSimplify(R"(const %one: i64[1] = [1]
    main (%x: f32[N,3]) {
      %m: f32[K] = reduce(%x, %one, mode="max", keep_dims=0)
      %y: f32[M,1] = unsqueeze(%m, %one)
      yield(%y)
    })",
                               test::Only({"reduce-view"}));
  EXPECT_EQ(CountNodes(c.graph), 1) << test::Print(c.graph);
}

TEST(GatherAll, IsAReshape) {
  const auto gathers = [](const char* indices) {
    const auto c = CheckSimplify(std::string("const %i: i64[1,3,1] = ") + indices + R"(
      main (%x: f32[2,3]) {
        %y: f32[2,1,3,1] = gather(%x, %i, axis=1)
        yield(%y)
      })",
                                 Only({"gather-all"}));
    return CountOps(c.graph, "gather");
  };
  EXPECT_EQ(gathers("[0,1,2]"), 0);
  EXPECT_EQ(gathers("[0,2,1]"), 1);
  EXPECT_EQ(gathers("[-3,1,2]"), 1);
}

TEST(AbsOfNegation, IsThatOfTheOperand) {
  const auto c = CheckSimplify(R"(main (%x: f32[3]) {
    %n: f32[3] = neg(%x)
    %y: f32[3] = abs(%n)
    yield(%y)
  })",
                               Only({"abs-of-negation"}));
  EXPECT_EQ(CountNodes(c.graph), 1);
}

}  // namespace
}  // namespace godwit
