// What is done to a graph before it is written to TFLite: the order of its axes, the forms that the runtimes have, and
// what only these let be found.
#include "backends/tflite/prepare.h"

#include <gtest/gtest.h>

#include <numeric>

#include "backends/tflite_written.h"
#include "base/text.h"
#include "exec/session.h"
#include "ir/convert.h"
#include "ir/text.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "verify/proof.h"

namespace godwit {
namespace {

using test::ParsedGraph;
using Written = test::WrittenTflite;

Written Export(const Graph& graph, const targets::TfliteProfile& profile = {}) {
  return test::WriteTflite(graph, {profile});
}

std::string Text(const Graph& graph) {
  const auto text = PrintGraph(graph);
  return text.ok() ? *text : FormatDiag(text.diag());
}

// Prepared, and proved to be the same.
Graph Prepared(std::string_view body) {
  const Graph graph = ParsedGraph(Concat("graph {", body, "}"));
  Graph out = graph.Clone();
  EXPECT_TRUE(to_tflite::Prepare(&out, {}, nullptr).ok());
  const auto proof = Prove(graph, out, {});
  EXPECT_TRUE(proof.ok() && proof->ok()) << Text(out);
  return out;
}

int64_t Count(const Graph& graph, const OpDef& op) {
  int64_t count = 0;
  for (const NodeId id : NodesWithin(graph)) count += graph.node(id).op == &op ? 1 : 0;
  return count;
}

TEST(TflitePrepare, PaddingBetweenTransposesGoesIntoTheWindow) {
  const Graph graph = Prepared(R"(
    const %pads: i64[8] = [0,0,1,1,0,0,1,1]
    const %w: f32[2,3,3,1] = [1.0,2.0,3.0,-4.0,0.5,0.25,1.0,1.0,-1.0,2.0,0.5,3.0,1.0,0.5,-0.25,2.0,1.0,2.0]
    main (%x: f32[1,6,5,1]) {
      %first: f32[1,1,6,5] = transpose(%x, perm=[0,3,1,2])
      %padded: f32[1,1,8,7] = pad(%first, %pads)
      %last: f32[1,8,7,1] = transpose(%padded, perm=[0,2,3,1])
      %y: f32[1,6,5,2] = conv(%last, %w, channel_axis=3, weight_layout="ohwi")
      yield(%y as y)
    })");
  EXPECT_EQ(Count(graph, ops::kPad), 0) << Text(graph);
  EXPECT_EQ(Count(graph, ops::kTranspose), 0) << Text(graph);
}

TEST(TflitePrepare, WhatGoesIntoAProductKeepsItsRows) {
  const Graph graph = Prepared(R"(
    main (%x: f32[1,8,5,4], %y: f32[1,7,8,4]) {
      %turned: f32[1,8,4,7] = transpose(%y, perm=[0,2,3,1])
      %z: f32[1,8,5,7] = matmul(%x, %turned)
      yield(%z as z)
    })");
  EXPECT_NE(Text(graph).find("perm=[0,2,1,3]"), std::string::npos) << Text(graph);
  EXPECT_NE(Text(graph).find("transpose_b=1"), std::string::npos) << Text(graph);
}

// A transpose before the parts moves as much as one behind them.
TEST(TflitePrepare, OfEqualLayoutsTheOneThatIsThereStays) {
  const std::string head = R"(
    const %w: f32[1,1,1,4] = [1.0,2.0,3.0,-4.0]
    const %start: i64[1] = [0]
    const %middle: i64[1] = [4]
    const %end: i64[1] = [8]
    const %axes: i64[1] = [)";
  const std::string behind = head + R"(2]
    main (%x: f32[1,2,8,6]) {
      %a: f32[1,2,4,6] = slice(%x, %start, %middle, %axes)
      %b: f32[1,2,4,6] = slice(%x, %middle, %end, %axes)
      %c: f32[1,4,4,6] = concat(%a, %b, axis=1)
      %t: f32[1,4,6,4] = transpose(%c, perm=[0,2,3,1])
      %y: f32[1,4,6,1] = conv(%t, %w, channel_axis=3, weight_layout="ohwi")
      yield(%y as y)
    })";
  const std::string before = head + R"(1]
    main (%x: f32[1,2,8,6]) {
      %t: f32[1,8,6,2] = transpose(%x, perm=[0,2,3,1])
      %a: f32[1,4,6,2] = slice(%t, %start, %middle, %axes)
      %b: f32[1,4,6,2] = slice(%t, %middle, %end, %axes)
      %c: f32[1,4,6,4] = concat(%a, %b, axis=3)
      %y: f32[1,4,6,1] = conv(%c, %w, channel_axis=3, weight_layout="ohwi")
      yield(%y as y)
    })";
  for (const std::string& text : {behind, before}) {
    const Graph once = Prepared(text);
    EXPECT_EQ(Count(once, ops::kTranspose), 1);
    Graph twice = once.Clone();
    ASSERT_TRUE(to_tflite::Prepare(&twice, {}, nullptr).ok());
    EXPECT_EQ(Text(twice), Text(once));
  }
  EXPECT_NE(Text(Prepared(behind)).find("transpose(%c"), std::string::npos) << Text(Prepared(behind));
  EXPECT_NE(Text(Prepared(before)).find("transpose(%x"), std::string::npos) << Text(Prepared(before));
}

