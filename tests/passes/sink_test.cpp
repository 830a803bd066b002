// Transposes that move down: through every kind of operator between a pair, several into one, and not where nothing
// is gained.
#include "base/text.h"
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountOps;
using test::Same;

// What stands between a transpose and its inverse, over %a: f32[N,4,5,3] that came from f32[N,3,4,5].
struct Between {
  const char* name;
  const char* constants;
  const char* nodes;   ///< ends with %z
  const char* result;  ///< type of %z
  const char* back;    ///< a permutation
};

class SinkThrough : public testing::TestWithParam<Between> {};

TEST_P(SinkThrough, ThePairIsGone) {
  const Between& b = GetParam();
  const auto c = CheckSimplify(
      Concat(b.constants, "\nmain (%x: f32[N,3,4,5]) {\n  %a: f32[N,4,5,3] = transpose(%x, perm=[0,2,3,1])\n", b.nodes,
             "\n  %y: f32[*] = transpose(%z, perm=", b.back, ")\n  yield(%y)\n}"),
      {}, Same::kClose);
  EXPECT_EQ(CountOps(c.graph, "transpose"), 0) << test::Print(c.graph);
}

INSTANTIATE_TEST_SUITE_P(
    Rules, SinkThrough,
    testing::Values(
        Between{"unary", "", "  %z: f32[N,4,5,3] = exp(%a)", "f32[N,4,5,3]", "[0,3,1,2]"},
        Between{"scalar", "const %c: f32[] = [2.0]", "  %z: f32[N,4,5,3] = add(%c, %a)", "", "[0,3,1,2]"},
        Between{"channels", "const %c: f32[3] = [2.0,3.0,4.0]", "  %z: f32[N,4,5,3] = mul(%a, %c)", "", "[0,3,1,2]"},
        Between{"compare", "const %c: f32[5,1] = [2.0,3.0,4.0,1.0,0.0]", "  %z: bool[N,4,5,3] = less(%a, %c)", "",
                "[0,3,1,2]"},
        Between{"itself", "", "  %z: f32[N,4,5,3] = mul(%a, %a)", "", "[0,3,1,2]"},
        Between{"softmax", "", "  %z: f32[N,4,5,3] = softmax(%a, axis=-1)", "", "[0,3,1,2]"},
        Between{"reduce_kept", "const %i: i64[2] = [1,-2]", "  %z: f32[N,1,1,3] = reduce(%a, %i, mode=\"mean\")", "",
                "[0,3,1,2]"},
        Between{"reduce_gone", "const %i: i64[1] = [1]", "  %z: f32[N,5,3] = reduce(%a, %i, mode=\"max\", keep_dims=0)",
                "", "[0,2,1]"},
        Between{"slice", "const %s: i64[1] = [1]\nconst %e: i64[1] = [-1]\nconst %i: i64[1] = [3]",
                "  %z: f32[N,4,5,1] = slice(%a, %s, %e, %i)", "", "[0,3,1,2]"},
        Between{"pad", "const %p: i64[8] = [0,1,0,0,0,2,0,1]", "  %z: f32[N,7,5,4] = pad(%a, %p)", "", "[0,3,1,2]"},
        Between{"pad_axes", "const %p: i64[2] = [1,2]\nconst %i: i64[1] = [-1]",
                "  %z: f32[N,4,5,6] = pad(%a, %p, _, %i)", "", "[0,3,1,2]"},
        Between{"concat",
                "const %c: f32[1,4,5,1] = [1.0,2.0,3.0,4.0,5.0,1.0,2.0,3.0,4.0,5.0,1.0,2.0,3.0,4.0,5.0,1.0,"
                "2.0,3.0,4.0,5.0]\nconst %s: i64[1] = [0]\nconst %e: i64[1] = [1]",
                "  %b: f32[*] = slice(%a, %s, %e, %s)\n  %z: f32[*] = concat(%b, %c, axis=3)", "", "[0,3,1,2]"},
        Between{"gather", "const %i: i64[2] = [2,0]", "  %z: f32[N,4,5,2] = gather(%a, %i, axis=-1)", "", "[0,3,1,2]"},
        Between{"gather_one", "const %i: i64[] = [2]", "  %z: f32[N,5,3] = gather(%a, %i, axis=1)", "", "[0,2,1]"},
        Between{"unsqueeze", "const %i: i64[1] = [1]", "  %z: f32[N,1,4,5,3] = unsqueeze(%a, %i)", "", "[0,1,4,2,3]"},
        Between{"cum", "const %i: i64[] = [-1]", "  %z: f32[N,4,5,3] = cum(%a, %i, mode=\"sum\")", "", "[0,3,1,2]"},
        Between{"where", "const %c: f32[3] = [0.0,1.0,2.0]",
                "  %l: bool[N,4,5,3] = less(%a, %c)\n  %z: f32[N,4,5,3] = where(%l, %a, %c)", "", "[0,3,1,2]"},
        Between{"chain", "const %c: f32[3] = [2.0,3.0,4.0]",
                "  %b: f32[N,4,5,3] = add(%a, %c)\n  %d: f32[N,4,5,3] = sigmoid(%b)\n  %z: f32[N,4,5,3] = cast(%d, "
                "to=f32)",
                "", "[0,3,1,2]"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Sink, SeveralOperandsBecomeOneTranspose) {
  const auto c = CheckSimplify(R"(main (%x: f32[N,3,4], %w: f32[N,3,4], %v: f32[N,3,5]) {
    %a: f32[N,4,3] = transpose(%x, perm=[0,2,1])
    %b: f32[N,4,3] = transpose(%w, perm=[0,2,1])
    %c: f32[N,5,3] = transpose(%v, perm=[0,2,1])
    %s: f32[N,4,3] = add(%a, %b)
    %y: f32[N,9,3] = concat(%s, %c, axis=1)
    yield(%y)
  })");
  EXPECT_EQ(CountOps(c.graph, "transpose"), 1);
}

TEST(Sink, OneOfSeveralUsersIsServed) {
  const auto c = CheckSimplify(R"(main (%x: f32[N,3,4]) {
    %a: f32[N,4,3] = transpose(%x, perm=[0,2,1])
    %b: f32[N,4,3] = exp(%a)
    %y: f32[N,3,4] = transpose(%b, perm=[0,2,1])
    yield(%y, %a)
  })");
  EXPECT_EQ(CountOps(c.graph, "transpose"), 1);
}

