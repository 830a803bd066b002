// Loops and scans as their turns: the same results, and no loop left where the turns are known.
#include "passes/unroll.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "exec/region_runner.h"
#include "exec/widen.h"
#include "ir/text.h"
#include "ir/walk.h"
#include "ops/ops.h"

namespace godwit {
namespace {

Graph Parsed(std::string_view text) {
  auto graph = ParseGraph(Concat("graph g {\n", text, "\n}"), ops::Find);
  EXPECT_TRUE(graph.ok()) << FormatDiag(graph.diag());
  return graph.ok() ? *std::move(graph) : Graph();
}

std::vector<RtValue> Results(const Graph& graph, std::vector<RtValue> inputs) {
  const GraphFacts facts(graph);
  Widening as_stored;
  RegionRunner runner(facts, {}, &as_stored);
  auto out = runner.Run(Graph::main(), std::move(inputs));
  EXPECT_TRUE(out.ok()) << FormatDiag(out.diag());
  return out.ok() ? *std::move(out) : std::vector<RtValue>();
}

bool HasLoops(const Graph& graph) {
  for (const NodeId id : NodesWithin(graph)) {
    if (graph.node(id).op == &ops::kLoop || graph.node(id).op == &ops::kScan) return true;
  }
  return false;
}

void ExpectUnrolls(std::string_view text, const std::vector<RtValue>& inputs) {
  const Graph before = Parsed(text);
  Graph after = Parsed(text);
  const auto done = UnrollLoops(&after, 16);
  ASSERT_TRUE(done.ok()) << FormatDiag(done.diag());
  EXPECT_GT(*done, 0);
  EXPECT_FALSE(HasLoops(after)) << *PrintGraph(after, {});
  const std::vector<RtValue> want = Results(before, inputs), got = Results(after, inputs);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(Identical(got[i].tensor, want[i].tensor)) << i;
}

TEST(Unroll, CountedLoops) {
  ExpectUnrolls(R"(const %three: i64[] = [3]
    main (%x: f32[2]) {
      %y: f32[2], %all: f32[T,2] = loop(%three, _, %x) region (%i: i64[], %c: bool[], %s: f32[2]) {
        %n: f32[] = cast(%i, to=f32)
        %t: f32[2] = add(%s, %n)
        yield(%c, %t, %s)
      }
      yield(%y, %all)
    })",
                {RtValue(Tensor::F32({2}, {1, 2}))});
}

TEST(Unroll, Scans) {
  ExpectUnrolls(R"(
    main (%s: f32[2], %x: f32[2,3]) {
      %y: f32[2], %all: f32[2,3] = scan(%s, %x, sliced=1, in_axes=[1], in_reversed=[1], out_axes=[1]) region (%p: f32[2], %q: f32[2]) {
        %t: f32[2] = add(%p, %q)
        %u: f32[2] = mul(%p, %q)
        yield(%t, %u)
      }
      yield(%y, %all)
    })",
                {RtValue(Tensor::F32({2}, {1, 2})), RtValue(Tensor::F32({2, 3}, {1, 2, 3, 4, 5, 6}))});
}

TEST(Unroll, WhatEndsByItselfStays) {
  Graph graph = Parsed(R"(const %three: i64[] = [3]
    main (%x: f32[2], %go: bool[]) {
      %y: f32[2] = loop(%three, %go, %x) region (%i: i64[], %c: bool[], %s: f32[2]) {
        %t: f32[2] = add(%s, %s)
        yield(%c, %t)
      }
      yield(%y)
    })");
  const auto done = UnrollLoops(&graph, 16);
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(*done, 0);
  EXPECT_TRUE(HasLoops(graph));
}

}  // namespace
}  // namespace godwit
