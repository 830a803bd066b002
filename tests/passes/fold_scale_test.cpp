// Scales and shifts of channels go into the weights around them.
#include <string>

#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;
using test::Only;
using test::Same;

const std::string kNorm = R"(
  const %gamma: f32[4] = [0.5,-2.0,1.5,0.25]
  const %beta: f32[4] = [0.1,0.2,-0.3,0.0]
  const %mean: f32[4] = [0.0,1.0,-1.0,0.5]
  const %var: f32[4] = [1.0,0.25,4.0,2.0]
)";
const std::string kWeight = R"(
  const %w: f32[4,2,1,2] = [1.0,2.0,3.0,-4.0,0.5,0.25,1.0,1.0,-1.0,2.0,0.5,3.0,1.0,0.5,-0.25,2.0]
  const %b: f32[4] = [1.0,-1.0,0.5,0.0]
)";

test::Checked Up(const std::string& body) { return CheckSimplify(body, Only({"fold-scale-up"}), Same::kClose); }
test::Checked Down(const std::string& body) { return CheckSimplify(body, Only({"fold-scale-down"}), Same::kClose); }

TEST(FoldScaleUp, NormIntoConv) {
  const auto c = Up(kNorm + kWeight + R"(main (%x: f32[N,2,H,5]) {
    %a: f32[N,4,H,4] = conv(%x, %w, %b)
    %y: f32[N,4,H,4] = batch_norm(%a, %gamma, %beta, %mean, %var)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(FoldScaleUp, NormIntoConvWithoutBiasAndWithGroups) {
  const auto c = Up(kNorm + kWeight + R"(main (%x: f32[1,4,3,5]) {
    %a: f32[1,4,3,4] = conv(%x, %w, group=2)
    %y: f32[1,4,3,4] = batch_norm(%a, %gamma, %beta, %mean, %var, epsilon=0.5)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 1);
}

// A weight that others have too is copied for one node less only as long as it is small, or where all take the same.
TEST(FoldScaleUp, LargeSharedWeightsAreNotCopied) {
  const auto nodes = [](int64_t width, const std::string& second) {
    std::string numbers = "0.5";
    for (int64_t k = 1; k < 64 * width; ++k) numbers += ",0.5";
    const std::string w = std::to_string(width);
    const auto c = Up("const %w: f32[" + w + ",64] = [" + numbers + "]\nmain (%x: f32[N," + w + "], %z: f32[N," + w +
                      "]) {\n%a: f32[N,64] = gemm(%x, %w)\n%b: f32[N,64] = gemm(%z, %w)\n" +
                      "%c: f32[N,64] = neg(%a)\n%d: f32[N,64] = " + second + "(%b)\nyield(%c, %d)\n}");
    return CountOps(c.graph, "neg");
  };
  EXPECT_EQ(nodes(16, "exp"), 0);
  EXPECT_EQ(nodes(128, "exp"), 1);
  EXPECT_EQ(nodes(128, "neg"), 0);
}

TEST(FoldScaleUp, ChannelsLast) {
  const auto c =
      Up(kNorm + R"(const %w: f32[1,2,2,4] = [1.0,2.0,3.0,-4.0,0.5,0.25,1.0,1.0,-1.0,2.0,0.5,3.0,1.0,0.5,-0.25,2.0]
  main (%x: f32[N,3,5,2]) {
    %a: f32[N,3,4,4] = conv(%x, %w, channel_axis=3, weight_layout="hwio")
    %y: f32[N,3,4,4] = batch_norm(%a, %gamma, %beta, %mean, %var, channel_axis=3)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(FoldScaleUp, NormIntoGroupedTransposedConv) {
  const auto c =
      Up(kNorm + R"(const %w: f32[4,2,2,1] = [1.0,2.0,3.0,-4.0,0.5,0.25,1.0,1.0,-1.0,2.0,0.5,3.0,1.0,0.5,-0.25,2.0]
  main (%x: f32[1,4,3,2]) {
    %a: f32[1,4,4,2] = conv_transpose(%x, %w, group=2)
    %y: f32[1,4,4,2] = batch_norm(%a, %gamma, %beta, %mean, %var)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(FoldScaleUp, HalfTypesRoundOnce) {
  const auto c = Up(R"(const %w: f16[4,1] = [1.0,2.0,3.0,-4.0]
  const %s: f16[4] = [0.5,2.0,0.25,1.5]
  main (%x: f16[N,1]) {
    %a: f16[N,4] = gemm(%x, %w, transpose_b=1)
    %y: f16[N,4] = mul(%a, %s)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(FoldScaleUp, HalfTypesKeepTheirRange) {
  const auto c = Up(R"(const %w: f16[4,1] = [1.0,2.0,3.0,-4.0]
  const %s: f16[] = [30000.0]
  main (%x: f16[N,1]) {
    %a: f16[N,4] = gemm(%x, %w, transpose_b=1)
    %y: f16[N,4] = mul(%a, %s)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 2);
}

TEST(FoldScaleUp, ArithmeticIntoGemm) {
  const auto c = Up(R"(const %w: f32[2,3] = [1.0,2.0,3.0,-4.0,0.5,0.25]
  const %b: f32[3] = [1.0,-1.0,0.5]
  const %s: f32[1,3] = [0.5,2.0,-1.0]
  const %k: f32[] = [4.0]
  main (%x: f32[N,2]) {
    %a: f32[N,3] = gemm(%x, %w, %b, alpha=0.5, beta=2.0)
    %c: f32[N,3] = mul(%a, %s)
    %d: f32[N,3] = sub(%k, %c)
    %y: f32[N,3] = div(%d, %k)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(FoldScaleUp, LayerScaleThroughViews) {
  const auto c = Up(R"(const %w: f32[2,4] = [1.0,2.0,3.0,-4.0,0.5,0.25,1.0,1.0]
  const %b: f32[4] = [1.0,-1.0,0.5,2.0]
  const %s: f32[4,1,1] = [0.5,2.0,-1.0,3.0]
  const %shape: i64[4] = [1,2,3,4]
  main (%x: f32[1,6,2]) {
    %a: f32[1,6,4] = matmul(%x, %w)
    %c: f32[1,6,4] = add(%b, %a)
    %d: f32[1,2,3,4] = reshape(%c, %shape)
    %e: f32[1,4,2,3] = transpose(%d, perm=[0,3,1,2])
    %y: f32[1,4,2,3] = mul(%e, %s)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 4);
}

TEST(FoldScaleUp, OnePartOfAProduct) {
  const auto c = Up(
      R"(const %w: f32[2,12] = [1.0,2.0,3.0,-4.0,0.5,0.25,1.0,1.0,2.0,3.0,1.0,1.0,1.0,2.0,3.0,-4.0,0.5,0.25,1.0,1.0,2.0,3.0,1.0,1.0]
  const %shape: i64[5] = [1,3,3,2,2]
  const %zero: i64[] = [0]
  const %one: i64[] = [1]
  const %s: f32[] = [0.125]
  main (%x: f32[1,3,2]) {
    %a: f32[1,3,12] = matmul(%x, %w)
    %b: f32[1,3,3,2,2] = reshape(%a, %shape)
    %c: f32[3,1,2,3,2] = transpose(%b, perm=[2,0,3,1,4])
    %q: f32[1,2,3,2] = gather(%c, %zero, axis=0)
    %k: f32[1,2,3,2] = gather(%c, %one, axis=0)
    %y: f32[1,2,3,2] = mul(%q, %s)
    yield(%y, %k)
  })");
  EXPECT_EQ(CountOps(c.graph, "mul"), 0);
}

TEST(FoldScaleUp, NotWhereOthersReadTheSame) {
  const auto c = Up(R"(const %w: f32[2,4] = [1.0,2.0,3.0,-4.0,0.5,0.25,1.0,1.0]
  const %s: f32[] = [0.125]
  main (%x: f32[3,2]) {
    %a: f32[3,4] = matmul(%x, %w)
    %y: f32[3,4] = mul(%a, %s)
    yield(%y, %a)
  })");
  EXPECT_EQ(CountOps(c.graph, "mul"), 1);
}

TEST(FoldScaleUp, ThroughSumsConcatsAndMeans) {
  const auto c = Up(kNorm + kWeight + R"(const %axes: i64[2] = [2,3]
  main (%x: f32[N,2,3,5], %z: f32[N,2,3,5]) {
    %a: f32[N,4,3,4] = conv(%x, %w, %b)
    %c: f32[N,4,3,4] = conv(%z, %w)
    %d: f32[N,4,3,4] = add(%a, %c)
    %e: f32[N,4,2,3] = avg_pool(%d, kernel=[2,2])
    %y: f32[N,4,2,3] = batch_norm(%e, %gamma, %beta, %mean, %var)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 4);
}

TEST(FoldScaleUp, ChainsOfConstantsAndNorms) {
  const auto c = Up(kNorm + R"(const %s: f32[4,1] = [2.0,0.5,-1.0,4.0]
  main (%x: f32[N,4,2]) {
    %a: f32[N,4,2] = batch_norm(%x, %gamma, %beta, %mean, %var)
    %b: f32[N,4,2] = mul(%a, %s)
    %y: f32[N,4,2] = add(%b, %s)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(FoldScaleUp, LayerNormTakesIt) {
  const auto c = Up(kNorm + R"(main (%x: f32[N,4]) {
    %a: f32[N,4] = layer_norm(%x, %gamma, %beta)
    %b: f32[N,4] = mul(%a, %var)
    %y: f32[N,4] = add(%mean, %b)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(FoldScaleUp, NotOnTraining) {
  const auto c = Up(kNorm + kWeight + R"(main (%x: f32[1,2,3,5]) {
    %a: f32[1,4,3,4] = conv(%x, %w)
    %y: f32[1,4,3,4], %m: f32[4], %v: f32[4] = batch_norm(%a, %gamma, %beta, %mean, %var, training=1)
    yield(%y, %m, %v)
  })");
  EXPECT_EQ(CountNodes(c.graph), 2);
}

TEST(FoldScaleDown, IntoTheNextConv) {
  const auto c = Down(R"(const %w: f32[4,2,1,2] = [1.0,2.0,3.0,-4.0,0.5,0.25,1.0,1.0,-1.0,2.0,0.5,3.0,1.0,0.5,-0.25,2.0]
  const %s: f32[2,1,1] = [2.0,-0.5]
  const %t: f32[2,1,1] = [0.5,1.0]
  const %r: f32[4] = [1.0,2.0,3.0,4.0]
  main (%x: f32[N,2,3,5]) {
    %a: f32[N,2,3,5] = relu(%x)
    %m: f32[N,2,3,5] = mul(%a, %s)
    %n: f32[N,2,3,5] = add(%m, %t)
    %y: f32[N,4,3,4] = conv(%n, %w)
    %z: f32[N,4,3,4] = conv(%n, %w, %r)
    yield(%y, %z)
  })");
  EXPECT_EQ(CountNodes(c.graph), 3);
}

TEST(FoldScaleDown, ShiftStopsAtPadding) {
  const auto c = Down(kWeight + R"(const %s: f32[2,1,1] = [2.0,-0.5]
  main (%x: f32[1,2,3,5]) {
    %m: f32[1,2,3,5] = mul(%x, %s)
    %y: f32[1,4,3,6] = conv(%m, %w, pads=[0,1,0,1])
    %n: f32[1,2,3,5] = add(%x, %s)
    %z: f32[1,4,3,6] = conv(%n, %w, pads=[0,1,0,1])
    yield(%y, %z)
  })");
  EXPECT_EQ(CountOps(c.graph, "mul"), 0);
  EXPECT_EQ(CountOps(c.graph, "add"), 1);
}

TEST(FoldScaleDown, ThroughMeanAndViewIntoGemm) {
  const auto c = Down(kNorm + R"(const %w: f32[4,2] = [1.0,2.0,3.0,-4.0,0.5,0.25,1.0,1.0]
  const %axes: i64[2] = [2,3]
  const %k: f32[4,1,1] = [1.0,2.0,-3.0,0.5]
  const %shape: i64[2] = [-1,4]
  main (%x: f32[N,4,2,3]) {
    %a: f32[N,4,2,3] = mul(%x, %k)
    %b: f32[N,4,1,1] = reduce(%a, %axes, mode="mean")
    %c: f32[N,4] = reshape(%b, %shape)
    %y: f32[N,2] = gemm(%c, %w)
    yield(%y)
  })");
  EXPECT_EQ(CountNodes(c.graph), 3);
}

// A product has no place for a bias: the shift goes into what is added behind it, if anything is, or stands behind it
// where that lets the scale before it go.
TEST(FoldScaleDown, ShiftMeetsTheConstantBehindAProduct) {
  const std::string head = R"(const %w: f32[2,3] = [1.0,2.0,3.0,-4.0,0.5,0.25]
  const %s: f32[2] = [2.0,-0.5]
  const %t: f32[2] = [0.5,1.0]
  const %b: f32[3] = [1.0,-1.0,0.5]
  main (%x: f32[N,4,2]) {
    %a: f32[N,4,2] = relu(%x)
    %m: f32[N,4,2] = mul(%a, %s)
    %n: f32[N,4,2] = add(%m, %t)
    %y: f32[N,4,3] = matmul(%n, %w))";
  const auto meets = CheckSimplify(head + R"(
    %z: f32[N,4,3] = add(%b, %y)
    yield(%z)
  })",
                                   Only({"fold-scale-down", "fold-scale-up"}), Same::kClose);
  EXPECT_EQ(CountOps(meets.graph, "mul"), 0);
  EXPECT_EQ(CountOps(meets.graph, "add"), 1);
  const auto alone = Down(head + R"(
    yield(%y)
  })");
  EXPECT_EQ(CountOps(alone.graph, "add"), 1);
  EXPECT_EQ(CountOps(alone.graph, "mul"), 0);
  // Two products would have a sum each.
  const auto two = Down(head + R"(
    %q: f32[N,4,3] = matmul(%n, %w)
    %e: f32[N,4,3] = exp(%q)
    yield(%y, %e)
  })");
  EXPECT_EQ(CountOps(two.graph, "add"), 1);
  EXPECT_EQ(CountOps(two.graph, "mul"), 1);
}

TEST(FoldPoolDifference, ScaleBehindShiftAway) {
  const auto c = CheckSimplify(R"(const %s: f32[2,1,1] = [2.0,-0.5]
  main (%x: f32[N,2,3,5]) {
    %m: f32[N,2,3,5] = mul(%x, %s)
    %n: f32[N,2,3,5] = add(%m, %s)
    %p: f32[N,2,3,5] = avg_pool(%n, kernel=[3,3], pads=[1,1,1,1])
    %y: f32[N,2,3,5] = sub(%p, %n)
    yield(%y)
  })",
                               Only({"fold-pool-difference"}), Same::kClose);
  EXPECT_EQ(CountNodes(c.graph), 3);
}

TEST(JoinFactors, OfQueriesAndKeys) {
  const auto c = CheckSimplify(R"(const %s: f32[] = [0.5]
  main (%q: f32[2,3,4], %k: f32[2,5,4]) {
    %a: f32[2,3,4] = mul(%q, %s)
    %b: f32[2,5,4] = mul(%k, %s)
    %t: f32[2,4,5] = transpose(%b, perm=[0,2,1])
    %y: f32[2,3,5] = matmul(%a, %t)
    yield(%y)
  })",
                               Only({"join-factors"}), Same::kClose);
  EXPECT_EQ(CountOps(c.graph, "mul"), 1);
}

}  // namespace
}  // namespace godwit
