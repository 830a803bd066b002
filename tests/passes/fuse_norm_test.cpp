// Normalisations recognised, with scale and bias, over last axes, channels and groups.
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;
using test::Only;
using test::Same;

constexpr const char* kConstants = R"(const %two: f32[] = [2]
    const %last: i64[1] = [-1]
    const %one_axis: i64[1] = [1]
    const %plane: i64[2] = [2,3]
    const %eps: f32[] = [0.1]
    const %w: f32[4] = [1,2,-1,0.5]
    const %b: f32[4] = [0.5,-2,1,0]
    const %wc: f32[4,1,1] = [1,2,-1,0.5]
    const %bc: f32[1,4,1,1] = [0.5,-2,1,0]
    const %tiny: f32[] = [1e-12]
    )";
test::Checked With(std::initializer_list<const char*> rules, const char* type, const std::string& nodes) {
  return CheckSimplify(std::string(kConstants) + "main (%x: " + type + ") {\n" + nodes + "yield(%y)\n}\n", Only(rules),
                       Same::kClose);
}

constexpr const char* kLayer = R"(%m: f32[N,3,1] = reduce(%x, %last, mode="mean")
    %d: f32[N,3,4] = sub(%x, %m)
    %q: f32[N,3,4] = pow(%d, %two)
    %v: f32[N,3,1] = reduce(%q, %last, mode="mean")
    %e: f32[N,3,1] = add(%v, %eps)
    %s: f32[N,3,1] = sqrt(%e)
    )";

TEST(FuseNorm, LayerNormWithScaleAndBias) {
  const auto c = With({"fuse-norm", "fuse-norm-scale", "fuse-norm-bias"}, "f32[N,3,4]",
                      std::string(kLayer) + R"(%n: f32[N,3,4] = div(%d, %s)
    %t: f32[N,3,4] = mul(%n, %w)
    %y: f32[N,3,4] = add(%b, %t)
    )");
  EXPECT_EQ(CountNodes(c.graph), 1) << test::Print(c.graph);
  EXPECT_EQ(CountOps(c.graph, "layer_norm"), 1);
}

TEST(FuseNorm, LayerNormByReciprocalAndProduct) {
  const auto c = With({"fuse-norm"}, "f32[N,3,4]", R"(%m: f32[N,3,1] = reduce(%x, %last, mode="mean")
    %d: f32[N,3,4] = sub(%x, %m)
    %q: f32[N,3,4] = mul(%d, %d)
    %v: f32[N,3,1] = reduce(%q, %last, mode="mean")
    %e: f32[N,3,1] = add(%eps, %v)
    %s: f32[N,3,1] = sqrt(%e)
    %r: f32[N,3,1] = reciprocal(%s)
    %y: f32[N,3,4] = mul(%r, %d)
    )");
  EXPECT_EQ(CountNodes(c.graph), 1) << test::Print(c.graph);
}

TEST(FuseNorm, ChannelsOfAnImage) {
  const auto c = With({"fuse-norm", "fuse-norm-scale", "fuse-norm-bias"}, "f32[N,4,H,2]",
                      R"(%m: f32[N,1,H,2] = reduce(%x, %one_axis, mode="mean")
    %d: f32[N,4,H,2] = sub(%x, %m)
    %q: f32[N,4,H,2] = pow(%d, %two)
    %v: f32[N,1,H,2] = reduce(%q, %one_axis, mode="mean")
    %e: f32[N,1,H,2] = add(%v, %eps)
    %s: f32[N,1,H,2] = sqrt(%e)
    %n: f32[N,4,H,2] = div(%d, %s)
    %t: f32[N,4,H,2] = mul(%wc, %n)
    %y: f32[N,4,H,2] = add(%t, %bc)
    )");
  EXPECT_EQ(CountOps(c.graph, "layer_norm"), 1) << test::Print(c.graph);
  EXPECT_EQ(CountOps(c.graph, "transpose"), 2) << test::Print(c.graph);
  EXPECT_EQ(CountOps(c.graph, "mul") + CountOps(c.graph, "add"), 0) << test::Print(c.graph);
}

