// What is wrong with a TFLite model is told with the operator and the tensors, and the rest of it is still there.
#include <gtest/gtest.h>

#include <algorithm>

#include "ops/ops.h"
#include "support/tflite_import.h"

namespace godwit::testing {
namespace {

using T = tflite::TensorType;
using B = tflite::BuiltinOperator;
using Set = tflite::OptionsSetter;

const Diag* Find(const DiagSink& sink, std::string_view id) {
  for (const Diag& d : sink.all()) {
    if (d.id == id) return &d;
  }
  return nullptr;
}

TEST(TfliteDiagnostics, AllProblemsAreReportedAndTheGraphIsStillThere) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {1, 2, 2, 1});
  const int32_t a = b.Add("a", T::kFloat32, {1, 2, 2, 1}), c = b.Add("c", T::kInt32, {1, 2, 2, 1});
  const int32_t y = b.Add("y", T::kFloat32, {1, 2, 2, 1});
  b.Emit(B::kStablehloCustomCall, {x}, {a});
  b.Emit(B::kBucketize, {a}, {c}, [](Set& s) { s.Floats("boundaries", std::vector<float>{2, 1}); });
  b.Emit(B::kAbs, {c}, {y});
  b.Outputs({y});
  DiagSink sink;
  const Graph graph = b.Import(&sink);
  const Diag* unsupported = Find(sink, "tflite.unsupported");
  ASSERT_NE(unsupported, nullptr);
  EXPECT_EQ(unsupported->op_type, "STABLEHLO_CUSTOM_CALL");
  EXPECT_EQ(unsupported->tensors, std::vector<std::string>{"a"});
  const Diag* option = Find(sink, "tflite.option");
  ASSERT_NE(option, nullptr);
  EXPECT_EQ(option->op_type, "BUCKETIZE");
  EXPECT_EQ(graph.output_names, std::vector<std::string>{"y"});
  const Node& opaque = graph.node(graph.region(Graph::main()).nodes[0]);
  EXPECT_EQ(opaque.op, &ops::kOpaque);
  EXPECT_EQ(opaque.attrs.Str("op_type"), "STABLEHLO_CUSTOM_CALL");
}

TEST(TfliteDiagnostics, CustomOperatorsAreKept) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {2});
  const int32_t y = b.Add("y", T::kFloat32, {2}), z = b.Add("z", T::kFloat32, {2});
  const std::string options = "abc";
  b.Emit(B::kCustom, {x}, {y}, {}, "Frobnicate", AsBytes(options));
  b.Emit(B::kCustom, {y}, {z}, {}, "FlexErf");
  b.Outputs({z});
  DiagSink sink;
  const Graph graph = b.Import(&sink);
  EXPECT_EQ(sink.error_count(), 0U);
  const Diag* flex = Find(sink, "tflite.flex");
  ASSERT_NE(flex, nullptr);
  EXPECT_NE(flex->what.find("SELECT_TF_OPS"), std::string::npos);
  const Node& custom = graph.node(graph.region(Graph::main()).nodes[0]);
  EXPECT_EQ(custom.attrs.Str("op_type"), "Frobnicate");
  ASSERT_NE(custom.attrs.TensorOf("attr.custom_options"), nullptr);
  EXPECT_EQ(custom.attrs.TensorOf("attr.custom_options")->size(), 3);
  EXPECT_EQ(graph.value(graph.region(Graph::main()).results[0]).type.ToString(), "f32[2]");
}

TEST(TfliteDiagnostics, OperatorsBeyondTheSchema) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {2});
  const int32_t y = b.Add("y", T::kFloat32, {2});
  b.Emit(static_cast<B>(300), {x}, {y});
  b.Outputs({y});
  DiagSink sink;
  b.Import(&sink);
  EXPECT_TRUE(Find(sink, "tflite.unknown") != nullptr || sink.has_errors());
}

TEST(TfliteDiagnostics, MissingInputs) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {2});
  const int32_t y = b.Add("y", T::kFloat32, {2});
  b.Emit(B::kAdd, {x, -1}, {y}, [](Set&) {});
  b.Outputs({y});
  DiagSink sink;
  b.Import(&sink);
  EXPECT_NE(Find(sink, "tflite.input"), nullptr);
}

TEST(TfliteDiagnostics, IntegerBiasesNeedScales) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {1, 2});
  const int32_t y = b.Add("y", T::kFloat32, {1, 1});
  b.Emit(B::kFullyConnected, {x, b.F32({1, 2}, {1, 2}), b.I32({1}, {3})}, {y}, [](Set&) {});
  b.Outputs({y});
  DiagSink sink;
  b.Import(&sink);
  EXPECT_NE(Find(sink, "tflite.tensor"), nullptr);
}

TEST(TfliteDiagnostics, ShapesThatMustBeKnown) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {1, 2, 2, 1});
  b.Dynamic(x, {1, 2, 2, -1});
  const int32_t y = b.Add("y", T::kFloat32, {1, 2, 2, 1});
  b.Emit(B::kDepthwiseConv2d, {x, b.F32({1, 1, 1, 1}, {1})}, {y},
         [](Set& s) { s.Int("stride_w", 1).Int("stride_h", 1).Int("depth_multiplier", 1); });
  b.Outputs({y});
  DiagSink sink;
  b.Import(&sink);
  EXPECT_NE(Find(sink, "tflite.rank"), nullptr);
}

TEST(TfliteDiagnostics, SubgraphsThatTakeOtherInputs) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {2});
  const int32_t y = b.Add("y", T::kFloat32, {2});
  const int64_t callee = b.AddSubgraph();
  b.Emit(B::kStablehloComposite, {x, x}, {y}, [&](Set& s) { s.Int("decomposition_subgraph_index", callee); });
  b.Outputs({y});
  b.Select(callee);
  const int32_t in = b.Input("in", T::kFloat32, {2});
  b.Outputs({in});
  DiagSink sink;
  b.Import(&sink);
  EXPECT_NE(Find(sink, "tflite.subgraph"), nullptr);
}

TEST(TfliteDiagnostics, VariablesWrittenInABranch) {
  TfliteBuilder b;
  const int32_t c = b.Input("c", T::kBool, {1}), x = b.Input("x", T::kFloat32, {1});
  const int32_t y = b.Add("y", T::kFloat32, {1});
  const int64_t branch = b.AddSubgraph();
  b.Emit(B::kIf, {c, x}, {y}, [&](Set& s) { s.Int("then_subgraph_index", branch).Int("else_subgraph_index", branch); });
  b.Outputs({y});
  b.Select(branch);
  const int32_t in = b.Input("in", T::kFloat32, {1}), handle = b.Add("handle", T::kResource, {});
  b.Emit(B::kVarHandle, {}, {handle}, [](Set& s) { s.Text("shared_name", "v"); });
  b.Emit(B::kAssignVariable, {handle, in}, {});
  b.Outputs({in});
  DiagSink sink;
  b.Import(&sink);
  EXPECT_NE(Find(sink, "tflite.state"), nullptr);
}

TEST(TfliteDiagnostics, StatedTypesThatContradict) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {2});
  const int32_t y = b.Add("y", T::kFloat32, {3});
  b.Emit(B::kAbs, {x}, {y});
  b.Outputs({y});
  DiagSink sink;
  const Graph graph = b.Import(&sink);
  const Diag* conflict = Find(sink, "tflite.type.conflict");
  ASSERT_NE(conflict, nullptr);
  EXPECT_EQ(conflict->severity, Severity::kWarning);
}

}  // namespace
}  // namespace godwit::testing