TEST(TflitePrepare, LayoutIsTheTargets) {
  Graph graph = ParsedGraph(R"(graph g {
    const %w: f32[2,2,1,1] = [2,1,3,4]
    main (%x: f32[2,2,3,4]) {
      %a: f32[2,2,3,4] = conv(%x, %w)
      %b: f32[2,2,3,4] = abs(%a)
      %y: f32[2,2,3,4] = conv(%b, %w)
      yield(%y as y)
    }
  })");
  to_tflite::PrepareReport report;
  ASSERT_TRUE(to_tflite::Prepare(&graph, {}, &report).ok());
  EXPECT_EQ(report.layout.after.transposes, 2);
  EXPECT_EQ(Export(graph).Ops(), "TRANSPOSE CONV_2D ABS CONV_2D TRANSPOSE");
}

TEST(TflitePrepare, PatchesOfAFrameNeedNoMoreThanFourAxes) {
  constexpr std::string_view kText = R"(graph g {
    const %w: f32[3,3,1,1] = [2,1,3,4,1,5,1,2,2]
    const %cut: i64[6] = [1,3,3,4,2,4]
    const %each: i64[4] = [6,3,4,4]
    const %apart: i64[6] = [1,3,2,4,4,3]
    const %frame: i64[4] = [1,12,8,3]
    main (%x: f32[1,3,12,8]) {
      %a: f32[1,3,3,4,2,4] = reshape(%x, %cut)
      %b: f32[1,3,2,3,4,4] = transpose(%a, perm=[0,2,4,1,3,5])
      %c: f32[6,3,4,4] = reshape(%b, %each)
      %d: f32[6,3,4,4] = conv(%c, %w)
      %e: f32[6,4,4,3] = transpose(%d, perm=[0,2,3,1])
      %f: f32[1,3,2,4,4,3] = reshape(%e, %apart)
      %g: f32[1,3,4,2,4,3] = transpose(%f, perm=[0,1,3,2,4,5])
      %y: f32[1,12,8,3] = reshape(%g, %frame)
      yield(%y as y)
    }
  })";
  const Graph source = ParsedGraph(kText);
  Graph graph = ParsedGraph(kText);
  to_tflite::PrepareReport report;
  ASSERT_TRUE(to_tflite::Prepare(&graph, {}, &report).ok());
  EXPECT_EQ(report.layout.after.transposes, 3);
  const Written out = Export(graph);
  EXPECT_EQ(out.Ops(), "TRANSPOSE RESHAPE TRANSPOSE RESHAPE CONV_2D RESHAPE TRANSPOSE RESHAPE");
  for (const tflite::Tensor& t : out.model.subgraphs[0].tensors) EXPECT_LE(t.shape.size(), 4U) << t.name;
  std::vector<float> values(size_t{3} * 12 * 8);
  std::iota(values.begin(), values.end(), 0.0F);
  Session before(source, {}), after(graph, {});
  const auto want = before.Run({Tensor::F32({1, 3, 12, 8}, values)}),
             got = after.Run({Tensor::F32({1, 3, 12, 8}, values)});
  ASSERT_TRUE(want.ok() && got.ok());
  EXPECT_EQ(ToF64((*want)[0].tensor), ToF64((*got)[0].tensor));
}

