// Transposed convolutions in plans: any geometry, alone and with what is fused into them.
#include <random>

#include "exec/plan_check.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::Numbers;
using testing::OnnxAttr;
using testing::OnnxGraph;

TEST(ConvTransposePlan, AgreesWithTheOperatorInEveryGeometry) {
  std::mt19937 random(5);
  const auto pick = [&](int low, int high) {
    return low + static_cast<int>(random() % static_cast<uint32_t>(high - low + 1));
  };
  for (int round = 0; round < 24; ++round) {
    SCOPED_TRACE(round);
    const size_t n = static_cast<size_t>(pick(1, 3));
    const int64_t group = round % 4 == 0 ? 2 : 1;
    const int64_t in = group * pick(1, 9), out = group * pick(1, 19) / group;
    std::vector<int64_t> x{pick(1, 2), in}, w{in, out}, strides, dilations, pads, extra, ends;
    for (size_t i = 0; i < n; ++i) {
      x.push_back(pick(1, 5)), w.push_back(pick(1, 3));
      strides.push_back(pick(1, 3)), dilations.push_back(pick(1, 2));
      extra.push_back(pick(0, static_cast<int>(strides.back()) - 1));
      pads.push_back(pick(0, 1)), ends.push_back(pick(0, 1));
      // Something must remain of the result.
      const int64_t whole = (x.back() - 1) * strides.back() + extra.back() + (w.back() - 1) * dilations.back() + 1;
      if (whole <= pads.back() + ends.back()) pads.back() = ends.back() = 0;
    }
    pads.insert(pads.end(), ends.begin(), ends.end());
    const auto count = [](const std::vector<int64_t>& dims) { return static_cast<size_t>(ElementCount(dims)); };
    const auto make = [&](bool exposed) {
      OnnxGraph g;
      g.Input("x", DataType::kFloat, {x.begin(), x.end()});
      g.Init("w", w, Numbers(count(w), 2)).Init("b", {out * group}, Numbers(static_cast<size_t>(out * group), 3));
      g.Node("ConvTranspose", {"x", "w", "b"}, {"c"},
             {OnnxAttr("strides", strides), OnnxAttr("dilations", dilations), OnnxAttr("pads", pads),
              OnnxAttr("output_padding", extra), OnnxAttr("group", group)});
      g.Node(round % 2 == 0 ? "Relu" : "Tanh", {"c"}, {"a"}).Node("Add", {"a", "c"}, {"y"});
      g.Output("y", DataType::kFloat);
      if (exposed) g.Output("c", DataType::kFloat).Output("a", DataType::kFloat);
      return g;
    };
    testing::ExpectOnePlan(make, {RtValue(Tensor::F32(x, Numbers(count(x), 1)))}, 1e-6);
  }
}

// A small decoder: blocked all the way, with a residual between transposed and plain convolutions.
TEST(ConvTransposePlan, StaysInBlocksBetweenConvolutions) {
  const auto make = [](bool exposed) {
    OnnxGraph g;
    g.Input("x", DataType::kFloat, {1, 20, 6, 5});
    g.Init("w1", {18, 20, 3, 3}, Numbers(18 * 20 * 9, 1)).Init("w2", {18, 17, 2, 2}, Numbers(18 * 17 * 4, 2));
    g.Init("w3", {17, 17, 1, 1}, Numbers(17 * 17, 3)).Init("s", {1, 17, 1, 1}, Numbers(17, 4));
    g.Node("Conv", {"x", "w1"}, {"c1"}, {OnnxAttr("pads", {1, 1, 1, 1})});
    g.Node("ConvTranspose", {"c1", "w2"}, {"t"}, {OnnxAttr("strides", {2, 2})});
    g.Node("Add", {"t", "s"}, {"ts"}).Node("Relu", {"ts"}, {"r"});
    g.Node("Conv", {"r", "w3"}, {"c3"}).Node("Add", {"c3", "r"}, {"y"});
    g.Output("y", DataType::kFloat);
    if (exposed) {
      for (const char* name : {"c1", "t", "ts", "r", "c3"}) g.Output(name, DataType::kFloat);
    }
    return g;
  };
  testing::ExpectOnePlan(make, {RtValue(Tensor::F32({1, 20, 6, 5}, Numbers(600, 9)))}, 1e-6);
  PlanStats stats;
  testing::RunPlan(testing::ImportBuilt(make(false)), {}, {RtValue(Tensor::F32({1, 20, 6, 5}, Numbers(600, 9)))},
                   &stats);
  EXPECT_LE(stats.steps, 4U);  // three convolutions and the reorder of the result
}

}  // namespace
}  // namespace godwit