TEST(FuseNorm, InstanceNormOfPlanes) {
  const auto c = With({"fuse-norm", "fuse-norm-scale", "fuse-norm-bias"}, "f32[N,4,H,W]",
                      R"(%m: f32[N,4,1,1] = reduce(%x, %plane, mode="mean")
    %d: f32[N,4,H,W] = sub(%x, %m)
    %q: f32[N,4,H,W] = pow(%d, %two)
    %v: f32[N,4,1,1] = reduce(%q, %plane, mode="mean")
    %e: f32[N,4,1,1] = add(%v, %eps)
    %s: f32[N,4,1,1] = sqrt(%e)
    %n: f32[N,4,H,W] = div(%d, %s)
    %t: f32[N,4,H,W] = mul(%wc, %n)
    %y: f32[N,4,H,W] = add(%t, %bc)
    )");
  EXPECT_EQ(CountOps(c.graph, "instance_norm"), 1) << test::Print(c.graph);
  EXPECT_EQ(CountOps(c.graph, "mul") + CountOps(c.graph, "add"), 0) << test::Print(c.graph);
}

TEST(FuseNorm, RmsNorm) {
  const auto c = With({"fuse-rms-norm", "fuse-norm-scale"}, "f32[N,4]", R"(%q: f32[N,4] = mul(%x, %x)
    %v: f32[N,1] = reduce(%q, %last, mode="mean")
    %e: f32[N,1] = add(%v, %eps)
    %s: f32[N,1] = sqrt(%e)
    %n: f32[N,4] = div(%x, %s)
    %y: f32[N,4] = mul(%w, %n)
    )");
  EXPECT_EQ(CountNodes(c.graph), 1) << test::Print(c.graph);
  EXPECT_EQ(CountOps(c.graph, "rms_norm"), 1);
}

TEST(FuseNorm, NotOverOtherAxesOrWithOtherUsers) {
  const auto axes = With({"fuse-norm", "fuse-rms-norm"}, "f32[N,3,4]",
                         R"(%m: f32[N,3,1] = reduce(%x, %last, mode="mean")
    %d: f32[N,3,4] = sub(%x, %m)
    %q: f32[N,3,4] = pow(%d, %two)
    %v: f32[N,1,4] = reduce(%q, %one_axis, mode="mean")
    %e: f32[N,1,4] = add(%v, %eps)
    %s: f32[N,1,4] = sqrt(%e)
    %y: f32[N,3,4] = div(%d, %s)
    )");
  EXPECT_EQ(CountOps(axes.graph, "layer_norm"), 0);
  const auto used = CheckSimplify(std::string(kConstants) + "main (%x: f32[N,3,4]) {\n" + kLayer +
                                      "%y: f32[N,3,4] = div(%d, %s)\nyield(%y, %s)\n}\n",
                                  Only({"fuse-norm", "fuse-rms-norm"}), Same::kClose);
  EXPECT_EQ(CountOps(used.graph, "layer_norm"), 0);
}

constexpr const char* kGroups = R"(const %split: i64[3] = [0,2,-1]
    const %whole: i64[3] = [0,1,-1]
    const %image: i64[4] = [0,4,3,2]
    const %w2: f32[2] = [1,1]
    const %b2: f32[2] = [0,0]
    const %w1: f32[1] = [1]
    const %b1: f32[1] = [0]
    main (%x: f32[N,4,3,2]) {
    )";
constexpr const char* kAfter = R"(%t: f32[N,4,3,2] = mul(%g, %wc)
    %y: f32[N,4,3,2] = add(%t, %bc)
    yield(%y)
    }
    )";
test::Checked Groups(std::initializer_list<const char*> rules, const std::string& nodes) {
  return CheckSimplify(std::string(kConstants) + kGroups + nodes + kAfter, Only(rules), Same::kClose);
}

TEST(FuseGroupNorm, BetweenReshapes) {
  const auto c = Groups({"fuse-group-norm", "fuse-norm-scale", "fuse-norm-bias"},
                        R"(%a: f32[N,2,12] = reshape(%x, %split)
    %i: f32[N,2,12] = instance_norm(%a, %w2, %b2, epsilon=0.1)
    %g: f32[N,4,3,2] = reshape(%i, %image)
    )");
  EXPECT_EQ(CountOps(c.graph, "group_norm"), 1) << test::Print(c.graph);
  EXPECT_EQ(CountOps(c.graph, "mul") + CountOps(c.graph, "add"), 0) << test::Print(c.graph);
}

TEST(FuseWholeNorm, OneGroup) {
  const auto c = Groups({"fuse-whole-norm", "fuse-norm-scale", "fuse-norm-bias"},
                        R"(%a: f32[N,1,24] = reshape(%x, %whole)
    %i: f32[N,1,24] = instance_norm(%a, %w1, %b1, epsilon=0.1)
    %g: f32[N,4,3,2] = reshape(%i, %image)
    )");
  EXPECT_EQ(CountOps(c.graph, "layer_norm"), 1) << test::Print(c.graph);
  EXPECT_EQ(CountOps(c.graph, "mul") + CountOps(c.graph, "add"), 0) << test::Print(c.graph);
  const auto two = Groups({"fuse-whole-norm"}, R"(%a: f32[N,2,12] = reshape(%x, %split)
    %i: f32[N,2,12] = instance_norm(%a, %w2, %b2, epsilon=0.1)
    %g: f32[N,4,3,2] = reshape(%i, %image)
    )");
  EXPECT_EQ(CountOps(two.graph, "layer_norm"), 0);
}

