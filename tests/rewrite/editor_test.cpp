// The editor: uses, names, order, effects and recipes.
#include "rewrite/editor.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "rewrite/match.h"
#include "rewrite/recipe.h"

namespace godwit {
namespace {

Graph Parse(std::string_view body) {
  auto graph = ParseGraph(Concat("graph {\n", body, "\n}\n"), ops::Find);
  EXPECT_TRUE(graph.ok()) << graph.diag().what << graph.diag().at;
  return *std::move(graph);
}

NodeId NodeOf(const Graph& g, std::string_view op) {
  for (NodeId id : NodesWithin(g)) {
    if (g.node(id).op->name == op) return id;
  }
  return {};
}

const std::vector<NodeId>& MainNodes(const Graph& g) { return g.region(Graph::main()).nodes; }
ValueId Param(const Graph& g, size_t i) { return g.region(Graph::main()).params[i]; }

TEST(Editor, UseListsFollowEdits) {
  Graph g = Parse(R"(main (%x: f32[3], %z: f32[3]) {
    %a: f32[3] = add(%x, %x)
    %b: f32[3] = mul(%a, %x)
    yield(%b, %x)
  })");
  Editor editor(g);
  EXPECT_EQ(editor.Uses(Param(g, 0)).size(), 4U);
  editor.SetOperand(NodeOf(g, "add"), 1, Param(g, 1));
  EXPECT_EQ(editor.Uses(Param(g, 0)).size(), 3U);
  EXPECT_EQ(editor.Uses(Param(g, 1)).size(), 1U);
  ASSERT_TRUE(editor.ReplaceValue(Param(g, 0), Param(g, 1)).ok());
  EXPECT_TRUE(editor.Uses(Param(g, 0)).empty());
  EXPECT_EQ(editor.Uses(Param(g, 1)).size(), 4U);
  EXPECT_EQ(g.region(Graph::main()).results[1], Param(g, 1));
  ASSERT_TRUE(editor.Commit().ok());
  EXPECT_TRUE(VerifyGraph(g).ok());
}

TEST(Editor, AReplacementTakesNameAndOrigin) {
  Graph g = Parse(R"(main (%x: f32[3]) {
    %tensor: f32[3] = exp(%x) from node_7 op Exp
    %y: f32[3] = relu(%tensor) from node_8 op Relu
    yield(%y)
  })");
  Editor editor(g);
  const NodeId exp = NodeOf(g, "exp");
  auto made = editor.AddNode(Graph::main(), ops::kSin, g.node(exp).in, 1, {}, {});
  ASSERT_TRUE(made.ok());
  ASSERT_TRUE(editor.ReplaceValue(g.node(exp).out[0], g.node(*made).out[0]).ok());
  editor.RemoveDead();
  ASSERT_TRUE(editor.Commit().ok());
  EXPECT_EQ(g.value(g.node(*made).out[0]).name, "tensor");
  EXPECT_EQ(g.origin(g.node(*made).origin).node, "node_7");
  ASSERT_EQ(MainNodes(g).size(), 2U);
  EXPECT_EQ(MainNodes(g)[0], *made) << "the new node stands before its user";
  EXPECT_TRUE(VerifyGraph(g).ok());
}

constexpr std::string_view kChoice = R"(main (%c: bool[], %x: f32[3], %i: i32[3]) {
    %r: f32[3] = if(%c) region () {
      %a: f32[3] = exp(%x)
      yield(%a)
    }
    region () {
      yield(%x)
    }
    yield(%r, %i)
  })";

TEST(Editor, TypesAndScopesAreChecked) {
  Graph g = Parse(kChoice);
  Editor editor(g);
  const ValueId result = g.region(Graph::main()).results[0];
  const Status type = editor.ReplaceValue(result, Param(g, 2));
  ASSERT_FALSE(type.ok());
  EXPECT_EQ(type.diag().id, "rewrite.type");
  const Status scope = editor.ReplaceValue(result, g.node(NodeOf(g, "exp")).out[0]);
  ASSERT_FALSE(scope.ok());
  EXPECT_EQ(scope.diag().id, "rewrite.scope");
  EXPECT_TRUE(VerifyGraph(g).ok());
}

