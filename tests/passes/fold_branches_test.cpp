// Parallel convolutions, normalisations and identities of one value become one convolution.
#include <string>

#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;
using test::Only;
using test::Same;

const std::string kWeights = R"(
  const %w3: f32[2,2,3,3] = [1.0,2.0,3.0,-4.0,0.5,0.25,1.0,1.0,-1.0,2.0,0.5,3.0,1.0,0.5,-0.25,2.0,1.0,2.0,3.0,-4.0,0.5,0.25,1.0,1.0,-1.0,2.0,0.5,3.0,1.0,0.5,-0.25,2.0,4.0,1.0,0.0,2.0]
  const %w1: f32[2,2,1,1] = [1.0,-2.0,0.5,3.0]
  const %d3: f32[2,1,3,3] = [1.0,2.0,3.0,-4.0,0.5,0.25,1.0,1.0,-1.0,2.0,0.5,3.0,1.0,0.5,-0.25,2.0,1.0,2.0]
  const %d1: f32[2,1,1,1] = [0.5,4.0]
  const %b: f32[2] = [1.0,-1.0]
  const %gamma: f32[2] = [0.5,-2.0]
  const %beta: f32[2] = [0.1,0.2]
  const %mean: f32[2] = [0.0,1.0]
  const %var: f32[2] = [1.0,0.25]
  const %s: f32[2,1,1] = [3.0,0.5]
)";

test::Checked Join(const std::string& main) {
  return CheckSimplify(kWeights + main, Only({"join-branches"}), Same::kClose);
}

