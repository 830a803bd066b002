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
  const auto c = CheckSimplify(R"(const %trips: i64[] = [3]
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
