// Quantised graphs in plans: the bits of the operators' own kernels.
#include <limits>
#include <random>

#include "exec/plan_check.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::ImportBuilt;
using testing::Numbers;
using testing::OnnxAttr;
using testing::OnnxGraph;

template <class E>
std::vector<E> Bytes(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<E> out(n);
  for (E& e : out) e = static_cast<E>(random());
  return out;
}

size_t Count(const std::vector<int64_t>& dims) { return static_cast<size_t>(ElementCount(dims)); }

void ExpectLabel(const Graph& graph, const std::vector<RtValue>& inputs, std::string_view label) {
  std::vector<plan::StepTime> steps;
  Session session(graph, {});
  ASSERT_TRUE(session.Run(inputs, &steps).ok());
  bool found = false;
  for (const plan::StepTime& step : steps) found = found || step.label.find(label) == 0;
  EXPECT_TRUE(found) << label;
}

// Ties, values out of range, and what is no number.
std::vector<float> Awkward(size_t n) {
  std::vector<float> x = Numbers(n, 3);
  for (size_t i = 0; i < n; ++i) {
    x[i] *= 300;
    if (i % 3 == 0) x[i] = std::floor(x[i]) + 0.5F;
  }
  const float inf = std::numeric_limits<float>::infinity();
  const float special[] = {inf, -inf, std::nanf(""), 3e38F, -3e38F, -0.0F, 1e-45F};
  for (size_t i = 0; i < n && i < std::size(special); ++i) x[n - 1 - i] = special[i];
  return x;
}

template <class E>
void CheckBothWays() {
  for (const bool per_axis : {false, true}) {
    for (const int64_t axis : {0, 1, 2}) {
      const std::vector<int64_t> dims{3, 5, 37};
      const int64_t n = per_axis ? dims[static_cast<size_t>(axis)] : 1;
      std::vector<float> scale = Numbers(static_cast<size_t>(n), 5);
      for (float& s : scale) s = std::abs(s) * 4 + 0.5F;
      if (!per_axis) scale[0] = 1;
      OnnxGraph g;
      g.Input("x", DataType::kFloat, {3, 5, 37});
      g.Init("s", per_axis ? std::vector<int64_t>{n} : std::vector<int64_t>{}, scale);
      g.Init("z", per_axis ? std::vector<int64_t>{n} : std::vector<int64_t>{}, Bytes<E>(static_cast<size_t>(n), 6));
      g.Node("QuantizeLinear", {"x", "s", "z"}, {"q"}, {OnnxAttr("axis", axis)});
      g.Node("DequantizeLinear", {"q", "s", "z"}, {"y"}, {OnnxAttr("axis", axis)});
      g.Output("q", testing::OnnxTypeOf<E>()).Output("y", DataType::kFloat);
      const Graph graph = ImportBuilt(g);
      const std::vector<RtValue> inputs{RtValue(Tensor::F32({3, 5, 37}, Awkward(Count(dims))))};
      testing::ExpectOnePlan(graph, inputs, 0);
      ExpectLabel(graph, inputs, "quantize");
      ExpectLabel(graph, inputs, "dequantize");
    }
  }
}

TEST(QuantizedPlan, QuantizeAndDequantize) {
  CheckBothWays<uint8_t>();
  CheckBothWays<int8_t>();
  CheckBothWays<uint16_t>();
  CheckBothWays<int16_t>();
}

TEST(QuantizedPlan, DynamicQuantization) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {7, 21});
  g.Init("w", {21, 19}, Bytes<int8_t>(21 * 19, 1)).Init("wz", {19}, Bytes<int8_t>(19, 2));
  g.Node("DynamicQuantizeLinear", {"x"}, {"q", "s", "z"}).Node("MatMulInteger", {"q", "w", "z", "wz"}, {"m"});
  g.Node("Cast", {"m"}, {"f"}, {OnnxAttr("to", static_cast<int64_t>(DataType::kFloat))}).Node("Mul", {"f", "s"}, {"y"});
  g.Output("q", DataType::kUint8).Output("s", DataType::kFloat).Output("z", DataType::kUint8);
  g.Output("m", DataType::kInt32).Output("y", DataType::kFloat);
  const Graph graph = ImportBuilt(g);
  std::vector<float> x = Numbers(147, 3);
  for (const float extra : {0.0F, 5.0F, std::numeric_limits<float>::infinity(), std::nanf("")}) {
    x[100] = extra;
    const std::vector<RtValue> inputs{RtValue(Tensor::F32({7, 21}, x))};
    testing::ExpectOnePlan(graph, inputs, 0);
    ExpectLabel(graph, inputs, "dynamic quantize");
    ExpectLabel(graph, inputs, "integer matmul");
  }
  testing::ExpectOnePlan(graph, {RtValue(Tensor::F32({7, 21}, std::vector<float>(147, 0.0F)))}, 0);
}

