// The driver: levels, switches, the bound on rules that undo each other, and time that grows with the graph alone.
#include "rewrite/driver.h"

#include <gtest/gtest.h>

#include <chrono>

#include "ir/verify.h"
#include "ops/ops.h"
#include "passes/simplify.h"
#include "rewrite/context.h"

namespace godwit {
namespace {

Result<bool> ToSin(RewriteCtx& ctx) { return ctx.Rebuild(ops::kSin, {ctx.In(0)}); }
Result<bool> ToCos(RewriteCtx& ctx) { return ctx.Rebuild(ops::kCos, {ctx.In(0)}); }
const OpDef* const kCosOps[] = {&ops::kCos};
const OpDef* const kSinOps[] = {&ops::kSin};
const Rule kFighting[] = {{"to-sin", "Cosines become sines.", Numerics::kExact, kCosOps, ToSin},
                          {"to-cos", "Sines become cosines.", Numerics::kExact, kSinOps, ToCos}};
const RuleTable kTables[] = {kFighting};

Graph Sine() {
  Graph g;
  const ValueId x = g.AddParam(Graph::main(), Type::Tensor(DType::kF32, {Dim(3)}), "x");
  g.region(Graph::main()).results = g.node(g.AddNode(Graph::main(), ops::kSin, {x}, 1)).out;
  return g;
}

TEST(Driver, RulesThatUndoEachOtherAreStopped) {
  Graph g = Sine();
  Editor editor(g);
  Ledger ledger({});
  const auto result = RunRules(editor, kTables, ledger);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->diverged);
  EXPECT_TRUE(VerifyGraph(g).ok());
}

TEST(Driver, LevelsSwitchesAndTheTrace) {
  RewriteOptions options;
  options.level = 1;
  options.off = {"to-sin"};
  int64_t traced = 0;
  options.trace = [&](const RewriteEvent& event) { traced = event.number; };
  Ledger ledger(options);
  EXPECT_TRUE(ledger.Allows("x", Numerics::kExact));
  EXPECT_FALSE(ledger.Allows("x", Numerics::kReassociating));
  EXPECT_FALSE(ledger.Allows("to-sin", Numerics::kExact));
  Graph g = Sine();
  Editor editor(g);
  ASSERT_TRUE(RunRules(editor, kTables, ledger).ok());
  EXPECT_EQ(traced, 1);
  EXPECT_EQ(g.node(g.region(Graph::main()).nodes[0]).op, &ops::kCos);
}

TEST(Driver, TheLimitIsMet) {
  for (int64_t limit : {0, 1, 7}) {
    RewriteOptions options;
    options.limit = limit;
    Ledger ledger(options);
    Graph g = Sine();
    Editor editor(g);
    ASSERT_TRUE(RunRules(editor, kTables, ledger).ok());
    EXPECT_EQ(ledger.total(), limit);
  }
}

double SecondsToSimplify(Graph& g, SimplifyReport* report) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(Simplify(g, {}, report).ok());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// A chain in which every node is rewritten, some of them several times.
Graph Chain(int n) {
  Graph g;
  ValueId v = g.AddParam(Graph::main(), Type::Tensor(DType::kF32, {Dim::Symbol("N"), Dim(4)}), "x");
  const OpDef* const ops[] = {&ops::kRelu, &ops::kRelu, &ops::kIdentity, &ops::kNeg, &ops::kNeg, &ops::kExp};
  for (int i = 0; i < n; ++i) v = g.node(g.AddNode(Graph::main(), *ops[i % 6], {v}, 1)).out[0];
  g.region(Graph::main()).results.push_back(v);
  return g;
}

// Every value used twice: exponentially many paths.
Graph Grid(size_t side) {
  Graph g;
  std::vector<ValueId> row;
  while (row.size() < side) row.push_back(g.AddParam(Graph::main(), Type::Tensor(DType::kF32, {Dim(4)}), ""));
  for (size_t r = 0; r < side; ++r) {
    for (size_t i = 0; i < side; ++i) {
      row[i] = g.node(g.AddNode(Graph::main(), ops::kMax, {row[(i + side - 1) % side], row[i]}, 1)).out[0];
    }
  }
  g.region(Graph::main()).results = row;
  return g;
}

// A quadratic step takes minutes; the machine may be busy.
TEST(Driver, TimeGrowsWithTheGraphAlone) {
  Graph chain = Chain(100'000);
  SimplifyReport report;
  const double seconds = SecondsToSimplify(chain, &report);
  EXPECT_LT(report.nodes_after, 40'000);
  EXPECT_FALSE(report.diverged);
  EXPECT_LT(seconds, 20);
  Graph grid = Grid(316);
  SimplifyReport second;
  const double more = SecondsToSimplify(grid, &second);
  EXPECT_LT(more, 20);
  EXPECT_FALSE(second.diverged);
  RecordProperty("chain_ms", static_cast<int>(seconds * 1000));
  RecordProperty("grid_ms", static_cast<int>(more * 1000));
}

}  // namespace
}  // namespace godwit
