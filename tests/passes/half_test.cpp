// Half precision: casts at the borders only, what stays and why, and errors held to the bound.
#include "passes/half.h"

#include <gtest/gtest.h>

#include <cmath>

#include "exec/session.h"
#include "ir/convert.h"
#include "ir/verify.h"
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CountOps;
using test::Parse;
using test::Print;

RtValue Ramp(Dims dims, double from, double to) {
  Tensor t(DType::kF32, std::move(dims));
  const auto n = static_cast<double>(t.size());
  for (int64_t i = 0; i < t.size(); ++i) {
    t.mutable_data<float>()[i] = static_cast<float>(from + (to - from) * static_cast<double>(i) / n);
  }
  return t;
}

HalfOptions Whole() {
  HalfOptions options;
  options.kind = HalfKind::kWhole;
  return options;
}

Graph Halved(std::string_view body, const HalfOptions& options, HalfReport* report) {
  Graph graph = Parse(body);
  const Status status = ToHalf(&graph, options, report);
  EXPECT_TRUE(status.ok()) << status.diag().what;
  const Status valid = VerifyGraph(graph);
  EXPECT_TRUE(valid.ok()) << valid.diag().what << "\n" << Print(graph);
  return graph;
}

constexpr const char* kTwoLayers = R"(const %w: f32[3,4] = [1,2,3,4,5,6,7,8,9,10,11,12]
  const %b: f32[4] = [0.1,0.2,0.3,0.4]
  main (%x: f32[N,3]) {
    %p: f32[N,4] = matmul(%x, %w)
    %s: f32[N,4] = add(%p, %b)
    %y: f32[N,4] = relu(%s)
    yield(%y as "out")
  })";

TEST(Half, CastsAtTheBordersOnly) {
  HalfReport report;
  const Graph graph = Halved(kTwoLayers, Whole(), &report);
  EXPECT_EQ(CountOps(graph, "cast"), 2) << Print(graph);
  EXPECT_EQ(report.nodes_half, 3);
  EXPECT_EQ(report.weights, 16);
  const ValueId x = graph.region(Graph::main()).params[0];
  EXPECT_EQ(graph.value(x).type.ToString(), "f32[N,3]");
  EXPECT_EQ(graph.value(graph.region(Graph::main()).results[0]).type.ToString(), "f32[N,4]");
  EXPECT_EQ(graph.output_names, std::vector<std::string>{"out"});
}

TEST(Half, InputsAndOutputsToo) {
  HalfOptions options = Whole();
  options.keep_io = false;
  const Graph graph = Halved(kTwoLayers, options, nullptr);
  EXPECT_EQ(CountOps(graph, "cast"), 0) << Print(graph);
  EXPECT_EQ(graph.value(graph.region(Graph::main()).params[0]).type.ToString(), "f16[N,3]");
}

TEST(Half, EdgesWidenedForComparison) {
  HalfOptions options = Whole();
  options.keep_io = false;
  Graph graph = Halved(kTwoLayers, options, nullptr);
  ASSERT_TRUE(WidenEdges(&graph, Parse(kTwoLayers)).ok());
  EXPECT_TRUE(VerifyGraph(graph).ok()) << Print(graph);
  EXPECT_EQ(CountOps(graph, "cast"), 2) << Print(graph);
  EXPECT_EQ(graph.value(graph.region(Graph::main()).params[0]).type.ToString(), "f32[N,3]");
  // What is half in both stays so.
  Graph both = Halved(kTwoLayers, options, nullptr);
  ASSERT_TRUE(WidenEdges(&both, both.Clone()).ok());
  EXPECT_EQ(CountOps(both, "cast"), 0);
}

TEST(Half, Bfloat) {
  HalfOptions options = Whole();
  options.dtype = DType::kBF16;
  const Graph graph = Halved(kTwoLayers, options, nullptr);
  EXPECT_NE(Print(graph).find("bf16[N,4] = matmul"), std::string::npos) << Print(graph);
  // ai.onnx 12 has no bf16 product.
  options.opset = 12;
  EXPECT_EQ(CountOps(Halved(kTwoLayers, options, nullptr), "cast"), 0);
}

TEST(Half, WeightsAlone) {
  std::string numbers = "0.5";
  for (int i = 1; i < 512; ++i) numbers += ",0.5";
  HalfOptions options = Whole();
  options.kind = HalfKind::kWeights;
  HalfReport report;
  const Graph graph = Halved("const %w: f32[2,256] = [" + numbers + R"(]
  main (%x: f32[N,2]) {
    %y: f32[N,256] = matmul(%x, %w)
    yield(%y)
  })",
                             options, &report);
  EXPECT_EQ(CountOps(graph, "cast"), 1);
  EXPECT_EQ(report.weights, 512);
}

TEST(Half, NamedNodesStay) {
  HalfOptions options = Whole();
  options.keep = {"ad+"};
  HalfReport report;
  const Graph graph = Halved(kTwoLayers, options, &report);
  ASSERT_EQ(report.kept.size(), 1U);
  EXPECT_EQ(report.kept[0].op, "add");
  // The relu behind it would have casts on both sides.
  EXPECT_EQ(CountOps(graph, "cast"), 2) << Print(graph);
}

