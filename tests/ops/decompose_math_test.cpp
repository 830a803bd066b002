// Functions that are said in simpler arithmetic, over all their range: within a few units in the last place of f32.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "base/mathfn.h"
#include "ir/builder.h"
#include "ir/decompose.h"
#include "ir/eval.h"
#include "ops/ops.h"

namespace godwit {
namespace {

struct Case {
  const OpDef* op;
  double (*exact)(double);
  float low, high;
  double ulps;
};

std::vector<float> Points(float low, float high) {
  std::vector<float> out = {low, high, 0.0F, -0.0F, 0.5F, 1.0F, -1.0F};
  constexpr int kSteps = 4000;
  for (int i = 0; i <= kSteps; ++i) {
    const float x = low + (high - low) * static_cast<float>(i) / kSteps;
    out.push_back(x);
    // Small numbers as well, of both signs.
    out.push_back(x * 0x1p-6F);
    out.push_back(x * 0x1p-20F);
  }
  std::erase_if(out, [&](float x) { return x < low || x > high; });
  return out;
}

std::vector<float> InSteps(const OpDef& op, const std::vector<float>& points) {
  Graph graph;
  const auto n = static_cast<int64_t>(points.size());
  const ValueId x = graph.AddParam(Graph::main(), Type::Tensor(DType::kF32, {Dim(n)}), "");
  Inference facts(graph);
  Builder build(graph, facts);
  const NodeId node = graph.AddNode(Graph::main(), op, {x}, 1, {});
  EXPECT_TRUE(facts.InferNode(node).ok());
  const auto made = Decompose(build, node);
  EXPECT_TRUE(made.ok());
  std::map<uint32_t, RtValue> values = {{x.index, RtValue(Tensor::F32({n}, points))}};
  for (const NodeId id : graph.region(Graph::main()).nodes) {
    if (id == node) continue;
    const Node& step = graph.node(id);
    std::vector<RtValue> in;
    for (const ValueId v : step.in) {
      in.push_back(graph.IsConstant(v) ? RtValue(*graph.constant(graph.value(v).constant).Load()) : values.at(v.index));
    }
    EvalCtx ctx(*step.op, step.attrs, std::move(in), 1);
    EXPECT_TRUE(step.op->eval(ctx).ok());
    values[step.out[0].index] = ctx.results()[0];
  }
  const auto all = values.at((*made)[0].index).tensor.span<float>();
  return {all.begin(), all.end()};
}

TEST(DecomposeMath, IsAsPreciseAsF32) {
  const Case cases[] = {{&ops::kAsin, mathfn::Asin, -1, 1, 4},      {&ops::kAcos, mathfn::Acos, -1, 1, 4},
                        {&ops::kAtan, mathfn::Atan, -30, 30, 4},    {&ops::kSinh, mathfn::Sinh, -89, 89, 6},
                        {&ops::kCosh, mathfn::Cosh, -89, 89, 6},    {&ops::kAsinh, mathfn::Asinh, -1e6F, 1e6F, 4},
                        {&ops::kAcosh, mathfn::Acosh, 1, 100, 5},   {&ops::kAtanh, mathfn::Atanh, -1, 1, 5},
                        {&ops::kErf, mathfn::Erf, -5, 5, 4},        {&ops::kTan, mathfn::Tan, -1.5F, 1.5F, 4},
                        {&ops::kAsinh, mathfn::Asinh, -2, 2, 4},    {&ops::kAtan, mathfn::Atan, -1e9F, 1e9F, 4},
                        {&ops::kAcosh, mathfn::Acosh, 1, 1e30F, 4}, {&ops::kAsinh, mathfn::Asinh, -1e30F, 1e30F, 4}};
  for (const Case& c : cases) {
    const std::vector<float> points = Points(c.low, c.high);
    const std::vector<float> got = InSteps(*c.op, points);
    ASSERT_EQ(got.size(), points.size());
    for (size_t i = 0; i < points.size(); ++i) {
      const double want = c.exact(static_cast<double>(points[i]));
      if (std::isinf(want) && got[i] == static_cast<float>(want)) continue;
      const float at = static_cast<float>(std::fabs(want));
      const double ulp = std::max(static_cast<double>(std::nextafter(at, std::numeric_limits<float>::infinity()) - at),
                                  static_cast<double>(std::numeric_limits<float>::min()));
      ASSERT_LE(std::fabs(static_cast<double>(got[i]) - want), c.ulps * ulp)
          << c.op->name << "(" << points[i] << ") is " << got[i] << ", not " << want;
    }
  }
}

}  // namespace
}  // namespace godwit
