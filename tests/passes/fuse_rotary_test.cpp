// Rotary embedding written out: which tables it is recognised with, and what it is left apart for.
#include <string>

#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;
using test::Only;
using test::Same;

// The pattern over %x: [B,2,R,4] with %cos and %sin as they are made before it.
std::string Turn(std::string_view params, std::string_view tables, std::string_view batch = "B") {
  const std::string x = "f32[" + std::string(batch) + ",2,R,4]", half = "f32[" + std::string(batch) + ",2,R,2]";
  return "const %two: i64[2] = [2,2]\nconst %one: i64[1] = [1]\nconst %tc: f32[5,4] = [1.0,2.0,1.0,2.0,0.5,0.25,0.5,"
         "0.25,-1.0,0.0,-1.0,0.0,3.0,4.0,3.0,4.0,0.125,1.5,0.125,1.5]\nconst %ts: f32[5,4] = [0.0,1.0,0.0,1.0,2.5,"
         "0.5,2.5,0.5,1.0,1.0,1.0,1.0,-3.0,2.0,-3.0,2.0,0.75,0.5,0.75,0.5]\nmain (%x: " +
         x + ", " + std::string(params) + ") {\n" + std::string(tables) + "\n%a: " + half + ", %b: " + half +
         " = split(%x, %two, axis=3)\n%n: " + half + " = neg(%b)\n%r: " + x + " = concat(%n, %a, axis=-1)\n%p: " + x +
         " = mul(%x, %cos)\n%q: " + x + " = mul(%r, %sin)\n%y: " + x + " = add(%p, %q)\nyield(%y)\n}";
}

constexpr std::string_view kAngles = R"(%e: f32[B,R,4] = concat(%f, %f, axis=-1)
    %c: f32[B,R,4] = cos(%e)
    %cos: f32[B,1,R,4] = unsqueeze(%c, %one)
    %s: f32[B,R,4] = sin(%e)
    %sin: f32[B,1,R,4] = unsqueeze(%s, %one))";

TEST(FuseRotary, AnglesThatAreDoubled) {
  const auto c = CheckSimplify(Turn("%f: f32[B,R,2]", kAngles), Only({"fuse-rotary"}), Same::kClose);
  EXPECT_EQ(CountOps(c.graph, "rotary_embedding"), 1) << test::Print(c.graph);
  EXPECT_EQ(CountOps(c.graph, "concat") + CountOps(c.graph, "split") + CountOps(c.graph, "neg"), 0);
  // With all rules nothing is left but the two tables.
  const auto all = CheckSimplify(Turn("%f: f32[B,R,2]", kAngles), {}, Same::kClose);
  EXPECT_EQ(CountNodes(all.graph), 3) << test::Print(all.graph);
}

TEST(FuseRotary, TablesByPosition) {
  constexpr std::string_view kByPosition = R"(%gc: f32[1,3,4] = gather(%tc, %at, axis=0)
    %cos: f32[1,1,3,4] = unsqueeze(%gc, %one)
    %gs: f32[1,3,4] = gather(%ts, %at, axis=0)
    %sin: f32[1,1,3,4] = unsqueeze(%gs, %one))";
  std::string text = Turn("%k: i64[1,3]", kByPosition, "1");
  for (size_t at = 0; (at = text.find(",R,", at)) != std::string::npos;) text.replace(at, 3, ",3,");
  // Positions that lie in the table.
  text.replace(text.find("main ("), 0, "const %at: i64[1,3] = [4,0,2]\n");
  const auto c = CheckSimplify(text, Only({"fuse-rotary-positions"}), Same::kClose, {1});
  EXPECT_EQ(CountOps(c.graph, "rotary_embedding"), 1) << test::Print(c.graph);
  EXPECT_EQ(CountOps(c.graph, "gather"), 0);
}

TEST(FuseRotary, LeavesOtherPairs) {
  // Halves that differ.
  constexpr std::string_view kOther = R"(%e: f32[B,R,4] = concat(%f, %g, axis=-1)
    %c: f32[B,R,4] = cos(%e)
    %cos: f32[B,1,R,4] = unsqueeze(%c, %one)
    %s: f32[B,R,4] = sin(%e)
    %sin: f32[B,1,R,4] = unsqueeze(%s, %one))";
  EXPECT_EQ(CheckSimplify(Turn("%f: f32[B,R,2], %g: f32[B,R,2]", kOther), Only({"fuse-rotary"})).report.total_rewrites,
            0);
  // Another turn for each head.
  constexpr std::string_view kHeads = R"(%e: f32[B,2,R,4] = concat(%f, %f, axis=-1)
    %cos: f32[B,2,R,4] = cos(%e)
    %sin: f32[B,2,R,4] = sin(%e))";
  EXPECT_EQ(CheckSimplify(Turn("%f: f32[B,2,R,2]", kHeads), Only({"fuse-rotary"})).report.total_rewrites, 0);
  // The half that is negated is the other one.
  std::string swapped = Turn("%f: f32[B,R,2]", kAngles);
  swapped.replace(swapped.find("concat(%n, %a"), 13, "concat(%a, %n");
  EXPECT_EQ(CheckSimplify(swapped, Only({"fuse-rotary"})).report.total_rewrites, 0);
  // Tables of one sequence for a batch of unknown size.
  constexpr std::string_view kOne = R"(%e: f32[1,R,4] = concat(%f, %f, axis=-1)
    %c: f32[1,R,4] = cos(%e)
    %cos: f32[1,1,R,4] = unsqueeze(%c, %one)
    %s: f32[1,R,4] = sin(%e)
    %sin: f32[1,1,R,4] = unsqueeze(%s, %one))";
  EXPECT_EQ(CheckSimplify(Turn("%f: f32[1,R,2]", kOne), Only({"fuse-rotary"})).report.total_rewrites, 0);
  const auto known = CheckSimplify(Turn("%f: f32[1,R,2]", kOne, "3"), Only({"fuse-rotary"}), Same::kClose);
  EXPECT_EQ(CountOps(known.graph, "rotary_embedding"), 1) << test::Print(known.graph);
}

TEST(GatherNd, OfOnePlaceEach) {
  const auto c = CheckSimplify(R"(const %last: i64[1] = [-1]
    const %i: i64[2,2] = [1,0,2,-1]
    main (%x: f32[3,N]) {
    %k: i64[2,2,1] = unsqueeze(%i, %last)
    %y: f32[2,2,N] = gather_nd(%x, %k)
    yield(%y)
  })",
                               Only({"gather-nd-of-one"}));
  EXPECT_EQ(CountOps(c.graph, "gather"), 1);
  EXPECT_EQ(CountOps(c.graph, "gather_nd"), 0);
}

}  // namespace
}  // namespace godwit
