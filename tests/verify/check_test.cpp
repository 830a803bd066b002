// Each everyday mistake is recognised, and a sound model has none.
#include "verify/check.h"

#include <gtest/gtest.h>

#include <limits>

#include "support/import.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::ImportBuilt;
using testing::OnnxAttr;
using testing::OnnxGraph;

std::vector<std::string> Findings(const OnnxGraph& model) {
  DiagSink sink;
  const Graph graph = ImportBuilt(model, &sink);
  CheckModel(graph, {}, &sink);
  std::vector<std::string> ids;
  for (const Diag& d : sink.all()) ids.push_back(d.id);
  return ids;
}

bool Finds(const OnnxGraph& model, const std::string& id) {
  const auto ids = Findings(model);
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

OnnxGraph Sound() {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {"N", 2}).Init("w", {2, 3}, testing::Numbers(6, 1));
  g.Node("MatMul", {"x", "w"}, {"y"}).Output("y", DataType::kFloat);
  return g;
}

TEST(Check, ASoundModelHasNoFindings) { EXPECT_EQ(Findings(Sound()), std::vector<std::string>()); }

TEST(Check, AWrapperComputesNothing) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2, 3}).Init("s", {1}, std::vector<int64_t>{6});
  g.Node("Reshape", {"x", "s"}, {"y"}).Output("y", DataType::kFloat);
  EXPECT_TRUE(Finds(g, "check.no_computation"));
}

TEST(Check, AnInputThatNothingNeeds) {
  OnnxGraph g = Sound();
  g.Input("mask", DataType::kFloat, {2}).Node("Neg", {"mask"}, {"dropped"});
  EXPECT_TRUE(Finds(g, "check.unused_input"));
}

TEST(Check, AnOutputThatIsAlwaysTheSame) {
  OnnxGraph g = Sound();
  g.Node("Exp", {"w"}, {"z"}).Output("z", DataType::kFloat);
  EXPECT_TRUE(Finds(g, "check.constant_output"));
}

TEST(Check, BatchNormalisationThatStillTrains) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2, 3, 4, 4});
  for (const char* name : {"scale", "bias", "mean", "variance"}) g.Init(name, {3}, std::vector<float>{1, 1, 1});
  g.Node("BatchNormalization", {"x", "scale", "bias", "mean", "variance"}, {"y", "m", "v"},
         {OnnxAttr("training_mode", 1)});
  g.Output("y", DataType::kFloat);
  EXPECT_TRUE(Finds(g, "check.training"));
}

TEST(Check, WeightsThatAreNotNumbers) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {1, 2});
  g.Init("w", {2, 1}, std::vector<float>{1, std::numeric_limits<float>::quiet_NaN()});
  g.Node("MatMul", {"x", "w"}, {"y"}).Output("y", DataType::kFloat);
  EXPECT_TRUE(Finds(g, "check.weight_values"));
}

// Packed weights are used by what is unpacked of them.
TEST(Check, PackedWeightsAreUsed) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {1, 64}).Init("s", {128}, testing::Numbers(128, 3));
  g.Init("w", {64, 2, 16}, std::vector<uint8_t>(2048, 0x5A));
  g.Node("MatMulNBits", {"x", "w", "s"}, {"y"},
         {OnnxAttr("K", 64), OnnxAttr("N", 64), OnnxAttr("bits", 4), OnnxAttr("block_size", 32)}, "com.microsoft");
  g.Output("y", DataType::kFloat);
  EXPECT_FALSE(Finds(g, "check.unused_weight"));
}

TEST(Check, WeightsThatNothingUses) {
  OnnxGraph g = Sound();
  g.Init("left_over", {400}, testing::Numbers(400, 2));
  EXPECT_TRUE(Finds(g, "check.unused_weight"));
}

TEST(Check, ADynamicDimThatAConstantPins) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {"N", 8}).Init("s", {2}, std::vector<int64_t>{4, 4});
  g.Node("Reshape", {"x", "s"}, {"r"}).Node("Relu", {"r"}, {"y"}).Output("y", DataType::kFloat);
  EXPECT_TRUE(Finds(g, "check.pinned_dim"));
}

TEST(Check, AnOperatorOfAForeignDomain) {
  OnnxGraph g = Sound();
  g.Node("Warp", {"y"}, {"z"}, {}, "org.example").Output("z", DataType::kFloat);
  EXPECT_TRUE(Finds(g, "check.opaque"));
}

}  // namespace
}  // namespace godwit
