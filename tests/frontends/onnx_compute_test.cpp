// Rows of convolutions, products, reductions and norms whose old or fused forms lower to something else: run and
// compared with figures worked out by hand.
#include <gtest/gtest.h>

#include <cstring>

#include "base/mapped_file.h"
#include "exec/session.h"
#include "frontends/onnx/import.h"
#include "frontends/onnx/rule.h"
#include "ir/convert.h"
#include "support/onnx_builder.h"

namespace godwit {
namespace {

using onnx::DataType;
using testing::OnnxAttr;
using testing::OnnxGraph;
using testing::OnnxModel;
using Doubles = std::vector<double>;

constexpr DataType kF32 = DataType::kFloat;

/// All results of a model on one input; none, with a failed test, when it does not run.
std::vector<Doubles> RunModel(const std::string& bytes, Tensor input) {
  std::vector<std::byte> copy(bytes.size());
  std::memcpy(copy.data(), bytes.data(), bytes.size());
  DiagSink sink;
  const auto graph = from_onnx::ImportModel(MappedFile::FromBytes(std::move(copy), "model.onnx"), {}, &sink);
  for (const Diag& d : sink.all()) ADD_FAILURE() << FormatDiag(d);
  if (!graph.ok()) return {};
  Session session(*graph, {});
  const auto out = session.Run({std::move(input)});
  if (!out.ok()) {
    ADD_FAILURE() << FormatDiag(out.diag());
    return {};
  }
  std::vector<Doubles> values;
  for (const RtValue& v : *out) values.push_back(ToF64(v.tensor));
  return values;
}

/// One node from x to y.
std::string OneNode(std::string_view op, int64_t opset, const std::vector<testing::OnnxDim>& shape,
                    const std::vector<OnnxAttr>& attrs) {
  OnnxGraph g;
  g.Input("x", kF32, shape).Node(op, {"x"}, {"y"}, attrs).Output("y", kF32);
  return OnnxModel(g, {.opset = opset});
}

void ExpectNear(const std::vector<Doubles>& got, const Doubles& want) {
  ASSERT_EQ(got.size(), 1U);
  ASSERT_EQ(got[0].size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[0][i], want[i], 1e-6) << i;
}

TEST(OnnxCompute, SoftmaxOnceTookAllAxesFromOneOnTogether) {
  const Tensor zeros = Tensor::F32({1, 2, 2}, {0, 0, 0, 0});
  ExpectNear(RunModel(OneNode("Softmax", 11, {1, 2, 2}, {OnnxAttr("axis", 1)}), zeros), {0.25, 0.25, 0.25, 0.25});
  ExpectNear(RunModel(OneNode("Softmax", 13, {1, 2, 2}, {OnnxAttr("axis", 1)}), zeros), {0.5, 0.5, 0.5, 0.5});
  ExpectNear(RunModel(OneNode("Hardmax", 11, {"N", 2, 2}, {}), Tensor::F32({1, 2, 2}, {1, 3, 2, 3})), {0, 1, 0, 0});
}

TEST(OnnxCompute, ReducedAxesAreAnAttributeOrAnOperand) {
  const Tensor x = Tensor::F32({2, 2}, {1, 2, 3, 4});
  ExpectNear(RunModel(OneNode("ReduceMax", 13, {2, 2}, {OnnxAttr("axes", {0}), OnnxAttr("keepdims", 0)}), x), {3, 4});
  OnnxGraph g;
  g.Input("x", kF32, {2, 2}).Init("axes", {1}, std::vector<int64_t>{-1});
  g.Node("ReduceMax", {"x", "axes"}, {"y"}).Output("y", kF32);
  ExpectNear(RunModel(OnnxModel(g, {.opset = 18}), x), {2, 4});
  ExpectNear(RunModel(OneNode("ReduceSumSquare", 18, {2, 2}, {OnnxAttr("noop_with_empty_axes", 1)}), x), {1, 4, 9, 16});
}

TEST(OnnxCompute, BatchNormOfOldHadAValueForEachPosition) {
  OnnxGraph g;
  g.Input("x", kF32, {1, 1, 2}).Init("s", {1, 2}, {1.0F, 2.0F}).Init("b", {1, 2}, {0.0F, 1.0F});
  g.Init("m", {1, 2}, {1.0F, 2.0F}).Init("v", {1, 2}, {4.0F, 1.0F});
  g.Node("BatchNormalization", {"x", "s", "b", "m", "v"}, {"y"}, {OnnxAttr("spatial", 0), OnnxAttr("epsilon", 0.0F)});
  g.Output("y", kF32);
  ExpectNear(RunModel(OnnxModel(g, {.opset = 7}), Tensor::F32({1, 1, 2}, {5, 5})), {2, 7});
}

TEST(OnnxCompute, BatchNormThatWasAskedForMoreTrains) {
  OnnxGraph g;
  g.Input("x", kF32, {2, 1}).Init("s", {1}, {1.0F}).Init("b", {1}, {0.0F});
  g.Init("m", {1}, {1.0F}).Init("v", {1}, {5.0F});
  g.Node("BatchNormalization", {"x", "s", "b", "m", "v"}, {"y", "rm", "rv", "sm", "sv"},
         {OnnxAttr("momentum", 0.5F), OnnxAttr("epsilon", 0.0F)});
  for (const char* name : {"y", "rm", "rv", "sm", "sv"}) g.Output(name, kF32);
  EXPECT_EQ(RunModel(OnnxModel(g, {.opset = 9}), Tensor::F32({2, 1}, {1, 5})),
            (std::vector<Doubles>{{-1, 1}, {2}, {4.5}, {3}, {4}}));
}

TEST(OnnxCompute, TransposedConvolutionTakesWholeOrSpatialShapes) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{5}, {1, 1, 5}}) {
    OnnxGraph g;
    g.Input("x", kF32, {1, 1, 2}).Init("w", {1, 1, 2}, {1.0F, 10.0F});
    g.Node("ConvTranspose", {"x", "w"}, {"y"}, {OnnxAttr("strides", {2}), OnnxAttr("output_shape", shape)});
    g.Output("y", kF32);
    ExpectNear(RunModel(OnnxModel(g, {.opset = 11}), Tensor::F32({1, 1, 2}, {1, 2})), {1, 10, 2, 20, 0});
  }
}