TEST(FuseNormScale, NotWhereItVariesElsewhere) {
  const auto rows = CheckSimplify(R"(const %ones: f32[4] = [1,1,1,1]
    const %w: f32[3,1] = [1,2,3]
    main (%x: f32[N,3,4]) {
    %n: f32[N,3,4] = layer_norm(%x, %ones)
    %y: f32[N,3,4] = mul(%n, %w)
    yield(%y)
  })",
                                  Only({"fuse-norm-scale", "fuse-norm-bias"}), Same::kClose);
  EXPECT_EQ(CountOps(rows.graph, "mul"), 1);
  const auto scaled = CheckSimplify(R"(const %w: f32[4] = [1,2,3,4]
    main (%x: f32[N,3,4]) {
    %n: f32[N,3,4] = layer_norm(%x, %w)
    %y: f32[N,3,4] = mul(%n, %w)
    yield(%y)
  })",
                                    Only({"fuse-norm-scale", "fuse-norm-bias"}), Same::kClose);
  EXPECT_EQ(CountOps(scaled.graph, "mul"), 1);
}

TEST(FuseLpNorm, PlainAndClamped) {
  Graph plain = test::Parse(std::string(kConstants) + R"(main (%x: f32[N,4]) {
    %n: f32[N,1] = reduce(%x, %last, mode="l2")
    %y: f32[N,4] = div(%x, %n)
    yield(%y)
  })");
  ASSERT_TRUE(Simplify(plain, Only({"fuse-lp-norm"}), nullptr).ok());
  EXPECT_EQ(CountOps(plain, "lp_norm"), 1);
  const char* clamped = R"(%n: f32[N,1] = reduce(%x, %last, mode="l2")
    %m: f32[N,1] = clip(%n, %tiny)
    %y: f32[N,4] = div(%x, %m)
    )";
  const auto exact = With({"fuse-lp-norm-clamped"}, "f32[N,4]", clamped);
  EXPECT_EQ(CountNodes(exact.graph), 1) << test::Print(exact.graph);
  const auto dropped = With({"fuse-lp-norm-clamped", "drop-lp-norm-epsilon"}, "f32[N,4]", clamped);
  EXPECT_EQ(test::Print(dropped.graph).find("epsilon"), std::string::npos);
  const auto max = With({"fuse-lp-norm", "fuse-lp-norm-clamped"}, "f32[N,4]",
                        R"(%n: f32[N,1] = reduce(%x, %last, mode="max")
    %y: f32[N,4] = div(%x, %n)
    )");
  EXPECT_EQ(CountOps(max.graph, "lp_norm"), 0);
}

// The bound may stand under the root, and the quotient be a product.
TEST(FuseLpNorm, FromTheSumOfSquares) {
  for (const char* quotient :
       {"%y: f32[N,4] = div(%x, %q)\n", "%i: f32[N,1] = reciprocal(%q)\n %y: f32[N,4] = mul(%x, %i)\n",
        "%i: f32[N,1] = reciprocal(%q)\n %y: f32[N,4] = mul(%i, %x)\n"}) {
    const std::string text = std::string(R"(%n: f32[N,1] = reduce(%x, %last, mode="sum_square")
    %m: f32[N,1] = max(%n, %tiny)
    %q: f32[N,1] = sqrt(%m)
    )") + quotient;
    const auto fused = With({"fuse-lp-norm-clamped"}, "f32[N,4]", text.c_str());
    EXPECT_EQ(CountOps(fused.graph, "lp_norm"), 1) << test::Print(fused.graph);
    EXPECT_EQ(CountNodes(fused.graph), 1);
  }
  const auto sum = With({"fuse-lp-norm-clamped"}, "f32[N,4]", R"(%n: f32[N,1] = reduce(%x, %last, mode="l2")
    %m: f32[N,1] = max(%n, %tiny)
    %q: f32[N,1] = sqrt(%m)
    %y: f32[N,4] = div(%x, %q)
    )");
  EXPECT_EQ(CountOps(sum.graph, "lp_norm"), 0);
}

}  // namespace
}  // namespace godwit