TEST(JoinBranches, ThreeByThreeOneByOneAndNorm) {
  const auto c = Join(R"(main (%x: f32[N,2,H,5]) {
    %a: f32[N,2,H,5] = conv(%x, %w3, %b, pads=[1,1,1,1])
    %c: f32[N,2,H,5] = conv(%x, %w1)
    %d: f32[N,2,H,5] = batch_norm(%x, %gamma, %beta, %mean, %var)
    %e: f32[N,2,H,5] = add(%a, %c)
    %y: f32[N,2,H,5] = add(%d, %e)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(JoinBranches, Strided) {
  const auto c = Join(R"(main (%x: f32[N,2,7,8]) {
    %a: f32[N,2,4,4] = conv(%x, %w3, %b, pads=[1,1,1,1], strides=[2,2])
    %c: f32[N,2,4,4] = conv(%x, %w1, %b, strides=[2,2])
    %y: f32[N,2,4,4] = sub(%c, %a)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(JoinBranches, DepthwiseChainWithResidual) {
  const auto c = Join(R"(main (%x: f32[N,2,4,5]) {
    %a: f32[N,2,4,5] = conv(%x, %d3, pads=[1,1,1,1], group=2)
    %n: f32[N,2,4,5] = batch_norm(%x, %gamma, %beta, %mean, %var)
    %c: f32[N,2,4,5] = conv(%x, %d1, %b, group=2)
    %e: f32[N,2,4,5] = add(%c, %n)
    %f: f32[N,2,4,5] = add(%e, %a)
    %m: f32[N,2,4,5] = mul(%x, %s)
    %g: f32[N,2,4,5] = sub(%f, %m)
    %y: f32[N,2,4,5] = add(%x, %g)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(JoinBranches, Dilated) {
  const auto c = Join(R"(main (%x: f32[N,2,7,8]) {
    %a: f32[N,2,7,8] = conv(%x, %w3, pads=[2,2,2,2], dilations=[2,2])
    %c: f32[N,2,7,8] = conv(%x, %w1)
    %y: f32[N,2,7,8] = add(%c, %a)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 1);
}

// Taps that lie between and around one another; weights in any layout.
TEST(JoinBranches, PartsOfOneWindow) {
  const auto c = Join(R"(
    const %inner: f32[2,1,3,1] = [1.0,2.0,3.0,-4.0,0.5,0.25]
    const %outer: f32[1,2,1,2] = [4.0,3.0,2.0,-1.0]
    main (%x: f32[N,2,H,4]) {
    %a: f32[N,2,H,4] = conv(%x, %inner, %b, pads=[1,0,1,0], group=2)
    %c: f32[N,2,H,4] = conv(%x, %outer, auto_pad="same_upper", dilations=[4,1], group=2, weight_layout="ihwo")
    %y: f32[N,2,H,4] = add(%a, %c)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 1) << test::Print(c.graph);
  // What would need more multiplications stays.
  const auto apart = Join(R"(
    const %inner: f32[2,1,3,1] = [1.0,2.0,3.0,-4.0,0.5,0.25]
    const %outer: f32[2,1,2,1] = [4.0,3.0,2.0,-1.0]
    main (%x: f32[N,2,H,4]) {
    %a: f32[N,2,H,4] = conv(%x, %inner, %b, pads=[1,0,1,0], group=2)
    %c: f32[N,2,H,4] = conv(%x, %outer, pads=[3,0,3,0], dilations=[6,1], group=2)
    %y: f32[N,2,H,4] = add(%a, %c)
    yield(%y)
  })");
  EXPECT_EQ(CountOps(apart.graph, "conv"), 2);
}

// A product and a sum by channel are a normalisation.
TEST(JoinBranches, NormsThatAreWrittenOut) {
  const auto c = Join(R"(
    const %g: f32[2,1,1] = [0.5,-2.0]
    const %h: f32[2,1,1] = [1.0,0.25]
    main (%x: f32[N,2,H,5]) {
    %a: f32[N,2,H,5] = conv(%x, %w3, %b, pads=[1,1,1,1])
    %m: f32[N,2,H,5] = mul(%x, %g)
    %n: f32[N,2,H,5] = add(%m, %h)
    %e: f32[N,2,H,5] = add(%a, %n)
    %o: f32[N,2,H,5] = mul(%x, %s)
    %p: f32[N,2,H,5] = add(%o, %g)
    %y: f32[N,2,H,5] = sub(%e, %p)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 1) << test::Print(c.graph);
}

TEST(JoinBranches, WeightsAreCalledAsTheOnlyOneWithANameWas) {
  const auto joined = [](const std::string& other) {
    const auto c = Join("const %" + other + R"(: f32[2,2,1,1] = [1.0,-2.0,0.5,3.0]
    main (%x: f32[N,2,H,5]) {
      %a: f32[N,2,H,5] = conv(%x, %)" +
                        other + R"()
      %c: f32[N,2,H,5] = conv(%x, %w3, %b, pads=[1,1,1,1])
      %y: f32[N,2,H,5] = add(%a, %c)
      yield(%y)
    })");
    EXPECT_EQ(CountNodes(c.graph), 1);
    return test::Print(c.graph);
  };
  const std::string one = joined("0"), both = joined("other");
  EXPECT_NE(one.find("const %w3: f32[2,2,3,3]"), std::string::npos) << one;
  EXPECT_NE(one.find("const %b: f32[2]"), std::string::npos) << one;
  EXPECT_EQ(both.find("const %w3:"), std::string::npos) << both;
}

TEST(JoinBranches, ScalingsAndNorms) {
  const auto c = Join(R"(main (%x: f32[N,2,3]) {
    %a: f32[N,2,3] = batch_norm(%x, %gamma, %beta, %mean, %var)
    %c: f32[N,2,3] = batch_norm(%x, %beta, %gamma, %mean, %var)
    %d: f32[N,2,3] = add(%a, %c)
    %y: f32[N,2,3] = add(%d, %x)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(JoinBranches, NotOfOtherStridesOperandsOrReaders) {
  const auto c = Join(R"(main (%x: f32[N,2,4,4], %z: f32[N,2,4,4]) {
    %a: f32[N,2,4,4] = conv(%x, %w3, pads=[1,1,1,1])
    %c: f32[N,2,4,4] = conv(%z, %w1)
    %y: f32[N,2,4,4] = add(%a, %c)
    %e: f32[N,2,4,4] = conv(%x, %w1)
    %f: f32[N,2,4,4] = add(%e, %x)
    %k: f32[N,2,2,2] = conv(%x, %w3)
    %l: f32[N,2,2,2] = conv(%x, %w1, strides=[2,2])
    %m: f32[N,2,2,2] = add(%k, %l)
    yield(%y, %f, %e, %m)
  })");
  EXPECT_EQ(CountNodes(c.graph), 8);
}

}  // namespace
}  // namespace godwit
