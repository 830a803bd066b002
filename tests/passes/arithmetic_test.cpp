// Arithmetic with constants, casts, choices and bounds: what applies and what does not, over all element types and
// shapes that matter, with the same bits where the rule says so.
#include "base/text.h"
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;
using test::Only;
using test::Same;

std::string Binary(std::string_view op, std::string_view type, std::string_view constant, bool constant_first,
                   std::string_view result) {
  const std::string_view a = constant_first ? "%c" : "%x";
  const std::string_view b = constant_first ? "%x" : "%c";
  return Concat("const %c: ", constant, "\nmain (%x: ", type, ") {\n  %y: ", result, " = ", op, "(", a, ", ", b,
                ")\n  yield(%y)\n}");
}

struct NeutralCase {
  const char* op;
  const char* type;
  const char* constant;
  bool constant_first;
  const char* result;
  int64_t left;  ///< nodes afterwards
};

class Neutral : public testing::TestWithParam<NeutralCase> {};

TEST_P(Neutral, Applies) {
  const NeutralCase& c = GetParam();
  const auto checked =
      CheckSimplify(Binary(c.op, c.type, c.constant, c.constant_first, c.result), Only({"neutral-element"}));
  EXPECT_EQ(CountNodes(checked.graph), c.left) << test::Print(checked.graph);
}

INSTANTIATE_TEST_SUITE_P(Rules, Neutral,
                         testing::Values(NeutralCase{"mul", "f32[N,3]", "f32[] = [1.0]", false, "f32[N,3]", 0},
                                         NeutralCase{"mul", "f32[N,3]", "f32[3] = [1.0,1.0,1.0]", true, "f32[N,3]", 0},
                                         NeutralCase{"mul", "f32[N,3]", "f32[3] = [1.0,1.0,2.0]", true, "f32[N,3]", 1},
                                         NeutralCase{"mul", "f32[N,1]", "f32[3] = [1.0,1.0,1.0]", true, "f32[N,3]", 1},
                                         NeutralCase{"mul", "f32[3]", "f32[1,1] = [1.0]", true, "f32[1,3]", 1},
                                         NeutralCase{"mul", "i32[4]", "i32[] = [1]", false, "i32[4]", 0},
                                         NeutralCase{"div", "f16[4]", "f16[] = [1.0]", false, "f16[4]", 0},
                                         NeutralCase{"div", "f32[4]", "f32[] = [1.0]", true, "f32[4]", 1},
                                         NeutralCase{"div", "i64[4]", "i64[] = [1]", false, "i64[4]", 0},
                                         NeutralCase{"add", "f32[4]", "f32[] = [-0.0]", false, "f32[4]", 0},
                                         NeutralCase{"add", "f32[4]", "f32[] = [0.0]", false, "f32[4]", 1},
                                         NeutralCase{"add", "i8[4]", "i8[] = [0]", true, "i8[4]", 0},
                                         NeutralCase{"sub", "f32[4]", "f32[] = [0.0]", false, "f32[4]", 0},
                                         NeutralCase{"sub", "f32[4]", "f32[] = [-0.0]", false, "f32[4]", 1},
                                         NeutralCase{"sub", "f32[4]", "f32[] = [0.0]", true, "f32[4]", 1},
                                         NeutralCase{"pow", "f32[4]", "f32[] = [1.0]", false, "f32[4]", 0},
                                         NeutralCase{"pow", "f32[4]", "f32[] = [1.0]", true, "f32[4]", 1}));

TEST(AddZero, IsAllowedToMoveTheSignOfAZero) {
  const auto c =
      CheckSimplify(Binary("add", "f32[N]", "f32[] = [0.0]", true, "f32[N]"), Only({"add-zero"}), Same::kClose);
  EXPECT_EQ(CountNodes(c.graph), 0);
  const auto d = CheckSimplify(Binary("add", "f32[N]", "f32[] = [0.5]", true, "f32[N]"), Only({"add-zero"}));
  EXPECT_EQ(CountNodes(d.graph), 1);
}

// Every pair of operators over constants of several shapes, at the level that allows rounding elsewhere.
TEST(JoinConstants, EveryPair) {
  const char* const shapes[] = {"f32[] = [1.5]", "f32[3] = [0.5,-2.0,3.0]", "f32[2,1] = [4.0,-0.25]"};
  const char* const ops[] = {"add", "sub", "mul", "div"};
  for (const char* first : ops) {
    for (const char* second : ops) {
      for (const char* a : shapes) {
        for (const char* b : shapes) {
          for (int swaps = 0; swaps < 4; ++swaps) {
            const std::string text =
                Concat("const %a: ", a, "\nconst %b: ", b, "\nmain (%x: f32[2,3]) {\n  %t: f32[2,3] = ", first,
                       (swaps & 1) != 0 ? "(%a, %x)" : "(%x, %a)", "\n  %y: f32[2,3] = ", second,
                       (swaps & 2) != 0 ? "(%b, %t)" : "(%t, %b)", "\n  yield(%y)\n}");
            CheckSimplify(text, Only({"join-constants", "join-scales", "join-offsets", "fold-constants"}), Same::kClose,
                          {1});
          }
        }
      }
    }
  }
}

