// Chains of bounds, and relu, leaky_relu and prelu in all their spellings.
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;
using test::Only;
using test::Same;

test::Checked With(std::initializer_list<const char*> rules, const std::string& nodes, const char* type = "f32[2,N]") {
  return CheckSimplify(R"(const %zero: f32[] = [0]
    const %six: f32[] = [6]
    const %two: f32[1] = [2]
    const %tenth: f32[] = [0.1]
    const %slopes: f32[2,1] = [0.5,-0.25]
    main (%x: )" + std::string(type) +
                           ") {\n" + nodes + "yield(%y)\n}\n",
                       Only(rules), Same::kClose);
}
void ExpectOne(const test::Checked& c, const char* op) {
  EXPECT_EQ(CountNodes(c.graph), 1) << test::Print(c.graph);
  EXPECT_EQ(CountOps(c.graph, op), 1) << test::Print(c.graph);
}

TEST(FuseClip, Chains) {
  ExpectOne(With({"fuse-clip"}, R"(%a: f32[2,N] = max(%x, %zero)
    %y: f32[2,N] = min(%six, %a)
    )"),
            "clip");
  ExpectOne(With({"fuse-clip"}, "%y: f32[2,N] = max(%x, %zero)\n"), "relu");
  ExpectOne(With({"fuse-clip"}, R"(%a: f32[2,N] = clip(%x, %zero, %six)
    %b: f32[2,N] = relu(%a)
    %y: f32[2,N] = min(%b, %two)
    )"),
            "clip");
  ExpectOne(With({"fuse-clip"}, R"(%a: f32[2,N] = min(%x, %zero)
    %y: f32[2,N] = max(%a, %two)
    )"),
            "clip");
}

TEST(FuseClip, NotTensorsOrOtherUsers) {
  const auto wide = With({"fuse-clip"}, R"(%a: f32[2,N] = max(%x, %slopes)
    %y: f32[2,N] = min(%a, %six)
    )");
  EXPECT_EQ(CountNodes(wide.graph), 2);
  const auto used = CheckSimplify(R"(const %six: f32[] = [6]
    main (%x: f32[3]) {
    %a: f32[3] = relu(%x)
    %y: f32[3] = min(%a, %six)
    yield(%y, %a)
  })",
                                  Only({"fuse-clip"}), Same::kClose);
  EXPECT_EQ(CountOps(used.graph, "clip"), 0);
}

TEST(FuseLeakyRelu, OfMax) {
  ExpectOne(With({"fuse-leaky-relu"}, R"(%a: f32[2,N] = mul(%x, %tenth)
    %y: f32[2,N] = max(%a, %x)
    )"),
            "leaky_relu");
  ExpectOne(With({"fuse-leaky-relu"}, R"(%a: f32[2,N] = leaky_relu(%x, alpha=0.1)
    %y: f32[2,N] = max(%x, %a)
    )"),
            "leaky_relu");
  const auto steep = With({"fuse-leaky-relu"}, R"(%a: f32[2,N] = mul(%x, %two)
    %y: f32[2,N] = max(%a, %x)
    )");
  EXPECT_EQ(CountOps(steep.graph, "max"), 1);
}

TEST(FusePRelu, OfWhere) {
  ExpectOne(With({"fuse-prelu-where"}, R"(%c: bool[2,N] = less(%zero, %x)
    %a: f32[2,N] = mul(%x, %tenth)
    %y: f32[2,N] = where(%c, %x, %a)
    )"),
            "leaky_relu");
  ExpectOne(With({"fuse-prelu-where"}, R"(%c: bool[2,N] = less(%x, %zero)
    %a: f32[2,N] = mul(%slopes, %x)
    %y: f32[2,N] = where(%c, %a, %x)
    )"),
            "prelu");
  ExpectOne(With({"fuse-prelu-where"}, R"(%c: bool[2,N] = less(%x, %zero)
    %y: f32[2,N] = where(%c, %zero, %x)
    )"),
            "relu");
  // NaN would become 0 here.
  const auto nan = With({"fuse-prelu-where"}, R"(%c: bool[2,N] = less(%zero, %x)
    %y: f32[2,N] = where(%c, %x, %zero)
    )");
  EXPECT_EQ(CountOps(nan.graph, "where"), 1);
}

TEST(FusePRelu, OfSums) {
  ExpectOne(With({"fuse-prelu-sum"}, R"(%p: f32[2,N] = relu(%x)
    %n: f32[2,N] = neg(%x)
    %q: f32[2,N] = relu(%n)
    %s: f32[2,N] = mul(%tenth, %q)
    %y: f32[2,N] = sub(%p, %s)
    )"),
            "leaky_relu");
  ExpectOne(With({"fuse-prelu-sum"}, R"(%p: f32[2,N] = relu(%x)
    %q: f32[2,N] = min(%x, %zero)
    %s: f32[2,N] = mul(%q, %slopes)
    %y: f32[2,N] = add(%s, %p)
    )"),
            "prelu");
  const auto negated = With({"fuse-prelu-sum"}, R"(%p: f32[2,N] = relu(%x)
    %n: f32[2,N] = neg(%x)
    %q: f32[2,N] = relu(%n)
    %s: f32[2,N] = mul(%slopes, %q)
    %y: f32[2,N] = add(%p, %s)
    )");
  EXPECT_EQ(CountOps(negated.graph, "prelu"), 1);
  const auto other = With({"fuse-prelu-sum"}, R"(%p: f32[2,N] = relu(%x)
    %q: f32[2,N] = min(%x, %six)
    %s: f32[2,N] = mul(%q, %slopes)
    %y: f32[2,N] = add(%s, %p)
    )");
  EXPECT_EQ(CountOps(other.graph, "prelu"), 0);
}

TEST(FusePRelu, OfMagnitude) {
  Graph graph = test::Parse(R"(const %k: f32[3,1,1] = [0.05,0.1,0.15]
    const %half: f32[] = [0.5]
    main (%x: f32[1,3,2,2]) {
    %p: f32[1,3,2,2] = relu(%x)
    %m: f32[1,3,2,2] = abs(%x)
    %d: f32[1,3,2,2] = sub(%x, %m)
    %s: f32[1,3,2,2] = mul(%k, %d)
    %t: f32[1,3,2,2] = mul(%s, %half)
    %y: f32[1,3,2,2] = add(%p, %t)
    yield(%y)
  })");
  ASSERT_TRUE(Simplify(graph, Only({"fuse-prelu-sum"}), nullptr).ok());
  EXPECT_EQ(CountOps(graph, "prelu"), 1) << test::Print(graph);
}

TEST(FuseAbs, OfMax) {
  ExpectOne(With({"fuse-abs"}, R"(%n: f32[2,N] = neg(%x)
    %y: f32[2,N] = max(%n, %x)
    )"),
            "abs");
}

}  // namespace
}  // namespace godwit
