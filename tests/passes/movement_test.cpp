// Views, slices, concats, transposes, pads, reductions and resizes.
#include "base/text.h"
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;
using test::Only;
using test::Same;

TEST(Views, ChainsAreOneOrNone) {
  const auto none = CheckSimplify(R"(const %a: i64[1] = [0]
    const %s: i64[2] = [-1,6]
    main (%x: f32[N,6]) {
      %u: f32[1,N,6] = unsqueeze(%x, %a)
      %y: f32[N,6] = reshape(%u, %s)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(none.graph), 0);
  const auto one = CheckSimplify(R"(const %s: i64[2] = [-1,4]
    main (%x: f32[N,6,4]) {
      %u: f32[N,24] = flatten(%x)
      %y: f32[6*N,4] = reshape(%u, %s)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(one.graph), 1);
  EXPECT_EQ(CountOps(one.graph, "reshape"), 1);
}

TEST(Views, UnsqueezesAndSqueezesWithUnknownDims) {
  const auto c = CheckSimplify(R"(const %a: i64[2] = [0,2]
    const %b: i64[2] = [1,-1]
    main (%x: f32[N,M]) {
      %u: f32[1,N,1,M] = unsqueeze(%x, %a)
      %y: f32[1,1,N,1,M,1] = unsqueeze(%u, %b)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(c.graph), 1);
  const auto d = CheckSimplify(R"(const %a: i64[2] = [0,3]
    const %b: i64[1] = [1]
    main (%x: f32[1,N,1,1,M]) {
      %u: f32[N,1,M] = squeeze(%x, %a)
      %y: f32[N,M] = squeeze(%u, %b)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(d.graph), 1);
}

TEST(Views, ShapeArithmeticGoes) {
  const auto c = CheckSimplify(R"(const %zero: i64[] = [0]
    const %three: i64[] = [3]
    const %axis: i64[1] = [0]
    const %eight: i64[1] = [8]
    const %rest: i64[1] = [-1]
    main (%x: f32[N,C,H,8]) {
      %s: i64[4] = shape_of(%x)
      %n: i64[] = gather(%s, %zero)
      %w: i64[] = gather(%s, %three)
      %n1: i64[1] = unsqueeze(%n, %axis)
      %w1: i64[1] = unsqueeze(%w, %axis)
      %t: i64[3] = concat(%n1, %rest, %w1, axis=0)
      %y: f32[N,C*H,8] = reshape(%x, %t)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(Views, TwoUnknownDimsStayComputed) {
  const auto c = CheckSimplify(R"(const %one: i64[1] = [1]
    const %four: i64[1] = [4]
    main (%x: f32[M,4*N], %z: f32[M,N,4]) {
      %s: i64[2] = shape_of(%z, start=0, end=2)
      %t: i64[3] = concat(%s, %four, axis=0)
      %u: i64[4] = concat(%one, %t, axis=0)
      %y: f32[1,M,N,4] = reshape(%x, %u)
      yield(%y)
    })");
  EXPECT_EQ(CountOps(c.graph, "reshape"), 1);
}

TEST(ImplicitExpand, OnlyWhereTheOtherOperandAsksForIt) {
  const auto c = CheckSimplify(R"(main (%x: f32[1,3], %z: f32[N,3]) {
      %s: i64[2] = shape_of(%z)
      %e: f32[N,3] = expand(%x, %s)
      %y: f32[N,3] = add(%e, %z)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(c.graph), 1);
  const auto kept = CheckSimplify(R"(const %s: i64[2] = [2,3]
    main (%x: f32[1,3], %z: f32[1,3]) {
      %e: f32[2,3] = expand(%x, %s)
      %y: f32[2,3] = add(%e, %z)
      yield(%y)
    })");
  EXPECT_EQ(CountOps(kept.graph, "expand"), 1);
}

TEST(Slices, WholeSlicesGo) {
  const auto c = CheckSimplify(R"(const %s: i64[1] = [0]
    const %e: i64[1] = [9223372036854775807]
    main (%x: f32[N,3]) {
      %y: f32[N,3] = slice(%x, %s, %e, %s)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(c.graph), 0);
  const auto reversed = CheckSimplify(R"(const %s: i64[1] = [-1]
    const %e: i64[1] = [-9223372036854775807]
    const %a: i64[1] = [1]
    main (%x: f32[N,3]) {
      %y: f32[N,3] = slice(%x, %s, %e, %a, %s)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(reversed.graph), 1);
}

// Every pair of slices along one axis of 7 elements with starts, ends and steps of either sign.
TEST(Slices, EveryPair) {
  const int64_t places[] = {-9, -3, 0, 1, 4, 9};
  int merged = 0;
  for (int64_t s1 : places) {
    for (int64_t e1 : places) {
      for (int64_t k1 : {1, 2, -1}) {
        for (int64_t s2 : {-2, 0, 1}) {
          for (int64_t e2 : {-1, 2, 9}) {
            for (int64_t k2 : {1, 2, -1}) {
              const auto i64 = [](const char* name, int64_t v) {
                return Concat("const %", name, ": i64[1] = [", std::to_string(v), "]\n");
              };
              const auto c = CheckSimplify(
                  Concat(i64("s1", s1), i64("e1", e1), i64("k1", k1), i64("s2", s2), i64("e2", e2), i64("k2", k2),
                         "const %a: i64[1] = [0]\nmain (%x: i32[7]) {\n  %t: i32[*] = slice(%x, %s1, %e1, %a, %k1)\n  "
                         "%y: i32[*] = slice(%t, %s2, %e2, %a, %k2)\n  yield(%y)\n}"),
                  Only({"merge-slices", "drop-slice"}), Same::kBits, {1});
              merged += CountNodes(c.graph) < 2 ? 1 : 0;
            }
          }
        }
      }
    }
  }
  EXPECT_GT(merged, 500);
}

TEST(Concats, FlattenedEmptyAndSingle) {
  const auto c = CheckSimplify(R"(const %none: f32[0,3] = []
    main (%x: f32[N,3], %z: f32[2,3]) {
      %a: f32[N + 2,3] = concat(%x, %z, axis=0)
      %b: f32[N + 4,3] = concat(%a, %none, %z, axis=-2)
      %y: f32[N + 4,3] = concat(%b, axis=0)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(c.graph), 1);
  const auto other = CheckSimplify(R"(main (%x: f32[2,3], %z: f32[2,3], %w: f32[2,6]) {
      %a: f32[2,6] = concat(%x, %z, axis=1)
      %y: f32[4,6] = concat(%a, %w, axis=0)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(other.graph), 2);
}

TEST(Splits, UndoAndAreUndone) {
  const auto back = CheckSimplify(R"(const %s: i64[2] = [1,2]
    main (%x: f32[N,3]) {
      %a: f32[N,1], %b: f32[N,2] = split(%x, %s, axis=1)
      %y: f32[N,3] = concat(%a, %b, axis=-1)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(back.graph), 0);
  const auto swapped = CheckSimplify(R"(const %s: i64[2] = [1,2]
    main (%x: f32[N,3]) {
      %a: f32[N,1], %b: f32[N,2] = split(%x, %s, axis=1)
      %y: f32[N,3] = concat(%b, %a, axis=-1)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(swapped.graph), 2);
  const auto parts = CheckSimplify(R"(const %s: i64[2] = [1,2]
    main (%x: f32[N,1], %z: f32[N,2]) {
      %c: f32[N,3] = concat(%x, %z, axis=1)
      %a: f32[N,1], %b: f32[N,2] = split(%c, %s, axis=-1)
      yield(%b, %a)
    })");
  EXPECT_EQ(CountNodes(parts.graph), 0);
  const auto one = CheckSimplify(R"(const %s: i64[3] = [1,2,3]
    main (%x: f32[N,6]) {
      %a: f32[N,1], %b: f32[N,2], %c: f32[N,3] = split(%x, %s, axis=1)
      yield(%b)
    })");
  EXPECT_EQ(CountOps(one.graph, "slice"), 1);
}

TEST(Transposes, EveryPairOfRankThree) {
  const char* const perms[] = {"[0,1,2]", "[0,2,1]", "[1,0,2]", "[1,2,0]", "[2,0,1]", "[2,1,0]"};
  for (const char* a : perms) {
    for (const char* b : perms) {
      const auto c = CheckSimplify(Concat("main (%x: f32[2,3,4]) {\n  %t: f32[*] = transpose(%x, perm=", a,
                                          ")\n  %y: f32[*] = transpose(%t, perm=", b, ")\n  yield(%y)\n}"));
      EXPECT_LE(CountNodes(c.graph), 1) << a << b;
    }
  }
}

TEST(Pads, MergeAndVanish) {
  const auto c = CheckSimplify(R"(const %p: i64[4] = [0,1,0,2]
    const %q: i64[2] = [1,1]
    const %axis: i64[1] = [-2]
    const %none: i64[4] = [0,0,0,0]
    main (%x: f32[N,3]) {
      %a: f32[N,6] = pad(%x, %p)
      %b: f32[N + 2,6] = pad(%a, %q, _, %axis)
      %y: f32[N + 2,6] = pad(%b, %none, mode="reflect")
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(c.graph), 1);
  const auto kept = CheckSimplify(R"(const %p: i64[4] = [0,1,0,2]
    const %v: f32[] = [1.0]
    main (%x: f32[N,3]) {
      %a: f32[N,6] = pad(%x, %p)
      %y: f32[N,9] = pad(%a, %p, %v)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(kept.graph), 2);
}

TEST(Pads, IntoWindows) {
  const auto conv = CheckSimplify(R"(const %p: i64[8] = [0,0,1,0,0,0,2,3]
    const %w: f32[2,3,2,2] = [1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0,9.0,1.0,2.0,3.0,1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0,9.0,1.0,2.0,3.0]
    main (%x: f32[N,3,4,5]) {
      %a: f32[N,3,7,8] = pad(%x, %p)
      %y: f32[N,2,8,9] = conv(%a, %w, pads=[1,1,1,1])
      yield(%y)
    })",
                                  {}, Same::kClose);
  EXPECT_EQ(CountNodes(conv.graph), 1);
  const auto channels = CheckSimplify(R"(const %p: i64[8] = [0,1,0,0,0,0,0,0]
    const %w: f32[1,3,1,1] = [1.0,2.0,3.0]
    main (%x: f32[N,2,4,5]) {
      %a: f32[N,3,4,5] = pad(%x, %p)
      %y: f32[N,1,4,5] = conv(%a, %w)
      yield(%y)
    })",
                                      {}, Same::kClose);
  EXPECT_EQ(CountNodes(channels.graph), 2);
  const auto pool = CheckSimplify(R"(const %p: i64[4] = [1,1,1,1]
    const %axes: i64[2] = [2,3]
    main (%x: f32[N,2,4,5]) {
      %a: f32[N,2,6,7] = pad(%x, %p, _, %axes)
      %y: f32[N,2,4,5] = avg_pool(%a, kernel=[3,3])
      yield(%y)
    })",
                                  {}, Same::kClose);
  EXPECT_EQ(CountNodes(pool.graph), 1);
}

TEST(Reductions, ViewsBehindThem) {
  const auto c = CheckSimplify(R"(const %a: i64[2] = [2,3]
    const %s: i64[2] = [0,-1]
    main (%x: f32[N,3,H,W]) {
      %m: f32[N,3,1,1] = reduce(%x, %a, mode="mean")
      %y: f32[N,3] = reshape(%m, %s)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(c.graph), 1);
  const auto d = CheckSimplify(R"(const %a: i64[1] = [1]
    main (%x: f32[N,3,H]) {
      %m: f32[N,H] = reduce(%x, %a, mode="max", keep_dims=0)
      %y: f32[N,1,H] = unsqueeze(%m, %a)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(d.graph), 1);
  const auto kept = CheckSimplify(R"(const %a: i64[1] = [1]
    const %b: i64[1] = [2]
    main (%x: f32[N,3,H]) {
      %m: f32[N,H] = reduce(%x, %a, mode="max", keep_dims=0)
      %y: f32[N,H,1] = unsqueeze(%m, %b)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(kept.graph), 2);
}

// Every mode over axes of extent 1, and every mode twice.
TEST(Reductions, EveryMode) {
  for (const char* mode : {"sum", "mean", "max", "min", "prod", "l1", "l2", "log_sum", "log_sum_exp", "sum_square"}) {
    for (const char* keep : {"0", "1"}) {
      CheckSimplify(Concat("const %a: i64[1] = [1]\nmain (%x: f32[3,1,4]) {\n  %y: f32[*] = reduce(%x, %a, mode=\"",
                           mode, "\", keep_dims=", keep, ")\n  yield(%y)\n}"),
                    {}, Same::kClose);
      CheckSimplify(Concat("const %a: i64[1] = [1]\nmain (%x: f32[3,2,4]) {\n  %t: f32[*] = reduce(%x, %a, mode=\"",
                           mode, "\", keep_dims=", keep, ")\n  %y: f32[*] = reduce(%t, %a, mode=\"", mode,
                           "\", keep_dims=", keep, ")\n  yield(%y)\n}"),
                    {}, Same::kClose);
    }
  }
}

TEST(Resizes, ToTheSameSize) {
  const auto c = CheckSimplify(R"(const %s: f32[4] = [1.0,1.0,1.0,1.0]
    main (%x: f32[N,3,H,W]) {
      %y: f32[N,3,H,W] = resize(%x, _, %s)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(c.graph), 0);
  const auto kept = CheckSimplify(R"(const %s: f32[4] = [1.0,1.0,1.0,1.2]
    main (%x: f32[1,3,4,4]) {
      %y: f32[1,3,4,4] = resize(%x, _, %s, coordinates="asymmetric", nearest="ceil")
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(kept.graph), 1);
}

TEST(Quantised, RequantisedInTheSameWay) {
  const char* const text = R"(const %s: f32[] = [0.1]
    const %z: u8[] = [7]
    const %t: f32[] = [0.2]
    main (%q: u8[64]) {
      %x: f32[64] = dequantize(%q, %s, %z, to=f32)
      %y: u8[64] = quantize(%x, SCALE, %z, to=u8)
      yield(%y)
    })";
  const auto with = [&](const char* scale) {
    std::string out = text;
    return out.replace(out.find("SCALE"), 5, scale);
  };
  EXPECT_EQ(CountNodes(CheckSimplify(with("%s")).graph), 0);
  EXPECT_EQ(CountNodes(CheckSimplify(with("%t")).graph), 2);
}

}  // namespace
}  // namespace godwit