TEST(JoinConstants, OneOperatorIsLeft) {
  const auto text = [](const char* first, const char* second) {
    return Concat(
        "const %a: f32[] = [1.5]\nconst %b: f32[3] = [0.5,2.0,-1.0]\nmain (%x: f32[N,3]) {\n  %t: f32[N,3] = ", first,
        "(%x, %a)\n  %y: f32[N,3] = ", second, "(%t, %b)\n  yield(%y)\n}");
  };
  for (const auto& [first, second] :
       {std::pair("add", "add"), std::pair("mul", "mul"), std::pair("add", "sub"), std::pair("sub", "add"),
        std::pair("sub", "sub"), std::pair("mul", "div"), std::pair("div", "mul")}) {
    EXPECT_EQ(CountNodes(CheckSimplify(text(first, second), {}, Same::kClose).graph), 1) << first << " " << second;
    SimplifyOptions exact;
    exact.rewrite.level = 1;
    EXPECT_EQ(CountNodes(CheckSimplify(text(first, second), exact).graph), 2) << first << " " << second;
  }
  EXPECT_EQ(CountNodes(CheckSimplify(text("mul", "add"), {}, Same::kClose).graph), 2);
}

TEST(AbsorbNegation, SumsAndDifferences) {
  for (const char* expression : {"add(%x, %n)", "add(%n, %x)", "sub(%x, %n)"}) {
    const auto c =
        CheckSimplify(Concat("main (%x: f32[N,3], %z: f32[3]) {\n  %n: f32[3] = neg(%z)\n  %y: f32[N,3] = ", expression,
                             "\n  yield(%y)\n}"));
    EXPECT_EQ(CountOps(c.graph, "neg"), 0) << expression;
  }
  const auto kept = CheckSimplify(
      "main (%x: f32[N,3], %z: f32[3]) {\n  %n: f32[3] = neg(%z)\n  %y: f32[N,3] = sub(%n, %x)\n  yield(%y)\n}");
  EXPECT_EQ(CountOps(kept.graph, "neg"), 1);
}

// All chains of two casts between numeric types. What the wider type holds, comes back.
TEST(MergeCasts, EveryChain) {
  const char* const types[] = {"f64", "f32", "f16", "bf16", "i64", "i32", "i16",
                               "i8",  "u64", "u32", "u16",  "u8",  "bool"};
  int merged = 0;
  for (const char* from : types) {
    for (const char* through : types) {
      for (const char* to : types) {
        const std::string text = Concat("main (%x: ", from, "[64]) {\n  %t: ", through, "[64] = cast(%x, to=", through,
                                        ")\n  %y: ", to, "[64] = cast(%t, to=", to, ")\n  yield(%y)\n}");
        // Conversions of NaN and infinity to integers differ between kinds of values; drawn ones are finite there.
        const auto c = CheckSimplify(text, Only({"merge-casts", "drop-cast"}), Same::kBits, {1});
        merged += CountNodes(c.graph) < 2 ? 1 : 0;
      }
    }
  }
  EXPECT_GT(merged, 300);
  EXPECT_EQ(CountNodes(CheckSimplify("main (%x: f32[4]) {\n %t: f16[4] = cast(%x, to=f16)\n %y: f32[4] = cast(%t, "
                                     "to=f32)\n yield(%y)\n}")
                           .graph),
            2);
  EXPECT_EQ(CountNodes(CheckSimplify("main (%x: u16[4]) {\n %t: f16[4] = cast(%x, to=f16)\n %y: u16[4] = cast(%t, "
                                     "to=u16)\n yield(%y)\n}")
                           .graph),
            2);
}

TEST(Choice, KnownSameNegated) {
  const auto known = CheckSimplify(R"(const %c: bool[2] = [1,1]
    main (%a: f32[N,2], %b: f32[]) {
      %y: f32[N,2] = where(%c, %a, %b)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(known.graph), 0);
  const auto grows = CheckSimplify(R"(const %c: bool[2] = [0,0]
    main (%a: f32[N,2], %b: f32[]) {
      %y: f32[N,2] = where(%c, %a, %b)
      yield(%y)
    })");
  EXPECT_EQ(CountOps(grows.graph, "where"), 1);
  const auto same = CheckSimplify(R"(main (%c: bool[2], %a: f32[N,2]) {
      %y: f32[N,2] = where(%c, %a, %a)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(same.graph), 0);
  const auto negated = CheckSimplify(R"(main (%c: bool[2], %a: f32[N,2], %b: f32[2]) {
      %n: bool[2] = logical_not(%c)
      %y: f32[N,2] = where(%n, %a, %b)
      yield(%y)
    })");
  EXPECT_EQ(CountOps(negated.graph, "logical_not"), 0);
}