TEST(TflitePrepare, NeighboursInDifferentAxesOfTheResultMoveAsOne) {
  Graph graph = ParsedGraph(R"(graph g {
    const %apart: i64[6] = [1,3,2,4,5,6]
    const %frame: i64[4] = [1,12,10,6]
    main (%x: f32[6,4,5,6]) {
      %f: f32[1,3,2,4,5,6] = reshape(%x, %apart)
      %g: f32[1,3,4,2,5,6] = transpose(%f, perm=[0,1,3,2,4,5])
      %y: f32[1,12,10,6] = reshape(%g, %frame)
      %z: f32[1,10,6,12] = transpose(%y, perm=[0,2,3,1])
      yield(%z as z)
    }
  })");
  ASSERT_TRUE(to_tflite::Prepare(&graph, {}, nullptr).ok());
  const Written out = Export(graph);
  EXPECT_EQ(out.Ops(), "RESHAPE TRANSPOSE RESHAPE");
  for (const tflite::Tensor& t : out.model.subgraphs[0].tensors) EXPECT_LE(t.shape.size(), 4U) << t.name;
}

TEST(TflitePrepare, HalvesAreWidenedBetweenTheEdges) {
  Graph graph = ParsedGraph(R"(graph g {
    const %w: f16[2] = [1.5,2]
    main (%x: f16[3,2]) {
      %a: f16[3,2] = mul(%x, %w)
      %b: f16[3,2] = sqrt(%a)
      yield(%b as y)
    }
  })");
  ASSERT_TRUE(to_tflite::Prepare(&graph, {}, nullptr).ok());
  const Written out = Export(graph);
  EXPECT_EQ(out.Ops(), "CAST MUL SQRT CAST");
  EXPECT_EQ(out.model.signature_defs[0].outputs[0].name, "y");
}

TEST(TflitePrepare, HardSigmoidsGoIntoWhatIsBefore) {
  Graph graph = ParsedGraph(R"(graph g {
    const %w: f32[2,2,1,1] = [2,1,3,4]
    main (%x: f32[2,3,4,2]) {
      %a: f32[2,3,4,2] = conv(%x, %w, channel_axis=3)
      %y: f32[2,3,4,2] = hard_sigmoid(%a, alpha=0.16666667163372, beta=0.5)
      yield(%y as y)
    }
  })");
  to_tflite::PrepareReport report;
  ASSERT_TRUE(to_tflite::Prepare(&graph, {}, &report).ok());
  EXPECT_EQ(report.decomposed, 1);
  EXPECT_EQ(Export(graph).Ops(), "CONV_2D MUL");
}

std::string OpsOf(std::string_view text) {
  Graph graph = ParsedGraph(text);
  EXPECT_TRUE(to_tflite::Prepare(&graph, {}, nullptr).ok());
  return Export(graph).Ops();
}

// Neighbours over one spatial axis hand each other images of one row.
TEST(TflitePrepare, LinesAreImagesOfOneRow) {
  EXPECT_EQ(OpsOf(R"(graph g {
    const %w: f32[2,2,1] = [2,1,3,4]
    main (%x: f32[1,2,9]) {
      %a: f32[1,2,9] = conv(%x, %w)
      %b: f32[1,2,9] = gelu(%a)
      %c: f32[1,2,9] = conv(%b, %w)
      %d: f32[1,2,9] = tanh(%c)
      %y: f32[1,2,4] = max_pool(%d, kernel=[2], strides=[2])
      yield(%y as y)
    }
  })"),
            "TRANSPOSE RESHAPE CONV_2D GELU CONV_2D TANH MAX_POOL_2D RESHAPE TRANSPOSE");
  // Two extents that are not known cannot be reshaped to, but an axis can be put in.
  const std::string open = OpsOf(R"(graph g {
    const %w: f32[2,2,1] = [2,1,3,4]
    main (%x: f32[N,2,L]) {
      %a: f32[N,2,L] = conv(%x, %w)
      yield(%a as y)
    }
  })");
  EXPECT_NE(open.find("EXPAND_DIMS CONV_2D SQUEEZE"), std::string::npos) << open;
}

// A reshape says one open size at most; where it only places dims of 1 it need say none.
TEST(TflitePrepare, OnesArePlacedBetweenOpenSizes) {
  const std::string ops = OpsOf(R"(graph g {
    const %more: i64[4] = [0,1,-1,2]
    main (%x: f32[N,L,2]) {
      %a: f32[N,1,L,2] = reshape(%x, %more)
      yield(%a as y)
    }
  })");
  EXPECT_EQ(ops, "EXPAND_DIMS");
}

