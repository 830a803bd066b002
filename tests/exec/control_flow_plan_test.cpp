// Regions of control flow run on plans of their own, or become part of the plan where the condition is known.
#include "exec/plan_check.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::ImportBuilt;
using testing::Numbers;
using testing::OnnxAttr;
using testing::OnnxGraph;

RtValue Bool(bool value) {
  Tensor t(DType::kBool, {});
  t.mutable_data<uint8_t>()[0] = value ? 1 : 0;
  return RtValue(std::move(t));
}

RtValue Values(const Dims& dims, uint32_t seed) {
  return RtValue(Tensor::F32(dims, Numbers(static_cast<size_t>(ElementCount(dims)), seed)));
}

// A convolution of what is captured, or of its negative.
OnnxGraph Branch(bool negate) {
  OnnxGraph g(negate ? "negative" : "positive");
  g.Init("w", {18, 3, 3, 3}, Numbers(18 * 27, 1));
  if (negate) g.Node("Neg", {"x"}, {"n"});
  g.Node("Conv", {negate ? "n" : "x", "w"}, {"c"}).Node("Relu", {"c"}, {"r"}).Node("Add", {"r", "c"}, {"a"});
  g.Node("Identity", {negate ? "x" : "c"}, {"same"});
  return g.UntypedOutput("a").UntypedOutput("same");
}

OnnxGraph Choice(bool exposed) {
  OnnxGraph g;
  g.Input("x0", DataType::kFloat, {1, 3, 7, 7}).Input("go", DataType::kBool, {});
  g.Node("Sigmoid", {"x0"}, {"x"});
  g.Node("If", {"go"}, {"s", "o"}, {OnnxAttr("then_branch", Branch(false)), OnnxAttr("else_branch", Branch(true))});
  g.Node("Tanh", {"s"}, {"y"}).Node("Exp", {"o"}, {"e"}).Output("y", DataType::kFloat).Output("e", DataType::kFloat);
  if (exposed) g.Output("s", DataType::kFloat).Output("x", DataType::kFloat);
  return g;
}

TEST(ControlFlowPlan, BranchesRunOnPlans) {
  for (const bool go : {false, true}) testing::ExpectOnePlan(Choice, {Values({1, 3, 7, 7}, 2), Bool(go)}, 1e-6);
}

TEST(ControlFlowPlan, OneSessionTakesEitherBranch) {
  const Graph graph = ImportBuilt(Choice(false));
  Session session(graph, {});
  SessionOptions options;
  options.reference = true;
  Session reference(graph, options);
  for (const bool go : {true, false, true, false}) {
    const std::vector<RtValue> inputs{Values({1, 3, 7, 7}, go ? 3 : 4), Bool(go)};
    auto got = session.Run(inputs), want = reference.Run(inputs);
    ASSERT_TRUE(got.ok() && want.ok());
    testing::ExpectClose({(*got)[0].tensor, (*got)[1].tensor}, {(*want)[0].tensor, (*want)[1].tensor}, 1e-6);
  }
}

