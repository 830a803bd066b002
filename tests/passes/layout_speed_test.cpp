// What a layout costs to find: processor time that grows with the number of nodes, and no faster.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdio>

#include "ir/builder.h"
#include "ops/ops.h"
#include "passes/layout/problem.h"
#include "passes/layout_check.h"
#include "rewrite/editor.h"

namespace godwit {
namespace {

using layout::Problem;
using Place = ChannelOrder::Place;
using test::StrictTarget;

constexpr size_t kBlock = 11;

// Blocks of what layouts are about: convolutions that want their channels last, what follows any order, images that
// become rows of tokens and images again.
Graph Blocks(size_t count) {
  Graph graph;
  Inference facts(graph);
  Builder build(graph, facts);
  ValueId x = graph.AddParam(Graph::main(), Type::Tensor(DType::kF32, {Dim(1), Dim(8), Dim(16), Dim(16)}), "x");
  const ValueId w = build.Constant(Tensor(DType::kF32, {8, 8, 1, 1}));
  const ValueId flat = build.I64s({1, 8, 256}), image = build.I64s({1, 8, 16, 16});
  const Attrs swap = {{"perm", std::vector<int64_t>{0, 2, 1}}};
  for (size_t i = 0; i < count; ++i) {
    const auto emit = [&](const OpDef& op, std::vector<ValueId> in, Attrs attrs = {}) {
      return *build.Emit(op, std::move(in), std::move(attrs));
    };
    const ValueId conv = emit(ops::kConv, {emit(ops::kRelu, {emit(ops::kConv, {x, w})}), w});
    const ValueId sum = emit(ops::kAdd, {conv, x});
    const ValueId gated = emit(ops::kMul, {sum, emit(ops::kSigmoid, {sum})});
    const ValueId tokens = emit(ops::kTranspose, {emit(ops::kReshape, {gated, flat})}, swap);
    x = emit(ops::kReshape, {emit(ops::kTranspose, {emit(ops::kSoftmax, {tokens})}, swap), image});
  }
  graph.region(Graph::main()).results = {x};
  graph.output_names = {"y"};
  return graph;
}

// Of this process alone, in user mode: what else the machine does is not in it.
double UserSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) + static_cast<double>(usage.ru_utime.tv_usec) * 1e-6;
}

struct Cost {
  double problem = 0, solution = 0;
  [[nodiscard]] double both() const { return problem + solution; }
};

// Best of some runs: caches that others fill are no property of the solver either.
Cost CostOf(size_t nodes, int runs) {
  Graph graph = Blocks(nodes / kBlock);
  Cost best{1e9, 1e9};
  for (int i = 0; i < runs; ++i) {
    Editor editor(graph);
    const StrictTarget target(Place::kLast);
    const LayoutOptions options;
    const double start = UserSeconds();
    Problem problem(graph, editor.inference(), target, options);
    const double stated = UserSeconds();
    problem.Solve(options.effort);
    const double solved = UserSeconds();
    EXPECT_TRUE(problem.answer().optimal());
    if (solved - start < best.both()) best = {stated - start, solved - stated};
  }
  return best;
}

TEST(LayoutSpeed, GrowsWithTheNumberOfNodes) {
  const std::string unit = "_ms";
  std::vector<double> each;
  for (const size_t nodes : {size_t{1000}, size_t{10000}, size_t{100000}}) {
    if (test::kSlowBuild && nodes > 10000) break;
    const Cost cost = CostOf(nodes, nodes > 10000 ? 3 : 5);
    RecordProperty("problem_of_" + std::to_string(nodes) + unit, std::to_string(cost.problem * 1e3));
    RecordProperty("solution_of_" + std::to_string(nodes) + unit, std::to_string(cost.solution * 1e3));
    std::printf("%7zu nodes: problem %.1f ms, solution %.1f ms of processor time\n", nodes, cost.problem * 1e3,
                cost.solution * 1e3);
    each.push_back(cost.both() / static_cast<double>(nodes));
  }
  if (test::kSlowBuild) return;
  EXPECT_LT(each[2] * 100000, 1);
  // Memory is further away in larger graphs; a quadratic step would be a factor of ten each time.
  EXPECT_LT(each[2], each[1] * 4);
}

TEST(LayoutSpeed, LargeGraphsAreLaidOutWhole) {
  Graph graph = Blocks((test::kSlowBuild ? 10000 : 100000) / kBlock);
  LayoutReport report;
  ASSERT_TRUE(Relayout(&graph, StrictTarget(Place::kLast), {}, &report).ok());
  EXPECT_TRUE(report.optimal);
  EXPECT_EQ(report.after.transposes, 2);
}

}  // namespace
}  // namespace godwit
