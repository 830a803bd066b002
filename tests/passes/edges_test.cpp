#include "passes/edges.h"

#include <gtest/gtest.h>

#include "ir/text.h"
#include "ir/verify.h"
#include "ops/ops.h"

namespace godwit {
namespace {

Graph Model() {
  auto graph = ParseGraph(R"(graph {
    main (%x: f32[N,4], %k: f32[4]) {
      %a: f32[N,4] = relu(%x)
      %b: f32[N,4] = add(%a, %k)
      %c: f32[N,4] = tanh(%b)
      yield(%c)
    }
  })",
                          ops::Find);
  EXPECT_TRUE(graph.ok()) << graph.diag().what;
  return *std::move(graph);
}

std::vector<std::string> Inputs(const Graph& graph) {
  std::vector<std::string> out;
  for (const ValueId id : graph.region(Graph::main()).params) out.push_back(graph.value(id).name);
  return out;
}

using Names = std::vector<std::string>;

TEST(Edges, CutsAnInputAndDropsWhatFedIt) {
  Graph graph = Model();
  Edges edges;
  edges.inputs = {"b"};
  ASSERT_TRUE(ApplyEdges(edges, &graph).ok());
  EXPECT_EQ(Inputs(graph), Names{"b"});
  EXPECT_EQ(graph.region(Graph::main()).nodes.size(), 1U);
  EXPECT_TRUE(VerifyGraph(graph).ok());
}

TEST(Edges, CutsOutputsInTheGivenOrder) {
  Graph graph = Model();
  Edges edges;
  edges.outputs = {"b", "a"};
  ASSERT_TRUE(ApplyEdges(edges, &graph).ok());
  EXPECT_EQ(graph.output_names, (Names{"b", "a"}));
  EXPECT_EQ(Inputs(graph), (Names{"x", "k"}));
  EXPECT_EQ(graph.region(Graph::main()).nodes.size(), 2U);
  EXPECT_TRUE(VerifyGraph(graph).ok());
}

TEST(Edges, InputsThatOnlyDroppedNodesNeededGo) {
  Graph graph = Model();
  Edges edges;
  edges.outputs = {"a"};
  ASSERT_TRUE(ApplyEdges(edges, &graph).ok());
  EXPECT_EQ(Inputs(graph), Names{"x"});
}

TEST(Edges, BindsAnInputToItsValue) {
  Graph graph = Model();
  Edges edges;
  edges.bound.emplace_back("k", Tensor::F32({4}, {1, 2, 3, 4}));
  ASSERT_TRUE(ApplyEdges(edges, &graph).ok());
  EXPECT_EQ(Inputs(graph), Names{"x"});
  const Node& add = graph.node(graph.region(Graph::main()).nodes[1]);
  EXPECT_TRUE(graph.IsConstant(add.in[1]));
  EXPECT_TRUE(VerifyGraph(graph).ok());
}

TEST(Edges, RenamesInputsOutputsAndInnerTensors) {
  Graph graph = Model();
  Edges edges;
  edges.renamed = {{"x", "image"}, {"c", "scores"}, {"a", "hidden"}};
  ASSERT_TRUE(ApplyEdges(edges, &graph).ok());
  EXPECT_EQ(Inputs(graph), (Names{"image", "k"}));
  EXPECT_EQ(graph.output_names, Names{"scores"});
  EXPECT_EQ(graph.value(graph.node(graph.region(Graph::main()).nodes[0]).out[0]).name, "hidden");
}

TEST(Edges, RefusesWhatTheModelDoesNotHave) {
  const auto refused = [](Edges edges, const char* part) {
    Graph graph = Model();
    const Status status = ApplyEdges(edges, &graph);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.diag().id, "pass.edge");
    EXPECT_NE(status.diag().what.find(part), std::string::npos) << status.diag().what;
  };
  Edges edges;
  edges.inputs = {"nothing"};
  refused(edges, "--cut-in");
  edges = {};
  edges.outputs = {"nothing"};
  refused(edges, "--cut-out");
  edges = {};
  edges.bound.emplace_back("a", Tensor::F32({4}, {1, 2, 3, 4}));
  refused(edges, "not an input");
  edges = {};
  edges.bound.emplace_back("k", Tensor::F32({3}, {1, 2, 3}));
  refused(edges, "the value is");
  edges = {};
  edges.renamed = {{"a", "b"}};
  refused(edges, "already");
}

}  // namespace
}  // namespace godwit