TEST(Half, BadExpression) {
  HalfOptions options = Whole();
  options.keep = {"(a"};
  Graph graph = Parse(kTwoLayers);
  const Status status = ToHalf(&graph, options, nullptr);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.diag().id, "pass.expression");
}

TEST(Half, ConstantsThatDoNotFit) {
  HalfReport report;
  HalfOptions options = Whole();
  options.keep_io = false;
  const Graph graph = Halved(R"(const %big: f32[] = [100000]
  const %tiny: f32[] = [1e-12]
  const %hide: f32[2] = [0,-3e38]
  main (%x: f32[2]) {
    %a: f32[2] = mul(%x, %big)
    %b: f32[2] = add(%x, %tiny)
    %c: f32[2] = add(%x, %hide)
    yield(%a, %b, %c)
  })",
                             options, &report);
  EXPECT_EQ(report.kept.size(), 2U) << Print(graph);
  ASSERT_EQ(report.overflows.size(), 2U);
  EXPECT_TRUE(report.overflows[0].weight);
  EXPECT_NE(Print(graph).find("-65504"), std::string::npos) << Print(graph);
}

TEST(Half, ActivationsThatLeaveTheRange) {
  HalfOptions options = Whole();
  options.samples = {{Ramp({8}, -300, 300)}};
  HalfReport report;
  const Graph graph = Halved(R"(const %k: f32[] = [0.001]
  main (%x: f32[8]) {
    %a: f32[8] = mul(%x, %x)
    %b: f32[8] = mul(%a, %k)
    %y: f32[8] = relu(%b)
    yield(%y)
  })",
                             options, &report);
  EXPECT_EQ(report.kept.size(), 2U) << Print(graph);
  ASSERT_EQ(report.overflows.size(), 1U);
  EXPECT_FALSE(report.overflows[0].weight);
  EXPECT_NEAR(report.overflows[0].peak, 90000, 1);
}

TEST(Half, DelicateSumsStayUntilTheBoundIsMet) {
  HalfOptions options = Whole();
  options.samples = {{Ramp({64}, 0, 1)}};
  options.bound = 1e-4;
  HalfReport report;
  const std::string body = R"(const %c: f32[] = [1000]
  main (%x: f32[64]) {
    %a: f32[64] = add(%x, %c)
    %b: f32[64] = sub(%a, %c)
    %y: f32[64] = tanh(%b)
    yield(%y)
  })";
  Halved(body, options, &report);
  EXPECT_LE(report.error, options.bound);
  EXPECT_FALSE(report.kept.empty());
  // Nothing stays where the bound lets it pass.
  options.bound = 2;
  HalfReport loose;
  Halved(body, options, &loose);
  EXPECT_TRUE(loose.kept.empty());
  EXPECT_GT(loose.error, 1e-3);
}

// The error that is predicted on fast kernels is that of a run that really rounds.
TEST(Half, PredictsWhatRoundingDoes) {
  HalfOptions options = Whole();
  options.samples = {{Ramp({4, 3}, -1, 1)}};
  options.bound = 1;
  HalfReport report;
  const Graph source = Parse(kTwoLayers);
  Graph graph = source.Clone();
  ASSERT_TRUE(ToHalf(&graph, options, &report).ok());
  SessionOptions stored;
  stored.precision = Precision::kStored;
  auto want = Session(source, {}).Run(options.samples[0]);
  auto got = Session(graph, stored).Run(options.samples[0]);
  ASSERT_TRUE(want.ok() && got.ok());
  double worst = 0, peak = 0;
  const std::vector<double> a = ToF64((*want)[0].tensor);
  const std::vector<double> b = ToF64((*got)[0].tensor);
  for (size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::fabs(a[i] - b[i]));
    peak = std::max(peak, std::fabs(a[i]));
  }
  EXPECT_NEAR(report.error, worst / peak, 1e-6);
  EXPECT_GT(report.error, 0);
}

TEST(Half, MovesJoinTheirNeighbours) {
  HalfOptions options = Whole();
  options.keep = {"exp", "log"};
  const Graph graph = Halved(R"(main (%x: f32[2,3]) {
    %a: f32[2,3] = exp(%x)
    %t: f32[3,2] = transpose(%a, perm=[1,0])
    %y: f32[3,2] = log(%t)
    yield(%y)
  })",
                             options, nullptr);
  EXPECT_EQ(CountOps(graph, "cast"), 0) << Print(graph);
}

TEST(Half, BodiesOfBranchesKeepTheirBorders) {
  const Graph graph = Halved(R"(const %w: f32[2,2] = [1,2,3,4]
  main (%c: bool[], %x: f32[2,2]) {
    %a: f32[2,2] = matmul(%x, %w)
    %r: f32[2,2] = if(%c) region () {
      %b: f32[2,2] = matmul(%a, %w)
      yield(%b)
    }
    region () {
      yield(%a)
    }
    %y: f32[2,2] = relu(%r)
    yield(%y)
  })",
                             Whole(), nullptr);
  EXPECT_NE(Print(graph).find("f32[2,2] = if("), std::string::npos) << Print(graph);
}

}  // namespace
}  // namespace godwit
