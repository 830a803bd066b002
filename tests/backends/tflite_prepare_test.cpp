// What stands once orders have been chosen: what only they let be found is found at once.
#include "backends/tflite/prepare.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "ir/text.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "verify/proof.h"

namespace godwit {
namespace {

std::string Text(const Graph& graph) {
  const auto text = PrintGraph(graph);
  return text.ok() ? *text : FormatDiag(text.diag());
}

// Prepared, and proved to be the same.
Graph Prepared(std::string_view body) {
  auto graph = ParseGraph(Concat("graph {", body, "}"), ops::Find);
  EXPECT_TRUE(graph.ok()) << FormatDiag(graph.diag());
  if (!graph.ok()) return {};
  Graph out = graph->Clone();
  EXPECT_TRUE(to_tflite::Prepare(&out, {}, nullptr).ok());
  const auto proof = Prove(*graph, out, {});
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

}  // namespace
}  // namespace godwit