// log(sum(exp)) of a decomposition is not an operator to be decomposed once more.
TEST(TflitePrepare, WhatIsWrittenOutStaysSo) {
  EXPECT_EQ(OpsOf(R"(graph g {
    const %last: i64[1] = [1]
    main (%x: f32[2,3]) {
      %y: f32[2,1] = reduce(%x, %last, mode="log_sum_exp")
      yield(%y as y)
    }
  })"),
            "REDUCE_MAX ABS EQUAL SELECT_V2 SUB EXP SUM LOG ADD");
}

TEST(TflitePrepare, ProductsTakeWhatLiesTurned) {
  // A row that becomes a column lies as it did.
  EXPECT_EQ(OpsOf(R"(graph g {
    const %t: i64[3] = [4,1,3]
    main (%a: f32[4,2,1], %x: f32[4,3,1]) {
      %r: f32[4,1,3] = reshape(%x, %t)
      %y: f32[4,2,3] = matmul(%a, %r)
      yield(%y as y)
    }
  })"),
            "BATCH_MATMUL");
  EXPECT_EQ(OpsOf(R"(graph g {
    const %w: f32[2,3] = [1,2,3,4,5,6]
    const %none: f32[3] = [0,0,0]
    main (%x: f32[4,2]) {
      %y: f32[4,3] = gemm(%x, %w, %none)
      yield(%y as y)
    }
  })"),
            "FULLY_CONNECTED");
}

std::string Zeros(int n) {
  std::string out = "0";
  for (int k = 1; k < n; ++k) out += ",0";
  return out;
}

std::string Layer(std::string_view attrs, std::string_view more = "") {
  return Concat(R"(graph {
    const %w: f32[1,8,3] = [)",
                Zeros(24), "]\n const %r: f32[1,8,2] = [", Zeros(16), R"(]
    const %b: f32[1,16] = [)",
                Zeros(16), R"(]
    main (%x: f32[5,1,3]) {
      %y: f32[5,1,1,2], %h: f32[1,1,2], %c: f32[1,1,2] = lstm(%x, %w, %r, %b, activations=["sigmoid","tanh","tanh"])",
                attrs, R"()
      yield(%y as y)",
                more, R"()
    }
  })");
}

TEST(TflitePrepare, TheFusedLstmIsWrittenWhereItIsAskedFor) {
  targets::TfliteProfile asked;
  asked.prefer.insert("UNIDIRECTIONAL_SEQUENCE_LSTM");
  const auto ops = [&](const std::string& text, const targets::TfliteProfile& profile) {
    Graph graph = ParsedGraph(text);
    to_tflite::PrepareOptions options;
    options.profile = profile;
    EXPECT_TRUE(to_tflite::Prepare(&graph, options, nullptr).ok());
    return Export(graph, profile);
  };
  const Written whole = ops(Layer(""), asked);
  EXPECT_EQ(whole.Ops(), "PAD CONCATENATION UNIDIRECTIONAL_SEQUENCE_LSTM SLICE RESHAPE");
  const tflite::Operator& lstm = whole.Op(2);
  EXPECT_TRUE(whole.TensorOf(lstm, 18).is_variable);
  EXPECT_TRUE(whole.TensorOf(lstm, 19).is_variable);
  EXPECT_EQ(lstm.inputs[16], -1);
  EXPECT_EQ(ops(Layer(", direction=\"reverse\""), asked).Ops(),
            "REVERSE_V2 PAD CONCATENATION UNIDIRECTIONAL_SEQUENCE_LSTM SLICE REVERSE_V2 RESHAPE");
  EXPECT_EQ(ops(Layer("", ", %h as h"), asked).Ops(),
            "PAD CONCATENATION UNIDIRECTIONAL_SEQUENCE_LSTM SLICE RESHAPE SLICE RESHAPE");
  // What the operator cannot say, and what was not asked for.
  for (const std::string& other : {ops(Layer("", ", %c as c"), asked).Ops(), ops(Layer(", clip=0.5"), asked).Ops(),
                                   ops(Layer(", input_forget=1"), asked).Ops(), ops(Layer(""), {}).Ops()}) {
    EXPECT_EQ(other.find("SEQUENCE_LSTM"), std::string::npos) << other;
    EXPECT_NE(other.find("LOGISTIC"), std::string::npos) << other;
  }
}

}  // namespace
}  // namespace godwit
