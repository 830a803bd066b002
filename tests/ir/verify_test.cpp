#include "ir/verify.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "ir/text.h"
#include "ir/walk.h"
#include "test_ops.h"

namespace godwit {
namespace {

Graph Parse(const std::string& body) {
  Result<Graph> graph = ParseGraph("graph { " + body + " }", test::FindOp);
  EXPECT_TRUE(graph.ok()) << graph.diag().what;
  return *std::move(graph);
}

void ExpectViolation(const Graph& graph, std::string_view what) {
  const Status status = VerifyGraph(graph);
  ASSERT_FALSE(status.ok()) << what;
  EXPECT_EQ(status.diag().id, "ir.verify");
  EXPECT_NE(status.diag().what.find(what), std::string::npos) << status.diag().what;
}

TEST(Verify, RefusesWhatTheTextCanSay) {
  struct Case {
    const char* body;
    const char* what;
  };
  const Case cases[] = {
      {"main () { %y: ? = neg() yield() }", "operand 'x' is missing"},
      {"main (%x: ?) { %y: ? = neg(%x, %x) yield() }", "2 operands where 1"},
      {"main (%x: ?) { %y: ?, %z: ? = neg(%x) yield() }", "2 results where 1"},
      {"main (%x: f32[]) { %y: i8[] = neg(%x) yield() }", "'x' is i8 where others are f32"},
      {"main (%x: i8[]) { %y: ? = add(%x, %x, axis=1) yield() }", "'y' cannot be i8[]"},
      {"main (%x: seq(?)) { %y: ? = neg(%x) yield() }", "not a tensor"},
      {"main (%x: ?) { %y: ? = add(%x) yield() }", "attribute 'axis' is missing"},
      {"main (%x: ?) { %y: ? = add(%x, axis=1.0) yield() }", "'axis' is of another kind"},
      {"main (%x: ?) { %y: ? = neg(%x, axis=1) yield() }", "no attribute 'axis'"},
      {"main (%x: ?) { %y: ? = if(%x) region () { yield() } yield() }", "1 regions where 2"},
      {"main (%x: ?) { opaque() region () { %t: ? = neg(%x) yield() } yield(%t) }", "not defined: 't'"},
      {"main (%x: ?) { opaque() region (%p: ?) { yield() } region () { yield(%p) } yield() }", "not defined: 'p'"},
      {"main (%x: ?) { yield(_) }", "result is absent"},
      {"main (%x: i8[2]{scales=[1,2]}) { yield(%x) }", "axis of a quantised type"},
      {"main (%x: i8[2]{scales=[1,2],axis=1}) { yield(%x) }", "axis of a quantised type"},
      {"main (%x: i8[2]{scales=[1],zeros=[1,2]}) { yield(%x) }", "number of zero points"},
      {"main (%x: i8[2]{scales=[]}) { yield(%x) }", "no scale"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.body);
    ExpectViolation(Parse(c.body), c.what);
  }
}

TEST(Verify, RefusesBrokenLinks) {
  const std::string body =
      "const %c: i64[1] = [1] main (%x: ?) { %y: ? = neg(%x) %z: ? = neg(%y) opaque(%c) region () { yield() } "
      "yield(%z) }";
  const NodeId first{0};
  const ValueId c{0};
  const ValueId x{1};
  auto broken = [&](std::string_view what, const std::function<void(Graph&)>& damage) {
    Graph g = Parse(body);
    ASSERT_TRUE(VerifyGraph(g).ok());
    damage(g);
    ExpectViolation(g, what);
  };
  broken("operand is out of range", [&](Graph& g) { g.node(first).in[0] = ValueId{99}; });
  broken("not defined",
         [&](Graph& g) { std::swap(g.region(Graph::main()).nodes[0], g.region(Graph::main()).nodes[1]); });
  broken("listed twice", [&](Graph& g) { g.region(Graph::main()).nodes.push_back(first); });
  broken("node id is out of range", [&](Graph& g) { g.region(Graph::main()).nodes.push_back(NodeId{77}); });
  broken("names another region", [&](Graph& g) { g.node(first).parent = RegionId{1}; });
  broken("no operator", [&](Graph& g) { g.node(first).op = nullptr; });
  broken("result names another node", [&](Graph& g) { g.value(g.node(first).out[0]).def = NodeId{1}; });
  broken("defined twice", [&](Graph& g) { g.node(NodeId{1}).out[0] = g.node(first).out[0]; });
  broken("parameter names another place", [&](Graph& g) { g.value(x).index = 5; });
  broken("names another owner", [&](Graph& g) { g.region(RegionId{1}).owner = first; });
  broken("region belongs to two nodes", [&](Graph& g) { g.node(NodeId{2}).regions.push_back(RegionId{1}); });
  broken("region id is out of range", [&](Graph& g) { g.node(NodeId{2}).regions.push_back(RegionId{9}); });
  broken("more output names", [&](Graph& g) { g.output_names = {"a", "b"}; });
  broken("but its data is", [&](Graph& g) { g.value(c).type = Type::Tensor(DType::kF32, {1}); });
  broken("has another type", [&](Graph& g) { g.constant(ConstantId{0}).data = Tensor(DType::kI64, {2}); });
}

TEST(Verify, ReportsAllProblemsUpToALimit) {
  std::string body = "main (%x: ?) {";
  for (int i = 0; i < 30; ++i) body += " opaque() neg()";
  const Graph g = Parse(body + " yield() }");
  DiagSink sink;
  VerifyGraph(g, &sink, 10);
  EXPECT_EQ(sink.all().size(), 10U);
}

TEST(Walk, SortsAndFindsCircles) {
  Graph g = Parse(
      "main (%x: ?) { %a: ? = neg(%x) %b: ? = neg(%a) opaque() region () { %i: ? = neg(%b) yield(%i) } %c: ? = neg(%x) "
      "yield(%c) }");
  std::vector<NodeId>& nodes = g.region(Graph::main()).nodes;
  const std::vector<NodeId> order = nodes;
  ASSERT_TRUE(TopologicalSort(&g, Graph::main()).ok());
  EXPECT_EQ(nodes, order);
  std::swap(nodes[0], nodes[2]);
  ASSERT_TRUE(TopologicalSort(&g, Graph::main()).ok());
  EXPECT_EQ(nodes, order);
  EXPECT_EQ(Captures(g, nodes[2]), (std::vector<ValueId>{g.node(nodes[1]).out[0]}));
  EXPECT_EQ(CountUses(g)[g.region(Graph::main()).params[0].index], 2U);
  EXPECT_EQ(RegionsWithin(g).size(), 2U);
  EXPECT_EQ(NodesWithin(g).size(), 5U);
  g.node(nodes[0]).in[0] = g.node(nodes[1]).out[0];
  EXPECT_EQ(TopologicalSort(&g, Graph::main()).diag().id, "ir.cycle");
  g.node(nodes[0]).in[0] = g.node(nodes[0]).out[0];
  EXPECT_EQ(TopologicalSort(&g, Graph::main()).diag().id, "ir.cycle");
}

TEST(Walk, LongChainsInReverse) {
  Graph g;
  ValueId x = g.AddParam(Graph::main(), {}, "x");
  for (int i = 0; i < 100000; ++i) x = g.node(g.AddNode(Graph::main(), test::kNeg, {x}, 1)).out[0];
  g.region(Graph::main()).results = {x};
  std::vector<NodeId>& nodes = g.region(Graph::main()).nodes;
  const std::vector<NodeId> order = nodes;
  std::reverse(nodes.begin(), nodes.end());
  EXPECT_FALSE(VerifyGraph(g).ok());
  ASSERT_TRUE(TopologicalSort(&g, Graph::main()).ok());
  EXPECT_EQ(nodes, order);
  EXPECT_TRUE(VerifyGraph(g).ok());
}

}  // namespace
}  // namespace godwit