template <class A, class B>
void CheckProducts() {
  OnnxGraph g;
  g.Input("a", testing::OnnxTypeOf<A>(), {2, 9, 33});
  g.Init("b", {33, 18}, Bytes<B>(33 * 18, 2)).Init("as", {}, std::vector<float>{0.02F});
  g.Init("az", {}, Bytes<A>(1, 3)).Init("bs", {18}, Numbers(18, 4)).Init("bz", {18}, Bytes<B>(18, 5));
  g.Init("ys", {}, std::vector<float>{7}).Init("yz", {}, Bytes<A>(1, 6));
  g.Node("QLinearMatMul", {"a", "as", "az", "b", "bs", "bz", "ys", "yz"}, {"y"});
  g.Node("MatMulInteger", {"a", "b", "az", "bz"}, {"m"});
  g.Output("y", testing::OnnxTypeOf<A>()).Output("m", DataType::kInt32);
  const Graph graph = ImportBuilt(g);
  const std::vector<RtValue> inputs{
      RtValue(Tensor::Of<A>(std::is_signed_v<A> ? DType::kI8 : DType::kU8, {2, 9, 33}, Bytes<A>(2 * 9 * 33, 1)))};
  testing::ExpectOnePlan(graph, inputs, 0);
  ExpectLabel(graph, inputs, "integer matmul");
}

TEST(QuantizedPlan, ProductsOfBytes) {
  CheckProducts<uint8_t, uint8_t>();
  CheckProducts<uint8_t, int8_t>();
  CheckProducts<int8_t, uint8_t>();
  CheckProducts<int8_t, int8_t>();
}

struct ConvCase {
  int64_t batch, in, out, group;
  std::vector<int64_t> space, kernel, strides, dilations, pads;
};

