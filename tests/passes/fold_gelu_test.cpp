// GELU written out, between linear layers.
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
  const %w: f32[2,3] = [1.0,2.0,3.0,-4.0,0.5,0.25]
  const %v: f32[3,2] = [1.0,2.0,3.0,-4.0,0.5,0.25]
  const %b: f32[3] = [1.0,-1.0,0.5]
  const %root: f32[] = [1.4142135]
  const %half: f32[] = [0.5]
  const %one: f32[] = [1.0]
)";

TEST(ScaleGelu, BothFactorsGo) {
  const auto c = CheckSimplify(kWeights + R"(main (%x: f32[N,2]) {
    %a: f32[N,3] = gemm(%x, %w, %b)
    %d: f32[N,3] = div(%a, %root)
    %e: f32[N,3] = erf(%d)
    %f: f32[N,3] = add(%e, %one)
    %g: f32[N,3] = mul(%a, %f)
    %h: f32[N,3] = mul(%g, %half)
    %y: f32[N,2] = gemm(%h, %v)
    yield(%y)
  })",
                               Only({"scale-gelu"}), Same::kClose);
  EXPECT_EQ(CountNodes(c.graph), 5);
  EXPECT_EQ(CountOps(c.graph, "div"), 0);
}

TEST(ScaleGelu, OtherOrders) {
  const auto c = CheckSimplify(kWeights + R"(main (%x: f32[N,2,2]) {
    %m: f32[N,2,3] = matmul(%x, %w)
    %a: f32[N,2,3] = add(%m, %b)
    %k: f32[N,2,3] = mul(%a, %half)
    %d: f32[N,2,3] = div(%a, %root)
    %e: f32[N,2,3] = erf(%d)
    %f: f32[N,2,3] = add(%one, %e)
    %g: f32[N,2,3] = mul(%k, %f)
    %y: f32[N,2,2] = matmul(%g, %v)
    yield(%y)
  })",
                               Only({"scale-gelu"}), Same::kClose);
  EXPECT_EQ(CountNodes(c.graph), 6);
}

TEST(ScaleGelu, SmallOnesAlone) {
  const auto gelu = [](const std::string& rows) {
    return kWeights + "main (%x: f32[" + rows + ",2]) {\n%a: f32[" + rows + ",3] = gemm(%x, %w, %b)\n%d: f32[" + rows +
           ",3] = div(%a, %root)\n%e: f32[" + rows + ",3] = erf(%d)\n%f: f32[" + rows +
           ",3] = add(%e, %one)\n%g: f32[" + rows + ",3] = mul(%a, %f)\n%h: f32[" + rows +
           ",3] = mul(%g, %half)\n%y: f32[" + rows + ",2] = gemm(%h, %v)\nyield(%y)\n}";
  };
  const auto count = [&](const std::string& rows) {
    return CountNodes(CheckSimplify(gelu(rows), Only({"scale-small-gelu"}), Same::kClose, {1}).graph);
  };
  EXPECT_EQ(count("43690"), 5);  // 131070 elements
  EXPECT_EQ(count("43691"), 7);
  EXPECT_EQ(count("N"), 7);  // who knows
}

TEST(ScaleGelu, OneFactorWhereTheOtherCannot) {
  const auto c = CheckSimplify(kWeights + R"(main (%x: f32[N,2], %z: f32[N,3]) {
    %a: f32[N,3] = gemm(%x, %w, %b)
    %d: f32[N,3] = div(%a, %root)
    %e: f32[N,3] = erf(%d)
    %f: f32[N,3] = add(%e, %one)
    %g: f32[N,3] = mul(%a, %f)
    %y: f32[N,3] = mul(%g, %half)
    %p: f32[N,3] = div(%z, %root)
    %q: f32[N,3] = erf(%p)
    %r: f32[N,3] = add(%q, %one)
    %s: f32[N,3] = mul(%z, %r)
    %t: f32[N,3] = mul(%s, %half)
    %u: f32[N,2] = matmul(%t, %v)
    yield(%y, %u)
  })",
                               Only({"scale-gelu"}), Same::kClose);
  EXPECT_EQ(CountNodes(c.graph), 10);
}

TEST(ScaleGelu, NotWhereNothingTakesThem) {
  const auto c = CheckSimplify(kWeights + R"(main (%z: f32[N,3]) {
    %p: f32[N,3] = div(%z, %root)
    %q: f32[N,3] = erf(%p)
    %r: f32[N,3] = add(%q, %one)
    %s: f32[N,3] = mul(%z, %r)
    %t: f32[N,3] = mul(%s, %half)
    yield(%t)
  })",
                               Only({"scale-gelu", "fold-scale-up", "fold-scale-down"}), Same::kClose);
  EXPECT_EQ(CountNodes(c.graph), 5);
}

}  // namespace
}  // namespace godwit
