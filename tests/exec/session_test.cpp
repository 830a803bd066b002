// Plans give the results of the reference kernels, and the same bits whatever is fused, however many threads run and
// whichever instruction set they use.
#include "exec/session.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "exec/kernels/simd.h"
#include "support/import.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::ImportBuilt;
using testing::Numbers;
using testing::OnnxAttr;
using testing::OnnxGraph;

// A small network with what real ones hold: strides, padding, depthwise and grouped convolutions, a residual, gates,
// pooling, normalisation, attention-like products. `exposed` makes every intermediate an output, which forbids fusion.
OnnxGraph Network(bool exposed) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {"N", 3, 17, 19});
  const auto weights = [&](const char* name, std::vector<int64_t> dims, uint32_t seed) {
    size_t n = 1;
    for (int64_t d : dims) n *= static_cast<size_t>(d);
    g.Init(name, dims, Numbers(n, seed));
  };
  const auto node = [&](const char* op, const std::vector<std::string>& in, const std::string& out,
                        const std::vector<OnnxAttr>& attrs = {}) {
    g.Node(op, in, {out}, attrs);
    if (exposed) g.Output(out, DataType::kFloat);
  };
  weights("w1", {20, 3, 3, 3}, 1), weights("b1", {20}, 2);
  node("Conv", {"x", "w1", "b1"}, "c1", {OnnxAttr("strides", {2, 2}), OnnxAttr("pads", {1, 1, 1, 1})});
  node("Sigmoid", {"c1"}, "s1");
  node("Mul", {"c1", "s1"}, "a1");
  weights("w2", {20, 1, 3, 3}, 3);
  node("Conv", {"a1", "w2"}, "c2", {OnnxAttr("group", 20), OnnxAttr("pads", {1, 1, 1, 1})});
  node("Relu", {"c2"}, "a2");
  weights("w3", {20, 20, 1, 1}, 4), weights("b3", {20}, 5);
  node("Conv", {"a2", "w3", "b3"}, "c3");
  node("Add", {"c3", "a1"}, "r3");
  node("Relu", {"r3"}, "a3");
  weights("w4", {20, 5, 3, 3}, 6);
  node("Conv", {"a3", "w4"}, "c4", {OnnxAttr("group", 4), OnnxAttr("dilations", {2, 2})});
  node("GlobalAveragePool", {"c4"}, "p4");
  node("HardSigmoid", {"p4"}, "h4");
  node("Mul", {"c4", "h4"}, "m4");
  node("MaxPool", {"m4"}, "q4", {OnnxAttr("kernel_shape", {2, 2}), OnnxAttr("strides", {2, 2})});
  node("Flatten", {"q4"}, "f4");
  weights("w5", {12, 120}, 7), weights("b5", {12}, 8);
  node("Gemm", {"f4", "w5", "b5"}, "g5", {OnnxAttr("transB", 1)});
  weights("ls", {12}, 9), weights("lb", {12}, 10);
  node("LayerNormalization", {"g5", "ls", "lb"}, "n5");
  node("Tanh", {"n5"}, "t5");
  node("Softmax", {"t5"}, "y");
  if (!exposed) g.Output("y", DataType::kFloat);
  return g;
}

Tensor Picture(int64_t batch) {
  const auto values = Numbers(static_cast<size_t>(batch * 3 * 17 * 19), 99);
  return Tensor::F32({batch, 3, 17, 19}, values);
}

Tensor RunLast(const Graph& graph, SessionOptions options, const Tensor& x) {
  Session session(graph, options);
  auto results = session.Run({RtValue(x)});
  if (!results.ok()) {
    ADD_FAILURE() << FormatDiag(results.diag());
    return {};
  }
  return results->back().tensor;
}

TEST(Session, PlansAgreeWithReferenceKernels) {
  const Graph graph = ImportBuilt(Network(false));
  SessionOptions reference;
  reference.reference = true;
  SessionOptions wide;
  wide.precision = Precision::kDouble;
  for (int64_t batch : {1, 2}) {
    const Tensor fast = RunLast(graph, {}, Picture(batch));
    const Tensor slow = RunLast(graph, reference, Picture(batch));
    const Tensor exact = RunLast(graph, wide, Picture(batch));
    ASSERT_EQ(fast.dims(), slow.dims());
    ASSERT_EQ(exact.dtype(), DType::kF64);
    for (int64_t i = 0; i < fast.size(); ++i) {
      EXPECT_NEAR(fast.data<float>()[i], slow.data<float>()[i], 2e-6F) << i;
      EXPECT_NEAR(fast.data<float>()[i], exact.data<double>()[i], 2e-6) << i;
    }
  }
}

TEST(Session, FusionDoesNotChangeABit) {
  const Graph fused = ImportBuilt(Network(false));
  const Graph exposed = ImportBuilt(Network(true));
  EXPECT_TRUE(Identical(RunLast(fused, {}, Picture(2)), RunLast(exposed, {}, Picture(2))));
}

TEST(Session, ThreadsDoNotChangeABit) {
  const Graph graph = ImportBuilt(Network(false));
  const Tensor one = RunLast(graph, {}, Picture(2));
  for (int threads : {2, 8}) {
    SessionOptions options;
    options.threads = threads;
    EXPECT_TRUE(Identical(one, RunLast(graph, options, Picture(2)))) << threads;
  }
}

TEST(Session, InstructionSetsDoNotChangeABit) {
  const Graph graph = ImportBuilt(Network(false));
  const Tensor native = RunLast(graph, {}, Picture(1));
  for (kernels::SimdLevel level : kernels::AvailableSimd()) {
    kernels::LimitSimd(level);
    EXPECT_TRUE(Identical(native, RunLast(graph, {}, Picture(1)))) << kernels::SimdName(level);
  }
  kernels::LimitSimd(kernels::SimdLevel::kNative);
}

TEST(Session, ScalarsFuseToo) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {}).Init("two", {}, std::vector<float>{2}).Init("one", {1}, std::vector<float>{1});
  g.Node("Mul", {"x", "two"}, {"m"}).Node("Add", {"m", "two"}, {"a"}).Node("Add", {"a", "one"}, {"y"});
  g.Output("y", DataType::kFloat);
  const Tensor y = RunLast(ImportBuilt(g), {}, Tensor::F32({}, {3}));
  ASSERT_EQ(y.dims(), Dims{1});
  EXPECT_EQ(y.data<float>()[0], 9.0F);
}

TEST(Session, InputsMustFit) {
  const Graph graph = ImportBuilt(Network(false));
  Session session(graph, {});
  auto wrong = session.Run({RtValue(Tensor::F32({1, 3, 17, 18}, Numbers(3 * 17 * 18, 1)))});
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.diag().id, "exec.input");
  auto none = session.Run({RtValue()});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.diag().id, "exec.input");
}

TEST(Session, AnUnknownOperatorCannotRun) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {1}).Node("Warp", {"x"}, {"y"}, {}, "org.example").Output("y", DataType::kFloat);
  DiagSink sink;
  const Graph graph = ImportBuilt(g, &sink);
  Session session(graph, {});
  auto results = session.Run({RtValue(Tensor::F32({1}, {1}))});
  ASSERT_FALSE(results.ok());
  EXPECT_EQ(results.diag().id, "exec.no_kernel");
}

}  // namespace
}  // namespace godwit
