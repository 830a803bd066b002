// The precision of a run: half types compute in f32 unless told otherwise, and leave as the model states.
#include <gtest/gtest.h>

#include <cmath>

#include "exec/kernels/simd.h"
#include "exec/session.h"
#include "ir/convert.h"
#include "support/import.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::ImportBuilt;
using testing::Numbers;
using testing::OnnxAttr;
using testing::OnnxGraph;
using testing::OnnxType;

Tensor Half(Dims dims, const std::vector<float>& values, DType dtype = DType::kF16) {
  auto t = ConvertTensor(Tensor::F32(std::move(dims), values), dtype);
  return t.ok() ? *std::move(t) : Tensor();
}

std::vector<RtValue> RunAll(const Graph& graph, Precision precision, std::vector<RtValue> inputs,
                            bool reference = false) {
  SessionOptions options;
  options.precision = precision;
  options.reference = reference;
  Session session(graph, options);
  auto results = session.Run(std::move(inputs));
  if (!results.ok()) {
    ADD_FAILURE() << FormatDiag(results.diag());
    return {};
  }
  return *std::move(results);
}

// x * a * b * c in a half type, whose factors are not exact.
OnnxGraph Chain(DataType type) {
  OnnxGraph g;
  g.Input("x", type, {4}).Input("k", DataType::kFloat, {1});
  g.Node("Cast", {"k"}, {"h"}, {OnnxAttr("to", static_cast<int64_t>(type))});
  g.Node("Mul", {"x", "h"}, {"a"}).Node("Mul", {"a", "h"}, {"b"}).Node("Mul", {"b", "h"}, {"y"});
  return g.Output("y", type);
}

TEST(Precision, HalvesComputeInSingleAndRoundOnce) {
  for (const auto& [type, dtype] :
       {std::pair(DataType::kFloat16, DType::kF16), std::pair(DataType::kBfloat16, DType::kBF16)}) {
    const Graph graph = ImportBuilt(Chain(type));
    const Tensor x = Half({4}, {0.1F, -3.3F, 7.7F, 1e-3F}, dtype);
    const float k = 1.01F;
    for (const bool reference : {false, true}) {
      const Tensor y =
          RunAll(graph, Precision::kSingle, {RtValue(x), RtValue(Tensor::F32({1}, {k}))}, reference)[0].tensor;
      ASSERT_EQ(y.dtype(), dtype);
      for (int64_t i = 0; i < 4; ++i) {
        const auto v = static_cast<float>(ToF64(x)[static_cast<size_t>(i)]);
        EXPECT_EQ(ToF64(y)[static_cast<size_t>(i)], RoundTo(dtype, v * k * k * k)) << i;
      }
    }
  }
}

TEST(Precision, StoredRoundsAfterEveryOperator) {
  const Graph graph = ImportBuilt(Chain(DataType::kFloat16));
  const Tensor x = Half({4}, {0.1F, -3.3F, 7.7F, 1e-3F});
  const Tensor y = RunAll(graph, Precision::kStored, {RtValue(x), RtValue(Tensor::F32({1}, {1.01F}))})[0].tensor;
  ASSERT_EQ(y.dtype(), DType::kF16);
  const double k = RoundTo(DType::kF16, static_cast<double>(1.01F));
  for (size_t i = 0; i < 4; ++i) {
    double v = ToF64(x)[i];
    for (int n = 0; n < 3; ++n) v = RoundTo(DType::kF16, v * k);
    EXPECT_EQ(ToF64(y)[i], v) << i;
  }
}

TEST(Precision, DoubleKeepsItsDigits) {
  const Graph graph = ImportBuilt(Chain(DataType::kFloat16));
  const Tensor x = Half({4}, {0.1F, -3.3F, 7.7F, 1e-3F});
  const Tensor y = RunAll(graph, Precision::kDouble, {RtValue(x), RtValue(Tensor::F32({1}, {1.01F}))})[0].tensor;
  ASSERT_EQ(y.dtype(), DType::kF64);
  const auto k = static_cast<double>(1.01F);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(y.data<double>()[i], ToF64(x)[i] * k * k * k) << i;
}