TEST(Logic, NeutralAndSameOperands) {
  const auto c = CheckSimplify(R"(const %t: bool[] = [1]
    const %f: bool[] = [0]
    main (%x: bool[N]) {
      %a: bool[N] = logical_and(%x, %t)
      %b: bool[N] = logical_or(%f, %a)
      %c: bool[N] = logical_xor(%b, %f)
      %d: bool[N] = logical_and(%c, %c)
      yield(%d)
    })");
  EXPECT_EQ(CountNodes(c.graph), 0);
  const auto kept = CheckSimplify(R"(const %t: bool[] = [1]
    main (%x: bool[N]) {
      %a: bool[N] = logical_xor(%x, %t)
      %b: bool[N] = logical_xor(%a, %a)
      yield(%b)
    })");
  EXPECT_EQ(CountNodes(kept.graph), 2);
}

// All pairs of bounding operators, with bounds on either side of zero and of each other.
TEST(MergeBounds, EveryPair) {
  std::vector<std::string> steps = {"relu(IN)"};
  const char* const names[] = {"_", "%m", "%z", "%o", "%t"};
  for (const char* low : names) {
    for (const char* high : names) steps.push_back(Concat("clip(IN, ", low, ", ", high, ")"));
  }
  for (const char* bound : {"%m", "%z", "%o"}) {
    steps.push_back(Concat("min(IN, ", bound, ")"));
    steps.push_back(Concat("max(", bound, ", IN)"));
  }
  const auto with = [](std::string step, std::string_view in) { return step.replace(step.find("IN"), 2, in); };
  for (const char* dtype : {"f32", "i32"}) {
    const std::string scalars =
        std::string_view(dtype) == "f32"
            ? "const %m: f32[] = [-1.0]\nconst %z: f32[] = [0.0]\nconst %o: f32[] = [1.0]\nconst %t: "
              "f32[] = [2.5]\n"
            : "const %m: i32[] = [-1]\nconst %z: i32[] = [0]\nconst %o: i32[] = [1]\nconst %t: i32[] "
              "= [2]\n";
    for (const std::string& first : steps) {
      for (const std::string& second : steps) {
        const std::string text =
            Concat(scalars, "main (%x: ", dtype, "[40]) {\n  %a: ", dtype, "[40] = ", with(first, "%x"),
                   "\n  %y: ", dtype, "[40] = ", with(second, "%a"), "\n  yield(%y)\n}");
        CheckSimplify(text, Only({"merge-bounds", "drop-clip", "idempotent"}), Same::kBits, {1});
      }
    }
  }
}

TEST(MergeBounds, Relu6) {
  const auto c = CheckSimplify(R"(const %six: f32[] = [6.0]
    main (%x: f32[N]) {
      %a: f32[N] = relu(%x)
      %y: f32[N] = min(%a, %six)
      yield(%y)
    })");
  EXPECT_EQ(CountOps(c.graph, "clip"), 1);
  EXPECT_EQ(CountNodes(c.graph), 1);
  const auto relu = CheckSimplify(R"(main (%x: f32[N]) {
      %a: f32[N] = sigmoid(%x)
      %y: f32[N] = relu(%a)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(relu.graph), 1);
  const auto kept = CheckSimplify(R"(main (%x: f32[N], %b: f32[]) {
      %a: f32[N] = min(%x, %b)
      %y: f32[N] = relu(%a)
      yield(%y)
    })");
  EXPECT_EQ(CountNodes(kept.graph), 2);
}

TEST(Identities, TwiceIsOnceOrNone) {
  for (const char* op : {"relu", "abs", "ceil", "floor", "sign"}) {
    const auto c = CheckSimplify(
        Concat("main (%x: f32[N]) {\n  %a: f32[N] = ", op, "(%x)\n  %y: f32[N] = ", op, "(%a)\n  yield(%y)\n}"));
    EXPECT_EQ(CountNodes(c.graph), 1) << op;
  }
  for (const char* dtype : {"f32", "i32", "i8"}) {
    const auto c = CheckSimplify(Concat("main (%x: ", dtype, "[N]) {\n  %a: ", dtype, "[N] = neg(%x)\n  %y: ", dtype,
                                        "[N] = neg(%a)\n  yield(%y)\n}"));
    EXPECT_EQ(CountNodes(c.graph), 0) << dtype;
  }
  const auto kept =
      CheckSimplify("main (%x: f32[N]) {\n  %a: f32[N] = exp(%x)\n  %y: f32[N] = exp(%a)\n  yield(%y)\n}");
  EXPECT_EQ(CountNodes(kept.graph), 2);
}

}  // namespace
}  // namespace godwit
