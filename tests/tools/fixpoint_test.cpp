// ONNX to TFLite, back, and there again: the same bytes. What one trip finds to improve is found on the first, names
// that were made do not grow, and nothing depends on where a model has been.
#include <gtest/gtest.h>

#include "support/onnx_builder.h"
#include "tools/run_program.h"

namespace godwit::testing {
namespace {

using onnx::DataType;

std::vector<float> Numbers(int64_t count) {
  std::vector<float> out;
  uint32_t state = 1;
  for (int64_t k = 0; k < count; ++k) {
    state = state * 1664525U + 1013904223U;
    out.push_back(static_cast<float>(state >> 8) / 16777216.0F - 0.5F);
  }
  return out;
}

// Trips of the file; what was written on each.
std::vector<std::string> Trips(const TempDir& dir, std::string from, const std::vector<std::string>& endings) {
  std::vector<std::string> out;
  for (size_t k = 0; k < endings.size(); ++k) {
    const std::string to = dir.Path("trip" + std::to_string(k) + endings[k]);
    const ProgramRun run = RunGodwit({"convert", from, "-o", to, "--verify", "off"});
    EXPECT_EQ(run.status, 0) << run.err;
    out.push_back(TempDir::Read(to));
    from = to;
  }
  return out;
}

void ExpectFixpoint(const TempDir& dir, const std::string& model) {
  const std::vector<std::string> files = Trips(dir, model, {".tflite", ".onnx", ".tflite", ".onnx"});
  EXPECT_TRUE(files[0] == files[2]) << "the second TFLite file differs";
  EXPECT_TRUE(files[1] == files[3]) << "the second ONNX file differs";
}

void ExpectFixpoint(const OnnxGraph& graph, int64_t opset = 17) {
  const TempDir dir;
  ExpectFixpoint(dir, dir.Write("model.onnx", OnnxModel(graph, {.opset = opset, .ir_version = 8})));
}

TEST(Fixpoint, TheBundledModel) {
  const TempDir dir;
  ExpectFixpoint(dir, kBundledModel);
}

TEST(Fixpoint, ConvolutionsWithPaddingsOfTheirOwnAndBranches) {
  OnnxGraph g("branches");
  g.Input("x", DataType::kFloat, {1, 3, 16, 16}).Output("y", DataType::kFloat, {1, 8, 8, 8});
  g.Init("w1", {8, 3, 3, 3}, Numbers(216))
      .Init("w2", {8, 8, 3, 3}, Numbers(576))
      .Init("w3", {8, 8, 3, 3}, Numbers(576));
  g.Init("b1", {8}, Numbers(8));
  g.Node("Conv", {"x", "w1", "b1"}, {"c1"}, {OnnxAttr("pads", {1, 1, 1, 1})}).Node("Relu", {"c1"}, {"r1"});
  const std::vector<OnnxAttr> down = {OnnxAttr("pads", {1, 1, 1, 1}), OnnxAttr("strides", {2, 2})};
  g.Node("Conv", {"r1", "w2"}, {"c2"}, down).Node("Conv", {"r1", "w3"}, {"c3"}, down);
  g.Node("Sigmoid", {"c3"}, {"s"}).Node("Mul", {"c2", "s"}, {"y"});
  ExpectFixpoint(g);
}

TEST(Fixpoint, TokensOfATransformer) {
  OnnxGraph g("tokens");
  g.Input("x", DataType::kFloat, {1, 9, 16}).Output("y", DataType::kFloat, {1, 4});
  g.Init("scale", {16}, Numbers(16)).Init("shift", {16}, Numbers(16)).Init("wq", {16, 48}, Numbers(768));
  g.Init("bq", {48}, Numbers(48)).Init("wo", {16, 16}, Numbers(256)).Init("wc", {16, 4}, Numbers(64));
  g.Init("five", {5}, std::vector<int64_t>{1, 9, 3, 2, 8}).Init("three", {3}, std::vector<int64_t>{1, 9, 16});
  g.Init("at0", {}, std::vector<int64_t>{0}).Init("at1", {}, std::vector<int64_t>{1}).Init("at2", {}, {int64_t{2}});
  g.Node("LayerNormalization", {"x", "scale", "shift"}, {"n"}, {OnnxAttr("axis", -1)});
  g.Node("MatMul", {"n", "wq"}, {"qkv0"}).Node("Add", {"bq", "qkv0"}, {"qkv"});
  g.Node("Reshape", {"qkv", "five"}, {"split"})
      .Node("Transpose", {"split"}, {"t"}, {OnnxAttr("perm", {2, 0, 3, 1, 4})});
  g.Node("Gather", {"t", "at0"}, {"q"}).Node("Gather", {"t", "at1"}, {"k"}).Node("Gather", {"t", "at2"}, {"v"});
  g.Node("Transpose", {"k"}, {"kt"}, {OnnxAttr("perm", {0, 1, 3, 2})}).Node("MatMul", {"q", "kt"}, {"scores"});
  g.Node("Softmax", {"scores"}, {"p"}, {OnnxAttr("axis", -1)}).Node("MatMul", {"p", "v"}, {"o"});
  g.Node("Transpose", {"o"}, {"ot"}, {OnnxAttr("perm", {0, 2, 1, 3})}).Node("Reshape", {"ot", "three"}, {"or"});
  g.Node("MatMul", {"or", "wo"}, {"proj"}).Node("Add", {"x", "proj"}, {"sum"});
  g.Node("Gather", {"sum", "at0"}, {"first"}, {OnnxAttr("axis", 1)}).Node("MatMul", {"first", "wc"}, {"y"});
  ExpectFixpoint(g);
}

TEST(Fixpoint, SlicesThatAreRolled) {
  OnnxGraph g("roll");
  g.Input("x", DataType::kFloat, {1, 8, 8, 4}).Output("y", DataType::kFloat, {1, 8, 8, 4});
  g.Init("zero", {1}, std::vector<int64_t>{0}).Init("three", {1}, std::vector<int64_t>{3});
  g.Init("end", {1}, std::vector<int64_t>{100}).Init("axis1", {1}, std::vector<int64_t>{1});
  g.Init("axis2", {1}, std::vector<int64_t>{2});
  g.Node("Slice", {"x", "three", "end", "axis1"}, {"a"}).Node("Slice", {"x", "zero", "three", "axis1"}, {"b"});
  g.Node("Concat", {"a", "b"}, {"r"}, {OnnxAttr("axis", 1)});
  g.Node("Slice", {"r", "three", "end", "axis2"}, {"c"}).Node("Slice", {"r", "zero", "three", "axis2"}, {"d"});
  g.Node("Concat", {"c", "d"}, {"rolled"}, {OnnxAttr("axis", 2)}).Node("Tanh", {"rolled"}, {"y"});
  ExpectFixpoint(g);
}

TEST(Fixpoint, NormsOverAllChannels) {
  OnnxGraph g("norm");
  g.Input("x", DataType::kFloat, {1, 4, 6, 6}).Output("y", DataType::kFloat, {1, 4, 6, 6});
  g.Init("w", {4, 4, 1, 1}, Numbers(16))
      .Init("one", {1}, std::vector<float>{1})
      .Init("none", {1}, std::vector<float>{0});
  g.Init("flat", {3}, std::vector<int64_t>{1, 1, 144}).Init("image", {4}, std::vector<int64_t>{1, 4, 6, 6});
  g.Init("v", {4, 4, 1, 1}, Numbers(16));
  g.Node("Conv", {"x", "w"}, {"c"}).Node("Reshape", {"c", "flat"}, {"f"});
  g.Node("InstanceNormalization", {"f", "one", "none"}, {"n"}).Node("Reshape", {"n", "image"}, {"i"});
  g.Node("Conv", {"i", "v"}, {"y"});
  ExpectFixpoint(g);
}

// A window that is cut for XNNPACK is one window again when it comes back.
TEST(Fixpoint, WindowsThatAreCut) {
  OnnxGraph g("windows");
  g.Input("x", DataType::kFloat, {1, 4, 12, 12}).Output("y", DataType::kFloat, {1, 4, 12, 12});
  g.Init("w", {4, 1, 7, 7}, Numbers(196)).Init("b", {4}, Numbers(4));
  const std::vector<OnnxAttr> wide = {OnnxAttr("pads", {3, 3, 3, 3}), OnnxAttr("group", 4)};
  g.Node("Conv", {"x", "w", "b"}, {"c"}, wide).Node("Relu", {"c"}, {"r"}).Node("Conv", {"r", "w", "b"}, {"y"}, wide);
  ExpectFixpoint(g);
}

// TFLite does not count from the end: what a writer adds for that is taken off again.
TEST(Fixpoint, RowsThatArePickedByNumber) {
  OnnxGraph g("rows");
  g.Input("ids", DataType::kInt64, {2, 5}).Input("at", DataType::kInt64, {3, 2});
  g.Output("y", DataType::kFloat, {2, 5, 8}).Output("z", DataType::kFloat, {3});
  g.Init("table", {11, 8}, Numbers(88)).Init("grid", {6, 7}, Numbers(42));
  g.Node("Gather", {"table", "ids"}, {"rows"}).Node("Tanh", {"rows"}, {"y"});
  g.Node("GatherND", {"grid", "at"}, {"picked"}).Node("Tanh", {"picked"}, {"z"});
  ExpectFixpoint(g);
}

// Operators over one spatial axis become images of one row, which do not go back and forth between neighbours.
TEST(Fixpoint, ConvolutionsOverLines) {
  OnnxGraph g("lines");
  g.Input("x", DataType::kFloat, {1, 4, 40}).Output("y", DataType::kFloat, {1, 8, 10});
  g.Init("w1", {8, 4, 3}, Numbers(96)).Init("w2", {8, 8, 3}, Numbers(192)).Init("w3", {8, 1, 5}, Numbers(40));
  g.Node("Conv", {"x", "w1"}, {"c1"}, {OnnxAttr("pads", {1, 1})}).Node("Sigmoid", {"c1"}, {"s1"});
  g.Node("Conv", {"s1", "w2"}, {"c2"}, {OnnxAttr("pads", {1, 1}), OnnxAttr("strides", std::vector<int64_t>{2})})
      .Node("Tanh", {"c2"}, {"t"});
  g.Node("Conv", {"t", "w3"}, {"c3"}, {OnnxAttr("pads", {2, 2}), OnnxAttr("group", 8)}).Node("Elu", {"c3"}, {"e"});
  g.Node("MaxPool", {"e"}, {"y"},
         {OnnxAttr("kernel_shape", std::vector<int64_t>{2}), OnnxAttr("strides", std::vector<int64_t>{2})});
  ExpectFixpoint(g);
}

// What TFLite has no operator for is written out, and put together again.
TEST(Fixpoint, CompositesThatAreWrittenOut) {
  OnnxGraph g("composites");
  g.Input("x", DataType::kFloat, {2, 3, 8}).Output("y", DataType::kFloat, {2, 3, 8});
  g.Output("z", DataType::kFloat, {2, 3}).Output("k", DataType::kFloat, {2, 3, 1});
  g.Node("Softplus", {"x"}, {"y"});
  g.Node("ReduceLogSumExp", {"x"}, {"z"}, {OnnxAttr("axes", std::vector<int64_t>{2}), OnnxAttr("keepdims", 0)});
  g.Node("ReduceLogSumExp", {"x"}, {"k"}, {OnnxAttr("axes", std::vector<int64_t>{2}), OnnxAttr("keepdims", 1)});
  ExpectFixpoint(g);
}

// Constants that only meet when they are written: zeros that a row makes beside zeros of the source.
TEST(Fixpoint, EqualConstantsAndNamedNumbers) {
  OnnxGraph g("equal");
  g.Input("x", DataType::kFloat, {1, 40, 4, 4}).Output("y", DataType::kFloat, {1, 80, 4, 4});
  g.Init("w1", {40, 40, 1, 1}, Numbers(1600)).Init("w2", {40, 40, 1, 1}, Numbers(1600));
  g.Init("nothing", {80}, std::vector<float>(80)).Init("none", {40}, std::vector<float>(40));
  g.Init("w3", {80, 40, 3, 3}, Numbers(28800)).Init("w4", {80, 80, 1, 1}, Numbers(6400));
  g.Init("repeats", {4}, std::vector<int64_t>{1, 2, 1, 1});
  g.Node("Conv", {"x", "w1", "none"}, {"a"}).Node("Relu", {"a"}, {"ra"}).Node("Conv", {"ra", "w2"}, {"b"});
  g.Node("Relu", {"b"}, {"rb"}).Node("Conv", {"rb", "w3"}, {"c"}, {OnnxAttr("pads", {1, 1, 1, 1})});
  g.Node("Tile", {"ra", "repeats"}, {"tiled"}).Node("Add", {"c", "tiled"}, {"sum"});
  g.Node("Conv", {"sum", "w4", "nothing"}, {"y"});
  ExpectFixpoint(g);
}

// Weights that a TFLite file holds in half are whole in ONNX, and in half again.
TEST(Fixpoint, WeightsInHalf) {
  OnnxGraph g("halves");
  g.Input("x", DataType::kFloat, {1, 32}).Output("y", DataType::kFloat, {1, 32});
  g.Init("w", {32, 32}, Numbers(1024)).Init("v", {32, 32}, Numbers(1024));
  g.Node("MatMul", {"x", "w"}, {"h"}).Node("Tanh", {"h"}, {"t"}).Node("MatMul", {"t", "v"}, {"y"});
  const TempDir dir;
  const std::string model = dir.Write("model.onnx", OnnxModel(g, {.opset = 17, .ir_version = 8}));
  const std::string half = dir.Path("half.tflite");
  const ProgramRun run = RunGodwit({"convert", model, "-o", half, "--precision", "f16w", "--verify", "off"});
  ASSERT_EQ(run.status, 0) << run.err;
  const std::vector<std::string> files = Trips(dir, half, {".onnx", ".tflite", ".onnx"});
  EXPECT_TRUE(files[1] == TempDir::Read(half)) << files[1].size() << " bytes, not " << TempDir::Read(half).size();
  EXPECT_TRUE(files[0] == files[2]);
}

}  // namespace
}  // namespace godwit::testing