// Every half there is goes in and comes out as itself.
TEST(Precision, EveryHalfSurvivesTheWayThrough) {
  for (const auto& [type, dtype] :
       {std::pair(DataType::kFloat16, DType::kF16), std::pair(DataType::kBfloat16, DType::kBF16)}) {
    OnnxGraph g;
    g.Input("x", type, {65536}).Node("Identity", {"x"}, {"y"}).Output("y", type);
    Tensor x(dtype, {65536});
    for (int i = 0; i < 65536; ++i) x.mutable_data<uint16_t>()[i] = static_cast<uint16_t>(i);
    const Tensor y = RunAll(ImportBuilt(g), Precision::kSingle, {RtValue(x)})[0].tensor;
    ASSERT_EQ(y.dtype(), dtype);
    const std::vector<double> in = ToF64(x), out = ToF64(y);
    for (size_t i = 0; i < 65536; ++i) {
      const bool same = std::isnan(in[i]) ? std::isnan(out[i]) : x.data<uint16_t>()[i] == y.data<uint16_t>()[i];
      EXPECT_TRUE(same) << i;
    }
  }
}

TEST(Precision, BitsAreThoseOfTheStoredType) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat16, {3});
  g.Node("BitCast", {"x"}, {"bits"}, {OnnxAttr("to", static_cast<int64_t>(DataType::kUint16))});
  g.Node("BitCast", {"bits"}, {"back"}, {OnnxAttr("to", static_cast<int64_t>(DataType::kFloat16))});
  g.Node("Add", {"back", "x"}, {"y"});
  g.Output("bits", DataType::kUint16).Output("y", DataType::kFloat16);
  const Graph graph = ImportBuilt(g, nullptr, {.opset = 26, .ir_version = 13});
  const Tensor x = Half({3}, {1, -2, 0.5F});
  for (const Precision precision : {Precision::kSingle, Precision::kStored, Precision::kDouble}) {
    const auto results = RunAll(graph, precision, {RtValue(x)});
    ASSERT_EQ(results.size(), 2U);
    ASSERT_EQ(results[0].tensor.dtype(), DType::kU16);
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(results[0].tensor.data<uint16_t>()[i], x.data<uint16_t>()[i]);
    EXPECT_EQ(ToF64(results[1].tensor), (std::vector<double>{2, -4, 1}));
  }
}

TEST(Precision, SequencesLeaveAsStated) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat16, {4});
  g.Node("SplitToSequence", {"x"}, {"s"}, {OnnxAttr("axis", 0)})
      .Output("s", OnnxType::Sequence(OnnxType(DataType::kFloat16)));
  const auto results = RunAll(ImportBuilt(g), Precision::kSingle, {RtValue(Half({4}, {1, 2, 3, 4}))});
  ASSERT_EQ(results.size(), 1U);
  ASSERT_EQ(results[0].kind, RtValue::Kind::kSequence);
  for (const RtValue& e : *results[0].sequence) EXPECT_EQ(e.tensor.dtype(), DType::kF16);
}

// A network in f16 runs on the fast kernels, which agree with the operators' own.
TEST(Precision, HalfNetworksRunOnFastKernels) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat16, {1, 3, 9, 9});
  g.Init("w", {20, 3, 3, 3}, Numbers(540, 1)).Init("m", {20, 5}, Numbers(100, 2));
  for (const char* name : {"w", "m"}) {
    g.Node("Cast", {name}, {std::string(name) + "h"}, {OnnxAttr("to", static_cast<int64_t>(DataType::kFloat16))});
  }
  g.Node("Conv", {"x", "wh"}, {"c"}).Node("Relu", {"c"}, {"r"}).Node("GlobalAveragePool", {"r"}, {"p"});
  g.Node("Flatten", {"p"}, {"f"}).Node("MatMul", {"f", "mh"}, {"y"}).Output("y", DataType::kFloat16);
  const Graph graph = ImportBuilt(g);
  const RtValue x(Half({1, 3, 9, 9}, Numbers(243, 9)));
  const Tensor fast = RunAll(graph, Precision::kSingle, {x})[0].tensor;
  const Tensor exact = RunAll(graph, Precision::kDouble, {x})[0].tensor;
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(ToF64(fast)[i], exact.data<double>()[i], 0x1p-11 * std::abs(exact.data<double>()[i]) + 1e-6);
  }
}

}  // namespace
}  // namespace godwit
