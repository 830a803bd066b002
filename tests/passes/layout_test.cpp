// Layout of whole graphs: the best of all labellings, the same numbers, through every operator, at scale, explained.
#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <set>

#include "base/text.h"
#include "ir/builder.h"
#include "ir/commute.h"
#include "ir/text.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "ops/sample_graph.h"
#include "passes/layout/problem.h"
#include "passes/layout_check.h"
#include "passes/rewrite_check.h"
#include "rewrite/editor.h"

namespace godwit {
namespace {

using layout::Label;
using layout::Problem;
using test::CheckLayout;
using test::CountOps;
using test::StrictTarget;
using Place = ChannelOrder::Place;

IoLayout Io(IoLayout::Kind kind) { return {kind, {}}; }

// Bytes by definition: each order of each tensor that somebody needs beside the one it is made in.
int64_t BytesMoved(const Graph& graph, Problem& problem) {
  double bytes = 0;
  for (uint32_t i = 0; i < graph.value_count(); ++i) {
    const ValueId root{i};
    if (!problem.forms().Ordered(root) || graph.IsConstant(root) || problem.SitesOf(root).empty()) continue;
    const Shape& shape = graph.value(root).type.shape();
    std::set<Perm> orders = {layout::MemoryOrder(problem.orders()[problem.MadeIn(root)], shape)};
    for (const layout::Site& site : problem.SitesOf(root)) {
      const Label needed = problem.NeededBy(site);
      if (needed != layout::kAny) orders.insert(layout::MemoryOrder(problem.orders()[needed], shape));
    }
    bytes += layout::BytesOf(graph.value(root).type) * static_cast<double>(orders.size() - 1);
  }
  return static_cast<int64_t>(bytes);
}

TEST(Layout, IsTheBestOfAllLabellings) {
  constexpr int kGraphs = test::kSlowBuild ? 500 : 10000;
  constexpr double kMostChoices = 1500;
  std::mt19937_64 random(11);
  int tried = 0, moved = 0;
  for (int i = 0; tried < kGraphs; ++i) {
    Graph graph = test::RandomGraph(random, 3 + i % 8);
    const StrictTarget target(i % 4 == 0 ? Place::kFirst : Place::kLast);
    LayoutOptions options;
    if (i % 3 == 1) options.inputs = options.outputs = Io(IoLayout::Kind::kAuto);
    Editor editor(graph);
    Problem problem(graph, editor.inference(), target, options);
    double choices = 1;
    for (uint32_t v = 0; v < problem.chooser_count(); ++v) choices *= problem.pbqp().States(v);
    if (choices > kMostChoices) continue;
    ++tried;
    problem.Solve(options.effort);
    EXPECT_TRUE(problem.answer().optimal());
    const int64_t solved = BytesMoved(graph, problem);
    moved += solved > 0;
    std::vector<uint32_t> choice(problem.pbqp().size());
    int64_t best = std::numeric_limits<int64_t>::max();
    for (bool more = true; more;) {
      problem.Take(choice);
      best = std::min(best, BytesMoved(graph, problem));
      size_t v = 0;
      while (v < problem.chooser_count() && ++choice[v] == problem.pbqp().States(static_cast<uint32_t>(v))) {
        choice[v++] = 0;
      }
      more = v < problem.chooser_count();
    }
    ASSERT_EQ(solved, best) << i << "\n" << *PrintGraph(graph);
  }
  EXPECT_GT(moved, kGraphs / 20);
}

TEST(Layout, ComputesTheSame) {
  constexpr int kGraphs = test::kSlowBuild ? 150 : 1500;
  std::mt19937_64 random(13);
  for (int i = 0; i < kGraphs; ++i) {
    const Graph graph = test::RandomGraph(random, 4 + i % 30);
    LayoutOptions options;
    const auto kinds = {IoLayout::Kind::kKeep, IoLayout::Kind::kAuto, IoLayout::Kind::kTarget};
    options.inputs = options.outputs = Io(kinds.begin()[i % 3]);
    const auto there = CheckLayout(graph, StrictTarget(Place::kLast), options, Concat("graph ", std::to_string(i)));
    if (testing::Test::HasFailure()) return;
    const std::vector<ValueId>& inputs = graph.region(Graph::main()).params;
    const bool known =
        std::all_of(inputs.begin(), inputs.end(), [&](ValueId v) { return graph.value(v).type.tensor().is_static(); });
    EXPECT_TRUE(!known || i % 3 != 0 || there.report.alone.bytes >= there.report.after.bytes) << i;
    if (i % 3 == 0) CheckLayout(there.graph, StrictTarget(Place::kFirst), {}, Concat("back ", std::to_string(i)));
    if (testing::Test::HasFailure()) return;
  }
}

class LayoutThrough : public testing::TestWithParam<const OpDef*> {};

// Each sample of each operator, its operands transposed by every permutation that the operator lets through: with
// inputs and outputs free no transpose is left, and the numbers are the same.
TEST_P(LayoutThrough, EverySampleInEveryOrder) {
  const OpDef& op = *GetParam();
  for (const Sample& sample : op.samples()) {
    const auto operands = test::MakeOperands(sample);
    ASSERT_TRUE(operands.ok());
    for (size_t which = 0; which < operands->size(); ++which) {
      const RtValue& value = (*operands)[which].value;
      if (!value.is_tensor() || (*operands)[which].fixed) continue;
      const int rank = value.tensor.rank();
      if (rank < 2 || rank > 4 || value.tensor.dtype() == DType::kString || value.tensor.size() == 0) continue;
      Perm perm(static_cast<size_t>(rank));
      std::iota(perm.begin(), perm.end(), 0);
      while (std::next_permutation(perm.begin(), perm.end())) {
        test::SampleGraph made = test::MakeGraph(op, sample, *operands);
        Graph& graph = made.graph;
        // The operand comes out of a transpose of an input.
        const ValueId x = graph.node(made.node).in[which];
        Type type = graph.value(x).type;
        graph.value(x).type.tensor().shape = layout::Stored(type.shape(), perm);
        Perm back(perm.size());
        for (size_t k = 0; k < perm.size(); ++k) back[static_cast<size_t>(perm[k])] = static_cast<int64_t>(k);
        const NodeId turn = graph.AddNode(Graph::main(), ops::kTranspose, {x}, 1, {{"perm", back}});
        for (ValueId& v : graph.node(made.node).in) {
          if (v == x) v = graph.node(turn).out[0];
        }
        ASSERT_TRUE(TopologicalSort(&graph, Graph::main()).ok());
        Inference facts(graph);
        ASSERT_TRUE(facts.InferRegion(Graph::main()).ok());
        uint32_t names = 0;
        for (const ValueId v : graph.region(Graph::main()).params)
          graph.value(v).name = Concat("x", std::to_string(names++));
        Region& main = graph.region(Graph::main());
        graph.output_names.clear();
        for (size_t k = 0; k < main.results.size(); ++k) graph.output_names.push_back(Concat("y", std::to_string(k)));
        LayoutOptions options;
        options.inputs = options.outputs = Io(IoLayout::Kind::kAuto);
        CheckLayout(graph, test::FreeTarget(), options, test::Describe(op, sample));
        if (testing::Test::HasFailure()) return;
      }
    }
  }
}

std::vector<const OpDef*> WithRule() {
  std::vector<const OpDef*> rows;
  for (const OpDef* op : ops::All()) {
    if (op->commute != nullptr && op->samples != nullptr) rows.push_back(op);
  }
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Ops, LayoutThrough, testing::ValuesIn(WithRule()),
                         [](const auto& row) { return std::string(row.param->name); });

TEST(Layout, ManyUsersShareATranspose) {
  const Graph graph = test::Parse(R"(const %w: f32[2,3,1,1] = [1.0,2.0,3.0,4.0,5.0,6.0]
  main (%x: f32[1,3,4,5]) {
    %a: f32[1,2,4,5] = conv(%x, %w)
    %b: f32[1,2,4,5] = conv(%x, %w)
    %c: f32[1,2,4,5] = add(%a, %b)
    yield(%c, %x)
  })");
  const auto out = CheckLayout(graph, StrictTarget(Place::kLast), {}, "shared");
  EXPECT_EQ(out.report.after.transposes, 2);
  EXPECT_EQ(out.report.after.bytes, (60 + 40) * 4);
  EXPECT_EQ(CountOps(out.graph, "transpose"), 2);
  EXPECT_TRUE(out.report.optimal);
}

TEST(Layout, DimsOfOneAreReshaped) {
  const Graph graph = test::Parse(R"(const %w: f32[2,3,1,1] = [1.0,2.0,3.0,4.0,5.0,6.0]
  main (%x: f32[1,3,1,1]) {
    %a: f32[1,2,1,1] = conv(%x, %w)
    yield(%a)
  })");
  const auto out = CheckLayout(graph, StrictTarget(Place::kLast), {}, "ones");
  EXPECT_EQ(out.report.after.bytes, 0);
  EXPECT_EQ(CountOps(out.graph, "transpose"), 0);
  EXPECT_EQ(CountOps(out.graph, "reshape"), 2);
}

TEST(Layout, DynamicSizesMoveAlong) {
  const Graph graph = test::Parse(R"(const %w: f32[2,3,1,1] = [1.0,2.0,3.0,4.0,5.0,6.0]
  const %s: i64[3] = [0,2,-1]
  const %b: i64[1] = [2]
  main (%x: f32[N,3,H,W]) {
    %a: f32[N,2,H,W] = conv(%x, %w)
    %n: i64[4] = shape_of(%a)
    %t: f32[N,2,H*W] = reshape(%a, %s)
    %u: f32[N,H*W,2] = transpose(%t, perm=[0,2,1])
    yield(%u, %n)
  })");
  LayoutOptions options;
  options.inputs = Io(IoLayout::Kind::kTarget);
  const auto out = CheckLayout(graph, StrictTarget(Place::kLast), options, "dynamic");
  EXPECT_EQ(CountOps(out.graph, "transpose"), 0) << test::Print(out.graph);
}

TEST(Layout, BodiesKeepTheirBorders) {
  const Graph graph = test::Parse(R"(const %w: f32[3,3,1,1] = [1.0,2.0,3.0,4.0,5.0,6.0,1.0,2.0,3.0]
  main (%x: f32[1,3,4,5], %c: bool[]) {
    %a: f32[1,3,4,5] = conv(%x, %w)
    %r: f32[1,3,4,5] = if(%c) region () {
      %b: f32[1,3,4,5] = conv(%a, %w)
      %d: f32[1,3,4,5] = relu(%b)
      yield(%d)
    }
    region () {
      %e: f32[1,3,4,5] = neg(%x)
      yield(%e)
    }
    yield(%r)
  })");
  const auto out = CheckLayout(graph, StrictTarget(Place::kLast), {}, "if");
  EXPECT_EQ(out.report.after.transposes, 2) << test::Print(out.graph);
}

TEST(Layout, WeightsOfTheTargetAreConstants) {
  const Graph graph = test::Parse(R"(const %w: f32[2,3,1,1] = [1.0,2.0,3.0,4.0,5.0,6.0]
  main (%x: f32[1,3,4,5]) {
    %a: f32[1,2,4,5] = conv(%x, %w)
    yield(%a)
  })");
  const auto out = CheckLayout(graph, StrictTarget(Place::kLast), {}, "weights");
  EXPECT_NE(test::Print(out.graph).find("weight_layout=\"ohwi\""), std::string::npos) << test::Print(out.graph);
  EXPECT_NE(test::Print(out.graph).find("f32[2,1,1,3]"), std::string::npos) << test::Print(out.graph);
}

TEST(Layout, TheReportSaysWhatHoldsEachSide) {
  Graph graph = test::Parse(R"(const %w: f32[2,3,1,1] = [1.0,2.0,3.0,4.0,5.0,6.0]
  const %s: i64[2] = [1,40]
  main (%x: f32[1,3,4,5]) {
    %a: f32[1,2,4,5] = conv(%x, %w) from Conv_0 op Conv
    %r: f32[1,2,4,5] = relu(%a) from Relu_1 op Relu
    %y: f32[1,40] = reshape(%r, %s) from Flatten_2 op Flatten
    yield(%y as y)
  })");
  LayoutReport report;
  ASSERT_TRUE(Relayout(&graph, StrictTarget(Place::kLast), {}, &report).ok());
  EXPECT_EQ(ToText(report), R"(source: 0 transposes, 0 elements, 0 bytes
each operator alone: 2 transposes, 100 elements, 400 bytes
layout: 2 transposes, 100 elements, 400 bytes
nothing less is possible
  x f32[1,3,4,5] [0,2,3,1]: input x -> Conv_0
    input x keeps its order; Conv_0 (conv) runs with channels in the target's place alone: [0,2,3,1]
  a f32[1,4,5,2] [0,3,1,2]: Conv_0 -> Relu_1
    Conv_0 (conv) runs with channels in the target's place alone: [0,2,3,1]; Flatten_2 (reshape) works on its axes in the source's order
)");
}

// What leaves the graph under a transpose's name, and had none inside, is not told to lie in another order.
TEST(Layout, AnOutputThatATransposeNamedLiesAsItDid) {
  Graph graph = test::Parse(R"(const %axis: i64[1] = [0]
  main (%a: f32[2,3], %b: f32[2,3]) {
    %0: f32[1,2,3] = unsqueeze(%a, %axis)
    %1: f32[1,2,3] = unsqueeze(%b, %axis)
    %2: f32[2,2,3] = concat(%0, %1, axis=0)
    %y: f32[2,2,3] = transpose(%2, perm=[1,0,2])
    yield(%y as y)
  })");
  LayoutReport report;
  ASSERT_TRUE(Relayout(&graph, test::FreeTarget(), {}, &report).ok());
  EXPECT_EQ(report.after.transposes, 0);
  for (const ValueLayout& v : report.layouts) EXPECT_NE(v.name, "y");
}

// A transpose of the source that nothing does without is called as it was.
TEST(Layout, ATransposeThatStaysKeepsItsName) {
  Graph graph = test::Parse(R"(const %n: i64[1] = [-1]
  main (%x: f32[2,3,4]) {
    %turned: f32[2,4,3] = transpose(%x, perm=[0,2,1])
    %y: f32[24] = reshape(%turned, %n)
    %flat: f32[24] = reshape(%x, %n)
    yield(%y as y, %flat as flat)
  })");
  LayoutReport report;
  ASSERT_TRUE(Relayout(&graph, test::FreeTarget(), {}, &report).ok());
  EXPECT_EQ(report.after.transposes, 1);
  EXPECT_NE(test::Print(graph).find("%turned: f32[2,4,3] = transpose(%x, perm=[0,2,1])"), std::string::npos)
      << test::Print(graph);
  for (const ValueLayout& v : report.layouts) EXPECT_NE(v.name, "turned");
}

// Windows of an image, a dense layer over each place, the places of a window behind the heads: two transposes in the
// source with a product between them are one.
TEST(Layout, ProductsStandBetweenTheirTransposes) {
  const Graph graph = test::Parse(R"(const %a: i64[5] = [2,3,2,3,4]
  const %b: i64[3] = [4,9,4]
  const %w: f32[4,6] = [1.0,2.0,3.0,4.0,5.0,6.0,1.0,2.0,3.0,4.0,5.0,6.0,1.0,2.0,3.0,4.0,5.0,6.0,1.0,2.0,3.0,4.0,5.0,6.0]
  const %c: f32[6] = [1.0,2.0,3.0,4.0,5.0,6.0]
  const %d: i64[4] = [4,9,3,2]
  main (%x: f32[1,6,6,4]) {
    %0: f32[2,3,2,3,4] = reshape(%x, %a)
    %1: f32[2,2,3,3,4] = transpose(%0, perm=[0,2,1,3,4])
    %2: f32[4,9,4] = reshape(%1, %b)
    %3: f32[4,9,6] = matmul(%2, %w)
    %4: f32[4,9,6] = add(%3, %c)
    %5: f32[4,9,3,2] = reshape(%4, %d)
    %6: f32[4,3,9,2] = transpose(%5, perm=[0,2,1,3])
    yield(%6)
  })");
  const auto out = CheckLayout(graph, StrictTarget(Place::kLast), {}, "windows");
  EXPECT_EQ(CountOps(out.graph, "transpose"), 1) << test::Print(out.graph);
}

// Channels that a chain merges with rows and takes apart again: an image with channels last needs no transpose before.
TEST(Layout, ChainsOfMovesAreOne) {
  const Graph graph = test::Parse(R"(const %w: f32[2,3,1,1] = [1.0,2.0,3.0,4.0,5.0,6.0]
  const %c: i64[4] = [4,2,3,2]
  const %d: i64[3] = [2,6,4]
  main (%x: f32[1,3,4,6]) {
    %0: f32[1,2,4,6] = conv(%x, %w)
    %1: f32[4,2,3,2] = reshape(%0, %c)
    %2: f32[4,3,2,2] = transpose(%1, perm=[0,2,1,3])
    %3: f32[2,6,4] = reshape(%2, %d)
    %4: f32[4,6,2] = transpose(%3, perm=[2,1,0])
    yield(%4)
  })");
  LayoutOptions options;
  options.inputs = Io(IoLayout::Kind::kTarget);
  const auto out = CheckLayout(graph, StrictTarget(Place::kLast), options, "chain");
  EXPECT_LE(CountOps(out.graph, "transpose"), 1) << test::Print(out.graph);
}

}  // namespace
}  // namespace godwit
