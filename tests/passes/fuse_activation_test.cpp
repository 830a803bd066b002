// Activations recognised in all their spellings, and what only looks like them.
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;
using test::Only;
using test::Same;

/// Simplified with one rule alone; the same numbers within rounding.
test::Checked With(std::initializer_list<const char*> rules, const std::string& body) {
  return CheckSimplify(body, Only(rules), Same::kClose);
}
std::string Body(const std::string& constants, const std::string& nodes, const char* type = "f32[2,N]") {
  return constants + "main (%x: " + type + ") {\n" + nodes + "yield(%y)\n}\n";
}
void ExpectOne(const test::Checked& c, const char* op) {
  EXPECT_EQ(CountNodes(c.graph), 1) << test::Print(c.graph);
  EXPECT_EQ(CountOps(c.graph, op), 1) << test::Print(c.graph);
}

TEST(FuseGelu, AsTorchExportsIt) {
  ExpectOne(With({"fuse-gelu"}, Body(R"(const %r: f32[] = [1.4142135]
    const %one: f32[] = [1]
    const %half: f32[] = [0.5]
    )",
                                     R"(%a: f32[2,N] = div(%x, %r)
    %b: f32[2,N] = erf(%a)
    %c: f32[2,N] = add(%b, %one)
    %d: f32[2,N] = mul(%x, %c)
    %y: f32[2,N] = mul(%d, %half)
    )")),
            "gelu");
}

TEST(FuseGelu, HalfInsideOrFirst) {
  const char* constants = R"(const %r: f32[1] = [0.70710678]
    const %one: f32[] = [1]
    const %half: f32[1,1] = [0.5]
    )";
  ExpectOne(With({"fuse-gelu"}, Body(constants, R"(%a: f32[2,N] = mul(%r, %x)
    %b: f32[2,N] = erf(%a)
    %c: f32[2,N] = add(%one, %b)
    %d: f32[2,N] = mul(%half, %c)
    %y: f32[2,N] = mul(%d, %x)
    )")),
            "gelu");
  ExpectOne(With({"fuse-gelu"}, Body(constants, R"(%h: f32[2,N] = mul(%x, %half)
    %a: f32[2,N] = mul(%x, %r)
    %b: f32[2,N] = erf(%a)
    %c: f32[2,N] = add(%b, %one)
    %y: f32[2,N] = mul(%h, %c)
    )")),
            "gelu");
  ExpectOne(With({"fuse-gelu-halves"}, Body(constants, R"(%h: f32[2,N] = mul(%x, %half)
    %a: f32[2,N] = mul(%x, %r)
    %b: f32[2,N] = erf(%a)
    %c: f32[2,N] = mul(%h, %b)
    %y: f32[2,N] = add(%h, %c)
    )")),
            "gelu");
}

TEST(FuseGelu, WithTanh) {
  const char* constants = R"(const %k: f32[] = [0.7978846]
    const %c3: f32[] = [0.044715]
    const %three: f32[] = [3]
    const %one: f32[] = [1]
    const %half: f32[] = [0.5]
    )";
  const auto c = With({"fuse-gelu"}, Body(constants, R"(%p: f32[2,N] = pow(%x, %three)
    %q: f32[2,N] = mul(%p, %c3)
    %s: f32[2,N] = add(%x, %q)
    %u: f32[2,N] = mul(%s, %k)
    %t: f32[2,N] = tanh(%u)
    %v: f32[2,N] = add(%t, %one)
    %w: f32[2,N] = mul(%x, %half)
    %y: f32[2,N] = mul(%w, %v)
    )"));
  ExpectOne(c, "gelu");
  EXPECT_NE(test::Print(c.graph).find("approximate=\"tanh\""), std::string::npos);
  ExpectOne(With({"fuse-gelu"}, Body(constants, R"(%xx: f32[2,N] = mul(%x, %x)
    %q: f32[2,N] = mul(%xx, %c3)
    %s: f32[2,N] = add(%q, %one)
    %kx: f32[2,N] = mul(%k, %x)
    %u: f32[2,N] = mul(%kx, %s)
    %t: f32[2,N] = tanh(%u)
    %v: f32[2,N] = add(%t, %one)
    %w: f32[2,N] = mul(%v, %half)
    %y: f32[2,N] = mul(%x, %w)
    )")),
            "gelu");
}

TEST(FuseGelu, NotWithOtherNumbersOrUsers) {
  const auto other = With({"fuse-gelu"}, Body(R"(const %r: f32[] = [1.5]
    const %one: f32[] = [1]
    const %half: f32[] = [0.5]
    )",
                                              R"(%a: f32[2,N] = div(%x, %r)
    %b: f32[2,N] = erf(%a)
    %c: f32[2,N] = add(%b, %one)
    %d: f32[2,N] = mul(%x, %c)
    %y: f32[2,N] = mul(%d, %half)
    )"));
  EXPECT_EQ(CountOps(other.graph, "gelu"), 0);
  const auto used = CheckSimplify(R"(const %r: f32[] = [1.4142135]
    const %one: f32[] = [1]
    const %half: f32[] = [0.5]
    main (%x: f32[3]) {
    %a: f32[3] = div(%x, %r)
    %b: f32[3] = erf(%a)
    %c: f32[3] = add(%b, %one)
    %d: f32[3] = mul(%x, %c)
    %y: f32[3] = mul(%d, %half)
    yield(%y, %b)
  })",
                                  Only({"fuse-gelu"}), Same::kClose);
  EXPECT_EQ(CountOps(used.graph, "gelu"), 0);
}

TEST(FuseGelu, NotWhereAConstantWidens) {
  const auto c = With({"fuse-gelu"}, Body(R"(const %r: f32[4,1] = [1.4142135,1.4142135,1.4142135,1.4142135]
    const %one: f32[] = [1]
    const %half: f32[] = [0.5]
    )",
                                          R"(%a: f32[4,N] = div(%x, %r)
    %b: f32[4,N] = erf(%a)
    %c: f32[4,N] = add(%b, %one)
    %d: f32[4,N] = mul(%x, %c)
    %y: f32[4,N] = mul(%d, %half)
    )",
                                          "f32[1,N]"));
  EXPECT_EQ(CountOps(c.graph, "gelu"), 0);
}