TEST(OnnxCompute, FusedConvolutionAddsAndActivates) {
  OnnxGraph g;
  g.Input("x", kF32, {1, 1, 3})
      .Init("w", {1, 1, 1}, {2.0F})
      .Init("b", {1}, {-3.0F})
      .Init("z", {1, 1, 3}, {0.0F, 0.0F, 9.0F});
  g.Node("FusedConv", {"x", "w", "b", "z"}, {"y"},
         {OnnxAttr("activation", "Clip"), OnnxAttr("activation_params", {0.0F, 6.0F})}, "com.microsoft");
  g.Output("y", kF32);
  ExpectNear(
      RunModel(OnnxModel(g, {.opset = 17, .other_opsets = {{"com.microsoft", 1}}}), Tensor::F32({1, 1, 3}, {1, 3, 4})),
      {0, 3, 6});
}

TEST(OnnxCompute, OtherNormsOfAWholePictureAreOneWindow) {
  ExpectNear(RunModel(OneNode("GlobalLpPool", 13, {1, 1, 2}, {OnnxAttr("p", 3)}), Tensor::F32({1, 1, 2}, {-3, 2})),
             {3.2710663101885893});
}

TEST(OnnxCompute, QuestionMarksAreNotOneDim) {
  ExpectNear(RunModel(OneNode("GlobalMaxPool", 13, {1, 1, "?", "?"}, {}), Tensor::F32({1, 1, 1, 2}, {-3, 2})), {2});
}

TEST(OnnxCompute, RefusedOperatorsSayWhy) {
  for (const from_onnx::RuleSet* set : from_onnx::AllRuleSets()) {
    for (const from_onnx::Rule& rule : set->rules) EXPECT_EQ(rule.import == nullptr, !rule.reason.empty()) << rule.op;
  }
}

}  // namespace
}  // namespace godwit
