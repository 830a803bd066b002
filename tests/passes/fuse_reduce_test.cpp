// Reductions and softmax recognised, and what only looks like them.
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;
using test::Only;
using test::Same;

test::Checked With(std::initializer_list<const char*> rules, const std::string& nodes) {
  return CheckSimplify(R"(const %two: f32[] = [2]
    const %last: i64[1] = [-1]
    const %first: i64[1] = [0]
    const %half: f32[] = [0.5]
    main (%x: f32[3,N]) {
    )" + nodes + "yield(%y)\n}\n",
                       Only(rules), Same::kClose);
}
void ExpectOne(const test::Checked& c, const char* text) {
  EXPECT_EQ(CountNodes(c.graph), 1) << test::Print(c.graph);
  EXPECT_NE(test::Print(c.graph).find(text), std::string::npos) << test::Print(c.graph);
}

TEST(FuseSumSquare, OfProductsAndPowers) {
  ExpectOne(With({"fuse-sum-square"}, R"(%a: f32[3,N] = mul(%x, %x)
    %y: f32[3,1] = reduce(%a, %last, mode="sum")
    )"),
            "sum_square");
  ExpectOne(With({"fuse-sum-square"}, R"(%a: f32[3,N] = pow(%x, %two)
    %y: f32[3] = reduce(%a, %last, mode="sum", keep_dims=0)
    )"),
            "sum_square");
  ExpectOne(With({"fuse-sum-square"}, R"(%a: f32[3,N] = abs(%x)
    %y: f32[3,1] = reduce(%a, %last, mode="sum")
    )"),
            "\"l1\"");
  const auto mean = With({"fuse-sum-square"}, R"(%a: f32[3,N] = mul(%x, %x)
    %y: f32[3,1] = reduce(%a, %last, mode="mean")
    )");
  EXPECT_EQ(CountNodes(mean.graph), 2);
}

TEST(FuseL2, OfRoots) {
  ExpectOne(With({"fuse-sum-square", "fuse-l2"}, R"(%a: f32[3,N] = mul(%x, %x)
    %b: f32[3,1] = reduce(%a, %last, mode="sum")
    %y: f32[3,1] = sqrt(%b)
    )"),
            "\"l2\"");
  ExpectOne(With({"fuse-l2"}, R"(%b: f32[3,1] = reduce(%x, %last, mode="sum_square")
    %y: f32[3,1] = pow(%b, %half)
    )"),
            "\"l2\"");
  const auto sum = With({"fuse-l2"}, R"(%b: f32[3,1] = reduce(%x, %last, mode="sum")
    %y: f32[3,1] = sqrt(%b)
    )");
  EXPECT_EQ(CountNodes(sum.graph), 2);
}

TEST(PowerOfRoot, OfWhatIsNeverNegative) {
  const auto c = With({"power-of-root"}, R"(%q: f32[3,N] = mul(%x, %x)
    %r: f32[3,N] = sqrt(%q)
    %y: f32[3,N] = pow(%r, %two)
    )");
  ExpectOne(c, "mul");
  const auto any = With({"power-of-root"}, R"(%r: f32[3,N] = sqrt(%x)
    %y: f32[3,N] = pow(%r, %two)
    )");
  EXPECT_EQ(CountNodes(any.graph), 2);
}

TEST(FuseSoftmax, WithAndWithoutTheLargest) {
  ExpectOne(With({"fuse-softmax"}, R"(%e: f32[3,N] = exp(%x)
    %s: f32[3,1] = reduce(%e, %last, mode="sum")
    %y: f32[3,N] = div(%e, %s)
    )"),
            "softmax");
  ExpectOne(With({"fuse-softmax"}, R"(%m: f32[3,1] = reduce(%x, %last, mode="max")
    %z: f32[3,N] = sub(%x, %m)
    %e: f32[3,N] = exp(%z)
    %s: f32[3,1] = reduce(%e, %last, mode="sum")
    %y: f32[3,N] = div(%e, %s)
    )"),
            "softmax");
  // The largest of another axis still cancels, but is not part of it.
  const auto other = With({"fuse-softmax"}, R"(%m: f32[1,N] = reduce(%x, %first, mode="max")
    %z: f32[3,N] = sub(%x, %m)
    %e: f32[3,N] = exp(%z)
    %s: f32[3,1] = reduce(%e, %last, mode="sum")
    %y: f32[3,N] = div(%e, %s)
    )");
  EXPECT_EQ(CountOps(other.graph, "sub"), 1);
  const auto twice = With({"fuse-softmax"}, R"(%e: f32[3,N] = exp(%x)
    %s: f32[3,1] = reduce(%e, %last, mode="sum")
    %d: f32[3,N] = div(%e, %s)
    %y: f32[3,N] = add(%d, %e)
    )");
  EXPECT_EQ(CountOps(twice.graph, "softmax"), 0);
}