TEST(FuseSilu, PlainAndScaled) {
  ExpectOne(With({"fuse-silu"}, Body("", R"(%a: f32[2,N] = sigmoid(%x)
    %y: f32[2,N] = mul(%a, %x)
    )")),
            "silu");
  const auto quick = With({"fuse-silu"}, Body("const %k: f32[] = [1.702]\n", R"(%s: f32[2,N] = mul(%x, %k)
    %a: f32[2,N] = sigmoid(%s)
    %y: f32[2,N] = mul(%x, %a)
    )"));
  ExpectOne(quick, "silu");
  const auto gate = CheckSimplify(R"(main (%x: f32[3], %z: f32[3]) {
    %a: f32[3] = sigmoid(%x)
    %y: f32[3] = mul(%a, %z)
    yield(%y)
  })",
                                  Only({"fuse-silu"}), Same::kClose);
  EXPECT_EQ(CountOps(gate.graph, "silu"), 0);
}

TEST(FuseMish, OfLogAndExp) {
  ExpectOne(With({"fuse-mish", "fuse-softplus"}, Body("const %one: f32[] = [1]\n", R"(%e: f32[2,N] = exp(%x)
    %f: f32[2,N] = add(%e, %one)
    %l: f32[2,N] = log(%f)
    %t: f32[2,N] = tanh(%l)
    %y: f32[2,N] = mul(%x, %t)
    )")),
            "mish");
  const auto other = With({"fuse-softplus"}, Body("const %two: f32[] = [2]\n", R"(%e: f32[2,N] = exp(%x)
    %f: f32[2,N] = add(%e, %two)
    %y: f32[2,N] = log(%f)
    )"));
  EXPECT_EQ(CountOps(other.graph, "softplus"), 0);
}

TEST(FuseSoftplus, OfSigmoid) {
  ExpectOne(With({"fuse-softplus-sigmoid"}, Body("", R"(%n: f32[2,N] = neg(%x)
    %s: f32[2,N] = sigmoid(%n)
    %l: f32[2,N] = log(%s)
    %y: f32[2,N] = neg(%l)
    )")),
            "softplus");
}

TEST(FuseSoftplus, OfParts) {
  ExpectOne(With({"fuse-softplus", "fuse-softplus-parts"}, Body("const %one: f32[] = [1]\n", R"(%r: f32[2,N] = relu(%x)
    %a: f32[2,N] = abs(%x)
    %n: f32[2,N] = neg(%a)
    %e: f32[2,N] = exp(%n)
    %f: f32[2,N] = add(%e, %one)
    %l: f32[2,N] = log(%f)
    %y: f32[2,N] = add(%r, %l)
    )")),
            "softplus");
}

TEST(FuseSigmoid, Spellings) {
  const char* one = "const %one: f32[] = [1]\n";
  ExpectOne(With({"fuse-sigmoid"}, Body(one, R"(%n: f32[2,N] = neg(%x)
    %e: f32[2,N] = exp(%n)
    %s: f32[2,N] = add(%e, %one)
    %y: f32[2,N] = div(%one, %s)
    )")),
            "sigmoid");
  ExpectOne(With({"fuse-sigmoid"}, Body(one, R"(%n: f32[2,N] = neg(%x)
    %e: f32[2,N] = exp(%n)
    %s: f32[2,N] = add(%one, %e)
    %y: f32[2,N] = reciprocal(%s)
    )")),
            "sigmoid");
  const auto plain = With({"fuse-sigmoid"}, Body(one, R"(%e: f32[2,N] = exp(%x)
    %s: f32[2,N] = add(%e, %one)
    %y: f32[2,N] = div(%one, %s)
    )"));
  EXPECT_EQ(CountOps(plain.graph, "sigmoid"), 0);
}

TEST(FuseSoftsign, AbsInTheSum) {
  ExpectOne(With({"fuse-softsign"}, Body("const %one: f32[] = [1]\n", R"(%a: f32[2,N] = abs(%x)
    %s: f32[2,N] = add(%one, %a)
    %y: f32[2,N] = div(%x, %s)
    )")),
            "softsign");
}

constexpr const char* kSix = R"(const %three: f32[] = [3]
    const %zero: f32[] = [0]
    const %six: f32[] = [6]
    const %half: f32[] = [0.5]
    const %one: f32[] = [1]
    )";

TEST(FuseHardSigmoid, Spellings) {
  ExpectOne(With({"fuse-hard-sigmoid"}, Body(kSix, R"(%a: f32[2,N] = add(%x, %three)
    %b: f32[2,N] = clip(%a, %zero, %six)
    %y: f32[2,N] = div(%b, %six)
    )")),
            "hard_sigmoid");
  ExpectOne(With({"fuse-hard-sigmoid"}, Body(kSix, R"(%a: f32[2,N] = div(%x, %six)
    %b: f32[2,N] = add(%half, %a)
    %y: f32[2,N] = clip(%b, %zero, %one)
    )")),
            "hard_sigmoid");
  ExpectOne(With({"fuse-hard-sigmoid-affine"}, Body(kSix, R"(%a: f32[2,N] = add(%x, %three)
    %y: f32[2,N] = hard_sigmoid(%a, alpha=0.16666667, beta=0.0)
    )")),
            "hard_sigmoid");
  const auto clip = With({"fuse-hard-sigmoid"}, Body(kSix, "%y: f32[2,N] = clip(%x, %zero, %one)\n"));
  EXPECT_EQ(CountOps(clip.graph, "clip"), 1);
  const auto other = With({"fuse-hard-sigmoid"}, Body(kSix, R"(%a: f32[2,N] = add(%x, %three)
    %b: f32[2,N] = clip(%a, %zero, %six)
    %y: f32[2,N] = div(%b, %three)
    )"));
  EXPECT_EQ(CountOps(other.graph, "hard_sigmoid"), 0);
}

TEST(FuseHardSwish, Spellings) {
  ExpectOne(With({"fuse-hard-swish"}, Body(kSix, R"(%a: f32[2,N] = add(%x, %three)
    %b: f32[2,N] = clip(%a, %zero, %six)
    %c: f32[2,N] = mul(%x, %b)
    %y: f32[2,N] = div(%c, %six)
    )")),
            "hard_swish");
  ExpectOne(With({"fuse-hard-swish", "fuse-clip"}, Body(kSix, R"(%a: f32[2,N] = add(%x, %three)
    %r: f32[2,N] = relu(%a)
    %b: f32[2,N] = min(%r, %six)
    %c: f32[2,N] = div(%b, %six)
    %y: f32[2,N] = mul(%x, %c)
    )")),
            "hard_swish");
  ExpectOne(With({"fuse-hard-swish"}, Body(kSix, R"(%a: f32[2,N] = hard_sigmoid(%x, alpha=0.16666667, beta=0.5)
    %y: f32[2,N] = mul(%x, %a)
    )")),
            "hard_swish");
  const auto other = With({"fuse-hard-swish"}, Body(kSix, R"(%a: f32[2,N] = hard_sigmoid(%x)
    %y: f32[2,N] = mul(%x, %a)
    )"));
  EXPECT_EQ(CountOps(other.graph, "hard_swish"), 0);
}

TEST(FuseHardSwish, PartsWhereThereIsNone) {
  const auto c = With({"fuse-hard-swish-parts"}, Body(kSix, R"(%a: f32[2,N] = add(%x, %three)
    %b: f32[2,N] = clip(%a, %zero, %six)
    %c: f32[2,N] = mul(%x, %b)
    %y: f32[2,N] = div(%c, %six)
    )"));
  EXPECT_EQ(CountNodes(c.graph), 2);
  EXPECT_EQ(CountOps(c.graph, "hard_sigmoid"), 1);
  const auto kept = With({"fuse-hard-swish-parts"}, Body(kSix, R"(%a: f32[2,N] = add(%x, %three)
    %b: f32[2,N] = clip(%a, %zero, %six)
    %y: f32[2,N] = mul(%x, %b)
    )"));
  EXPECT_EQ(CountOps(kept.graph, "clip"), 1);
}

}  // namespace
}  // namespace godwit