// The branch that is not taken has shapes that fit nothing here, and is not looked at.
TEST(ControlFlowPlan, KnownConditionsLeaveOneBranch) {
  const auto make = [](bool exposed) {
    OnnxGraph small("small"), large("large");
    small.Init("w", {4, 4}, Numbers(16, 1)).Node("MatMul", {"r", "w"}, {"m"}).Node("Relu", {"m"}, {"a"});
    small.Node("Identity", {"r"}, {"b"}).UntypedOutput("a").UntypedOutput("b");
    large.Init("v", {9, 4}, Numbers(36, 2)).Node("MatMul", {"r", "v"}, {"m"}).Node("Neg", {"m"}, {"a"});
    large.UntypedOutput("a").UntypedOutput("m");
    OnnxGraph g;
    g.Input("x", DataType::kFloat, {2, "N"}).Init("one", {1}, std::vector<int64_t>{1});
    g.Init("five", {1}, std::vector<int64_t>{5});
    g.Node("Relu", {"x"}, {"r"}).Node("Shape", {"x"}, {"shape"}).Node("Gather", {"shape", "one"}, {"n"});
    g.Node("Less", {"n", "five"}, {"few"});
    g.Node("If", {"few"}, {"p", "q"}, {OnnxAttr("then_branch", small), OnnxAttr("else_branch", large)});
    // p has one more use than it seems: nothing may be fused into what makes it.
    g.Node("Exp", {"p"}, {"y"}).Node("Add", {"q", "x"}, {"z"});
    g.Output("y", DataType::kFloat).Output("z", DataType::kFloat);
    if (exposed) g.Output("p", DataType::kFloat).Output("q", DataType::kFloat).Output("r", DataType::kFloat);
    return g;
  };
  testing::ExpectOnePlan(make, {Values({2, 4}, 5)}, 1e-6);
  std::vector<plan::StepTime> steps;
  const Graph graph = ImportBuilt(make(false));
  Session session(graph, {});
  ASSERT_TRUE(session.Run({Values({2, 4}, 5)}, &steps).ok());
  for (const plan::StepTime& step : steps) EXPECT_NE(step.label, "if");
}

// A loop whose body multiplies, with a branch on the turn and a captured matrix.
OnnxGraph Iteration(bool exposed) {
  OnnxGraph even("even"), odd("odd"), body("body");
  even.Node("Tanh", {"m"}, {"t"}).UntypedOutput("t");
  odd.Node("Sub", {"m", "h"}, {"t"}).UntypedOutput("t");
  body.Input("i", DataType::kInt64, {}).Input("in", DataType::kBool, {}).UntypedInput("h");
  body.Init("two", {}, std::vector<int64_t>{2}).Init("zero", {}, std::vector<int64_t>{0});
  body.Node("MatMul", {"h", "w"}, {"m"}).Node("Mod", {"i", "two"}, {"rest"}).Node("Equal", {"rest", "zero"}, {"even"});
  body.Node("If", {"even"}, {"next"}, {OnnxAttr("then_branch", even), OnnxAttr("else_branch", odd)});
  body.Node("Identity", {"in"}, {"out"}).Node("Identity", {"next"}, {"kept"});
  body.UntypedOutput("out").UntypedOutput("next").UntypedOutput("kept");
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2, 6}).Input("trips", DataType::kInt64, {}).Init("w0", {6, 6}, Numbers(36, 1));
  g.Node("Relu", {"w0"}, {"w"});
  g.Node("Loop", {"trips", "", "x"}, {"last", "all"}, {OnnxAttr("body", body)});
  g.Output("last", DataType::kFloat).Output("all", DataType::kFloat);
  if (exposed) g.Output("w", DataType::kFloat);
  return g;
}

TEST(ControlFlowPlan, LoopsAndBranchesWithinThem) {
  for (const int64_t trips : {0, 1, 5}) {
    testing::ExpectOnePlan(Iteration, {Values({2, 6}, 3), RtValue(Tensor::ScalarI64(trips))}, 1e-6);
  }
}

// Every turn has another size: plans are given up on, and nothing else changes.
TEST(ControlFlowPlan, SizesThatGrowWithEveryTurn) {
  OnnxGraph body("body");
  body.Input("i", DataType::kInt64, {}).Input("in", DataType::kBool, {}).UntypedInput("h");
  body.Node("Identity", {"in"}, {"out"}).Node("Concat", {"h", "x"}, {"c"}, {OnnxAttr("axis", 0)});
  body.Node("Sin", {"c"}, {"next"}).UntypedOutput("out").UntypedOutput("next");
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2, 3}).Init("trips", {}, std::vector<int64_t>{20});
  g.Node("Loop", {"trips", "", "x"}, {"last"}, {OnnxAttr("body", body)}).Output("last", DataType::kFloat);
  const Graph graph = ImportBuilt(g);
  testing::ExpectOnePlan(graph, {Values({2, 3}, 3)}, 1e-5);
}

