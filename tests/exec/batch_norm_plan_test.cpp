// Batch norm of known statistics in plans: in blocks and out of them, with the function that follows.
#include "exec/plan_check.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::Numbers;
using testing::OnnxAttr;
using testing::OnnxGraph;

TEST(BatchNormPlan, InEveryLayoutWithWhatFollows) {
  const std::vector<std::vector<int64_t>> shapes = {
      {2, 20, 7, 5}, {3, 33}, {1, 5, 1, 1}, {2, 3, 200}, {1, 40, 2, 3, 4}};
  for (const auto& shape : shapes) {
    for (const bool blocks : {false, true}) {
      if (blocks && shape.size() < 3) continue;
      const int64_t c = shape[1];
      const auto n = static_cast<size_t>(c);
      const auto make = [&](bool exposed) {
        OnnxGraph g;
        g.Input("x", DataType::kFloat, {shape.begin(), shape.end()});
        std::vector<int64_t> w(shape.size(), 1);
        w[0] = w[1] = c;
        std::vector<float> variance = Numbers(n, 5);
        for (float& v : variance) v = v * v + 0.1F;
        g.Init("w", w, Numbers(n * n, 1)).Init("s", {c}, Numbers(n, 2)).Init("b", {c}, Numbers(n, 3));
        g.Init("m", {c}, Numbers(n, 4)).Init("v", {c}, variance);
        if (blocks) g.Node("Conv", {"x", "w"}, {"c"});
        g.Node("BatchNormalization", {blocks ? "c" : "x", "s", "b", "m", "v"}, {"n"}).Node("Relu", {"n"}, {"y"});
        g.Output("y", DataType::kFloat);
        if (exposed) g.Output("n", DataType::kFloat);
        return g;
      };
      const std::vector<RtValue> inputs{
          RtValue(Tensor::F32(shape, Numbers(static_cast<size_t>(ElementCount(shape)), 9)))};
      testing::ExpectOnePlan(make, inputs, 2e-6);
      std::vector<plan::StepTime> steps;
      const Graph graph = testing::ImportBuilt(make(false));
      Session session(graph, {});
      ASSERT_TRUE(session.Run(inputs, &steps).ok());
      bool fused = false;
      for (const plan::StepTime& step : steps) fused = fused || step.label == "batch norm + relu";
      EXPECT_TRUE(fused);
    }
  }
}

}  // namespace
}  // namespace godwit