TEST(FuseLogSoftmax, Spellings) {
  ExpectOne(With({"fuse-log"}, R"(%s: f32[3,N] = softmax(%x, axis=1)
    %y: f32[3,N] = log(%s)
    )"),
            "log");
  ExpectOne(With({"fuse-log", "fuse-log-softmax"}, R"(%m: f32[3,1] = reduce(%x, %last, mode="max")
    %z: f32[3,N] = sub(%x, %m)
    %e: f32[3,N] = exp(%z)
    %s: f32[3,1] = reduce(%e, %last, mode="sum")
    %l: f32[3,1] = log(%s)
    %y: f32[3,N] = sub(%z, %l)
    )"),
            "softmax");
  const auto hard = With({"fuse-log"}, R"(%s: f32[3,N] = softmax(%x, axis=1, mode="hard")
    %y: f32[3,N] = log(%s)
    )");
  EXPECT_EQ(CountOps(hard.graph, "log"), 1);
}

TEST(FuseLogSumExp, WithTheLargest) {
  Graph kept = test::Parse(R"(const %last: i64[1] = [-1]
    main (%x: f32[3,N]) {
    %m: f32[3,1] = reduce(%x, %last, mode="max")
    %z: f32[3,N] = sub(%x, %m)
    %l: f32[3] = reduce(%z, %last, mode="log_sum_exp", keep_dims=0)
    %n: f32[3] = squeeze(%m, %last)
    %y: f32[3] = add(%l, %n)
    yield(%y)
  })");
  ASSERT_TRUE(Simplify(kept, Only({"fuse-log-sum-exp"}), nullptr).ok());
  EXPECT_EQ(CountNodes(kept), 1) << test::Print(kept);
}

// As decompositions write it: an infinite maximum is not taken away from itself.
TEST(FuseLogSumExp, WithTheLargestWhereItIsFinite) {
  const auto reductions = [](const char* kept, const char* added, const char* number) {
    Graph graph = test::Parse(std::string("const %last: i64[1] = [-1]\nconst %inf: f32[] = [") + number + R"(]
      const %zero: f32[] = [0]
      main (%x: f32[3,N]) {
      %m: f32[3,1] = reduce(%x, %last, mode="max")
      %a: f32[3,1] = abs(%m)
      %q: bool[3,1] = equal(%a, %inf)
      %f: f32[3,1] = where(%q, %zero, %m)
      %z: f32[3,N] = sub(%x, %f)
      )" + kept + added + "yield(%y)\n}\n");
    EXPECT_TRUE(Simplify(graph, Only({"fuse-log-sum-exp"}), nullptr).ok());
    return CountNodes(graph);
  };
  const char* kept = "%l: f32[3,1] = reduce(%z, %last, mode=\"log_sum_exp\")\n";
  const char* dropped = "%l: f32[3] = reduce(%z, %last, mode=\"log_sum_exp\", keep_dims=0)\n";
  const char* again = R"(%m2: f32[3] = reduce(%x, %last, mode="max", keep_dims=0)
      %a2: f32[3] = abs(%m2)
      %q2: bool[3] = equal(%a2, %inf)
      %f2: f32[3] = where(%q2, %zero, %m2)
      %y: f32[3] = add(%l, %f2)
      )";
  EXPECT_EQ(reductions(kept, "%y: f32[3,1] = add(%l, %f)\n", "inf"), 1);
  EXPECT_EQ(reductions(dropped, again, "inf"), 1);
  // Another bound, and what was taken away without being added.
  EXPECT_GT(reductions(kept, "%y: f32[3,1] = add(%l, %f)\n", "100"), 1);
  EXPECT_GT(reductions(kept, "%y: f32[3,1] = add(%l, %m)\n", "inf"), 1);
}

}  // namespace
}  // namespace godwit