// Captured integers are part of a plan until they change.
TEST(ControlFlowPlan, CapturedIndicesMayChangeFromRunToRun) {
  OnnxGraph then("then"), other("else");
  then.Init("axes", {1}, std::vector<int64_t>{0});
  then.Node("Slice", {"x", "from", "to", "axes"}, {"cut"}).UntypedOutput("cut");
  other.Node("Identity", {"x"}, {"whole"}).UntypedOutput("whole");
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {6}).Input("from", DataType::kInt64, {1}).Input("to", DataType::kInt64, {1});
  g.Input("go", DataType::kBool, {});
  g.Node("If", {"go"}, {"y"}, {OnnxAttr("then_branch", then), OnnxAttr("else_branch", other)});
  g.Output("y", DataType::kFloat);
  const Graph graph = ImportBuilt(g);
  Session session(graph, {});
  for (int round = 0; round < 3; ++round) {
    for (int64_t from = 0; from < 4; ++from) {
      auto y = session.Run(
          {Values({6}, 1), RtValue(Tensor::I64({1}, {from})), RtValue(Tensor::I64({1}, {from + 2})), Bool(true)});
      ASSERT_TRUE(y.ok());
      ASSERT_EQ((*y)[0].tensor.dims(), Dims{2});
      EXPECT_EQ((*y)[0].tensor.data<float>()[0], Numbers(6, 1)[static_cast<size_t>(from)]);
    }
  }
}

TEST(ControlFlowPlan, ScansRunOnPlans) {
  const auto make = [](bool exposed) {
    OnnxGraph body("body");
    body.Input("h", DataType::kFloat, {3}).Input("v", DataType::kFloat, {3}).Init("w", {3, 3}, Numbers(9, 4));
    body.Init("a", {1}, std::vector<int64_t>{0});
    body.Node("Unsqueeze", {"h", "a"}, {"row"}).Node("MatMul", {"row", "w"}, {"m"});
    body.Node("Squeeze", {"m", "a"}, {"flat"}).Node("Add", {"flat", "v"}, {"s"}).Node("Tanh", {"s"}, {"next"});
    body.Node("Mul", {"next", "scale"}, {"y"}).Output("next", DataType::kFloat, {3}).Output("y", DataType::kFloat, {3});
    OnnxGraph g;
    g.Input("h0", DataType::kFloat, {3}).Input("x", DataType::kFloat, {7, 3}).Input("k", DataType::kFloat, {3});
    g.Node("Relu", {"k"}, {"scale"});
    g.Node("Scan", {"h0", "x"}, {"h", "y"}, {OnnxAttr("body", body), OnnxAttr("num_scan_inputs", 1)});
    g.Output("h", DataType::kFloat).Output("y", DataType::kFloat);
    if (exposed) g.Output("scale", DataType::kFloat);
    return g;
  };
  testing::ExpectOnePlan(make, {Values({3}, 1), Values({7, 3}, 2), Values({3}, 3)}, 1e-6);
}

TEST(ControlFlowPlan, EndlessLoopsAreGivenUp) {
  OnnxGraph body("body");
  body.Input("i", DataType::kInt64, {}).Input("in", DataType::kBool, {}).UntypedInput("h");
  body.Node("Identity", {"in"}, {"out"}).Node("Sin", {"h"}, {"next"}).UntypedOutput("out").UntypedOutput("next");
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2}).Node("Loop", {"", "", "x"}, {"y"}, {OnnxAttr("body", body)});
  g.Output("y", DataType::kFloat);
  SessionOptions options;
  options.run.max_steps = 500;
  const Graph graph = ImportBuilt(g);
  Session session(graph, options);
  auto y = session.Run({Values({2}, 1)});
  ASSERT_FALSE(y.ok());
  EXPECT_EQ(y.diag().id, "limit.exceeded");
}

}  // namespace
}  // namespace godwit