TEST(Editor, CapturedValuesAreOrdered) {
  Graph g = Parse(kChoice);
  Editor editor(g);
  auto outer = editor.AddNode(Graph::main(), ops::kSin, {Param(g, 1)}, 1, {}, {});
  ASSERT_TRUE(outer.ok());
  editor.SetOperand(NodeOf(g, "exp"), 0, g.node(*outer).out[0]);
  ASSERT_TRUE(editor.Commit().ok());
  EXPECT_EQ(MainNodes(g)[0], *outer);
  EXPECT_TRUE(VerifyGraph(g).ok());
}

TEST(Editor, DeadNodesGoAndWritingOnesStay) {
  Graph g = Parse(R"(main (%c: bool[], %x: f32[3]) {
    %a: f32[3] = exp(%x)
    %b: f32[3] = exp(%a)
    %o: f32[3] = opaque(%x, domain="d", op_type="Print")
    %r: f32[*] = if(%c) region () {
      %p: f32[*] = opaque(%x, domain="d", op_type="Print")
      yield(%p)
    }
    region () {
      yield(%x)
    }
    %q: f32[3] = if(%c) region () {
      yield(%a)
    }
    region () {
      yield(%x)
    }
    yield(%x)
  })");
  Editor editor(g);
  editor.RemoveDead();
  ASSERT_TRUE(editor.Commit().ok());
  EXPECT_EQ(MainNodes(g).size(), 2U);
  EXPECT_TRUE(VerifyGraph(g).ok());
}

TEST(Editor, AFailedNodeIsGoneAgain) {
  Graph g = Parse("main (%x: f32[3], %i: i32[3]) {\n yield(%x)\n}");
  Editor editor(g);
  EXPECT_FALSE(editor.AddNode(Graph::main(), ops::kAdd, {Param(g, 0), Param(g, 1)}, 1, {}, {}).ok());
  EXPECT_TRUE(editor.Uses(Param(g, 1)).empty());
  ASSERT_TRUE(editor.Commit().ok());
  EXPECT_TRUE(MainNodes(g).empty());
}

TEST(Editor, StaleTypesGiveWay) {
  Graph g = Parse(R"(main (%x: f32[N,3], %i: i64[K]) {
    %a: f32[1,3] = exp(%x)
    %b: i64[1,5] = non_zero(%i)
    yield(%a, %b)
  })");
  Editor editor(g);
  EXPECT_EQ(g.value(g.region(Graph::main()).results[0]).type.ToString(), "f32[N,3]") << "follows from the input";
  EXPECT_EQ(g.value(g.region(Graph::main()).results[1]).type.ToString(), "i64[1,5]") << "is known only as stated";
}

TEST(Permutations, ComposeAndInvert) {
  const Perm a = {2, 0, 1};
  const Perm b = {1, 0, 2};
  EXPECT_EQ(Compose(a, Inverse(a)), (Perm{0, 1, 2}));
  EXPECT_EQ(Compose(a, b), (Perm{0, 2, 1}));
  EXPECT_TRUE(MovesNothing({1, 0, 2}, {Dim(1), Dim::Symbol("N"), Dim(3)}));
  EXPECT_FALSE(MovesNothing({1, 0, 2}, {Dim(2), Dim::Symbol("N"), Dim(3)}));
}

TEST(Recipes, AreComputedWhenLoaded) {
  Constant big;
  Tensor t(DType::kF32, {256, 256});
  for (int64_t i = 0; i < t.size(); ++i) t.mutable_data<float>()[i] = static_cast<float>(i);
  big.type = t.type();
  big.data = std::move(t);
  const auto turned = Computed(ops::kTranspose, {}, {&big}, TensorType(DType::kF32, {Dim(256), Dim(256)}));
  ASSERT_TRUE(turned.ok());
  ASSERT_EQ(turned->data.index(), 1U) << "nothing is computed yet";
  EXPECT_EQ(std::get<1>(turned->data)->depth(), 1);
  EXPECT_EQ(turned->stored_bytes(), 4U * 256 * 256);
  const auto loaded = turned->Load();
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded->data<float>()[1], 256.0F);
}

}  // namespace
}  // namespace godwit