TEST(Sink, NothingIsMovedForNothing) {
  const char* const cases[] = {
      R"(main (%x: f32[N,3,4]) {
        %a: f32[N,4,3] = transpose(%x, perm=[0,2,1])
        %y: f32[N,4,3] = exp(%a)
        yield(%y)
      })",
      R"(main (%x: f32[N,3,4], %w: f32[N,4,3]) {
        %a: f32[N,4,3] = transpose(%x, perm=[0,2,1])
        %y: f32[N,4,3] = add(%a, %w)
        yield(%y)
      })",
      R"(main (%x: f32[N,3,4], %w: f32[2,N,4,3]) {
        %a: f32[N,4,3] = transpose(%x, perm=[0,2,1])
        %b: f32[2,N,4,3] = add(%a, %w)
        %y: f32[2,N,3,4] = transpose(%b, perm=[0,1,3,2])
        yield(%y)
      })"};
  for (const char* text : cases) {
    const auto c = CheckSimplify(text);
    EXPECT_EQ(CountOps(c.graph, "transpose"), CountOps(test::Parse(text), "transpose")) << text;
    EXPECT_FALSE(c.report.rewrites.contains("sink-transpose")) << text;
  }
  // A convolution's channels stay where formats have them.
  const auto conv = CheckSimplify(R"(const %w: f32[2,3,1,1] = [1.0,2.0,3.0,4.0,5.0,6.0]
    main (%x: f32[N,4,5,3]) {
      %a: f32[N,3,4,5] = transpose(%x, perm=[0,3,1,2])
      %b: f32[N,2,4,5] = conv(%a, %w)
      %y: f32[N,4,5,2] = transpose(%b, perm=[0,2,3,1])
      yield(%y)
    })");
  EXPECT_EQ(CountOps(conv.graph, "transpose"), 2);
}

}  // namespace
}  // namespace godwit