template <class A, class B>
void CheckConvs() {
  const ConvCase cases[] = {
      {1, 3, 20, 1, {9, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
      {2, 37, 33, 1, {5, 6}, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
      {1, 20, 20, 20, {11, 7}, {3, 3}, {2, 1}, {1, 2}, {1, 2, 1, 2}},
      {1, 32, 64, 2, {6, 5}, {2, 3}, {2, 2}, {1, 1}, {0, 1, 1, 0}},
      {1, 17, 5, 1, {23}, {4}, {3}, {2}, {2, 3}},
      {1, 2, 3, 1, {4, 5, 6}, {2, 2, 2}, {1, 2, 1}, {1, 1, 1}, {0, 1, 0, 1, 0, 1}},
      {1, 40, 16, 1, {30, 30}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
  };
  for (const ConvCase& c : cases) {
    std::vector<int64_t> x{c.batch, c.in}, w{c.out, c.in / c.group};
    x.insert(x.end(), c.space.begin(), c.space.end());
    w.insert(w.end(), c.kernel.begin(), c.kernel.end());
    const auto n = static_cast<size_t>(c.out);
    OnnxGraph g;
    g.Input("x", testing::OnnxTypeOf<A>(), {x.begin(), x.end()});
    g.Init("w", w, Bytes<B>(Count(w), 1)).Init("xz", {}, Bytes<A>(1, 2)).Init("wz", {}, Bytes<B>(1, 3));
    g.Init("wzs", {c.out}, std::vector<B>(n, 0)).Init("bias", {c.out}, Bytes<int32_t>(n, 4));
    g.Init("xs", {}, std::vector<float>{0.1F}).Init("ws", {c.out}, Numbers(n, 5));
    g.Init("ys", {}, std::vector<float>{1e7F}).Init("yz", {}, Bytes<A>(1, 6));
    const std::vector<OnnxAttr> attrs{OnnxAttr("strides", c.strides), OnnxAttr("dilations", c.dilations),
                                      OnnxAttr("pads", c.pads), OnnxAttr("group", c.group)};
    g.Node("ConvInteger", {"x", "w", "xz", "wz"}, {"i"}, attrs);
    g.Node("QLinearConv", {"x", "xs", "xz", "w", "ws", "wzs", "ys", "yz", "bias"}, {"y"}, attrs);
    g.Output("i", DataType::kInt32).Output("y", testing::OnnxTypeOf<A>());
    const Graph graph = ImportBuilt(g);
    const std::vector<RtValue> inputs{
        RtValue(Tensor::Of<A>(std::is_signed_v<A> ? DType::kI8 : DType::kU8, x, Bytes<A>(Count(x), 7)))};
    testing::ExpectOnePlan(graph, inputs, 0);
    ExpectLabel(graph, inputs, "integer conv");
  }
}

TEST(QuantizedPlan, ConvolutionsOfBytes) {
  CheckConvs<uint8_t, uint8_t>();
  CheckConvs<uint8_t, int8_t>();
  CheckConvs<int8_t, uint8_t>();
  CheckConvs<int8_t, int8_t>();
}

// A chain whose 8-bit values stay in blocks.
TEST(QuantizedPlan, QuantisedNetworksStayInBlocks) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {1, 3, 12, 12}).Init("s", {}, std::vector<float>{0.02F});
  g.Init("z", {}, std::vector<uint8_t>{120}).Init("ws", {}, std::vector<float>{0.01F});
  g.Init("wz", {}, std::vector<int8_t>{0}).Init("s2", {}, std::vector<float>{0.4F});
  g.Init("w1", {18, 3, 3, 3}, Bytes<int8_t>(18 * 27, 1)).Init("w2", {18, 1, 3, 3}, Bytes<int8_t>(18 * 9, 2));
  g.Init("b", {18}, Bytes<int32_t>(18, 3));
  g.Node("QuantizeLinear", {"x", "s", "z"}, {"q"});
  g.Node("QLinearConv", {"q", "s", "z", "w1", "ws", "wz", "s2", "z"}, {"c1"});
  g.Node("QLinearConv", {"c1", "s2", "z", "w2", "ws", "wz", "s2", "z"}, {"c2"}, {OnnxAttr("group", 18)});
  g.Node("DequantizeLinear", {"c2", "s2", "z"}, {"d"}).Node("Relu", {"d"}, {"r"}).Output("r", DataType::kFloat);
  const Graph graph = ImportBuilt(g);
  const std::vector<RtValue> inputs{RtValue(Tensor::F32({1, 3, 12, 12}, Numbers(432, 9)))};
  testing::ExpectOnePlan(graph, inputs, 0);
  std::vector<plan::StepTime> steps;
  Session session(graph, {});
  ASSERT_TRUE(session.Run(inputs, &steps).ok());
  int reorders = 0;
  for (const plan::StepTime& step : steps) reorders += step.label.find("reorder") == 0 ? 1 : 0;
  EXPECT_EQ(reorders, 2);
}

TEST(QuantizedPlan, CastsBetweenElementTypes) {
  std::vector<float> x = Awkward(90);
  for (const float v : {1e10F, -1e10F, 2.5e9F, 9.3e18F, -9.3e18F, 1e30F}) x.push_back(v);
  const DataType middle[] = {DataType::kInt8,  DataType::kUint8, DataType::kInt16, DataType::kUint16,
                             DataType::kInt32, DataType::kInt64, DataType::kBool,  DataType::kDouble};
  const DataType last[] = {DataType::kFloat, DataType::kDouble, DataType::kInt32, DataType::kInt64};
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {static_cast<int64_t>(x.size())});
  for (const DataType m : middle) {
    const std::string name = "m" + std::to_string(static_cast<int>(m));
    g.Node("Cast", {"x"}, {name}, {OnnxAttr("to", static_cast<int64_t>(m))}).Output(name, m);
    for (const DataType t : last) {
      const std::string out = name + "_" + std::to_string(static_cast<int>(t));
      g.Node("Cast", {name}, {out}, {OnnxAttr("to", static_cast<int64_t>(t))}).Output(out, t);
    }
  }
  const Graph graph = ImportBuilt(g);
  const std::vector<RtValue> inputs{RtValue(Tensor::F32({static_cast<int64_t>(x.size())}, x))};
  SessionOptions reference;
  reference.reference = true;
  testing::ExpectIdentical(testing::RunPlan(graph, {}, inputs), testing::RunPlan(graph, reference, inputs));
}

}  // namespace
}  // namespace godwit
