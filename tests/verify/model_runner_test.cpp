// A model in segments gives the same bits as the model whole.
#include "verify/model_runner.h"

#include <gtest/gtest.h>

#include "support/import.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::ImportBuilt;
using testing::OnnxAttr;
using testing::OnnxGraph;

// A chain with a skip over several layers, a branch that captures, and an output in the middle.
OnnxGraph Model() {
  OnnxGraph then, otherwise;
  then.Node("Add", {"t3", "v"}, {"a"}).Output("a", DataType::kFloat);
  otherwise.Node("Mul", {"t3", "t0"}, {"m"}).Output("m", DataType::kFloat);
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {"N", 8});
  for (int i = 0; i < 4; ++i) {
    g.Init("w" + std::to_string(i), {8, 8}, testing::Numbers(64, static_cast<uint32_t>(i + 1)));
  }
  g.Init("v", {8}, testing::Numbers(8, 7));
  g.Node("MatMul", {"x", "w0"}, {"t0"}).Node("Tanh", {"t0"}, {"t1"}).Node("MatMul", {"t1", "w1"}, {"t2"});
  g.Node("Softmax", {"t2"}, {"t3"}, {OnnxAttr("axis", 1)}).Node("MatMul", {"t3", "w2"}, {"t4"});
  g.Node("Add", {"t4", "t0"}, {"t5"}).Node("ReduceMax", {"t5"}, {"top"}, {OnnxAttr("keepdims", 0)});
  g.Init("zero", {}, std::vector<float>{0}).Node("Greater", {"top", "zero"}, {"c"});
  g.Node("If", {"c"}, {"t6"}, {OnnxAttr("then_branch", then), OnnxAttr("else_branch", otherwise)});
  g.Node("MatMul", {"t5", "w3"}, {"y"});
  g.Output("y", DataType::kFloat).Output("t3", DataType::kFloat).Output("t6", DataType::kFloat);
  return g;
}

TEST(ModelRunner, SegmentsGiveTheSameBits) {
  const Graph graph = ImportBuilt(Model());
  EXPECT_EQ(WeightBytes(graph), 4U * 256 + 36);
  for (const Precision precision : {Precision::kSingle, Precision::kDouble}) {
    SessionOptions options;
    options.precision = precision;
    ModelRunner whole(graph, options), parts(graph, options, {.whole = 0, .segment = 300}),
        single(graph, options, {.whole = 0, .segment = 0});
    EXPECT_FALSE(whole.segmented());
    EXPECT_TRUE(parts.segmented());
    for (const int64_t n : {1, 3}) {
      const Tensor x = Tensor::F32({n, 8}, testing::Numbers(static_cast<size_t>(n) * 8, 9));
      const auto expected = whole.Run({x});
      ASSERT_TRUE(expected.ok()) << expected.diag().what;
      for (ModelRunner* runner : {&parts, &single}) {
        const auto actual = runner->Run({x});
        ASSERT_TRUE(actual.ok()) << actual.diag().what;
        ASSERT_EQ(actual->size(), 3U);
        for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(Identical((*actual)[i].tensor, (*expected)[i].tensor)) << i;
      }
    }
    EXPECT_FALSE(parts.Run({}).ok());
    EXPECT_FALSE(parts.Run({Tensor::F32({8}, testing::Numbers(8, 1))}).ok());
  }
}

}  // namespace
}  // namespace godwit
