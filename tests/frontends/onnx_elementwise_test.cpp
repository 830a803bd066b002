// Rows of elementwise and quantised operators whose old or foreign forms lower to something else: run and compared
// with what ONNX Runtime or NumPy gives.
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "base/mapped_file.h"
#include "exec/session.h"
#include "frontends/onnx/import.h"
#include "ir/convert.h"
#include "support/onnx_builder.h"

namespace godwit {
namespace {

using onnx::DataType;
using testing::OnnxAttr;
using testing::OnnxGraph;
using testing::OnnxModel;
using Doubles = std::vector<double>;

/// The first result of a model on one input.
Doubles RunModel(const std::string& bytes, std::vector<RtValue> inputs) {
  std::vector<std::byte> copy(bytes.size());
  std::memcpy(copy.data(), bytes.data(), bytes.size());
  DiagSink sink;
  const auto graph = from_onnx::ImportModel(MappedFile::FromBytes(std::move(copy), "model.onnx"), {}, &sink);
  for (const Diag& d : sink.all()) ADD_FAILURE() << FormatDiag(d);
  if (!graph.ok()) {
    ADD_FAILURE() << FormatDiag(graph.diag());
    return {};
  }
  Session session(*graph, {});
  const auto out = session.Run(std::move(inputs));
  if (!out.ok()) {
    ADD_FAILURE() << FormatDiag(out.diag());
    return {};
  }
  return ToF64((*out)[0].tensor);
}

TEST(OnnxElementwise, OldOperatorsBroadcastFromAnAxis) {
  OnnxGraph g;
  g.Input("a", DataType::kFloat, {2, 2, 2}).Init("b", {2}, {10.0F, 20.0F});
  g.Node("Add", {"a", "b"}, {"y"}, {OnnxAttr("axis", 1), OnnxAttr("broadcast", 1)}).Output("y", DataType::kFloat);
  EXPECT_EQ(RunModel(OnnxModel(g, {.opset = 6}), {Tensor::F32({2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7})}),
            (Doubles{10, 11, 22, 23, 14, 15, 26, 27}));
}

TEST(OnnxElementwise, OldSlopesAreOneForEachChannel) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {1, 2, 2}).Init("s", {2}, {10.0F, 100.0F});
  g.Node("PRelu", {"x", "s"}, {"y"}).Output("y", DataType::kFloat);
  EXPECT_EQ(RunModel(OnnxModel(g, {.opset = 6}), {Tensor::F32({1, 2, 2}, {-1, 1, -2, 2})}), (Doubles{-10, 1, -200, 2}));
}

TEST(OnnxElementwise, OldClipCutsInfinities) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2});
  g.Node("Clip", {"x"}, {"y"}, {OnnxAttr("min", 0.0F)}).Output("y", DataType::kFloat);
  EXPECT_EQ(RunModel(OnnxModel(g, {.opset = 6}), {Tensor::F32({2}, {-1, std::numeric_limits<float>::infinity()})}),
            (Doubles{0, static_cast<double>(std::numeric_limits<float>::max())}));
}

TEST(OnnxElementwise, TheFirstCastNamesItsType) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2});
  g.Node("Cast", {"x"}, {"y"}, {OnnxAttr("to", "INT32")}).Output("y", DataType::kInt32);
  EXPECT_EQ(RunModel(OnnxModel(g, {.opset = 5}), {Tensor::F32({2}, {-1.9F, 2.9F})}), (Doubles{-1, 2}));
}

TEST(OnnxElementwise, MeanAndGreater) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {3}).Init("k", {1}, {2.0F});
  g.Node("Mean", {"x", "k"}, {"m"}).Node("Greater", {"m", "x"}, {"y"}).Output("y", DataType::kBool);
  EXPECT_EQ(RunModel(OnnxModel(g, {.opset = 13}), {Tensor::F32({3}, {1, 2, 3})}), (Doubles{1, 0, 0}));
}

TEST(OnnxQuantized, SumsAndProducts) {
  const auto u8 = [](Dims dims, const std::vector<uint8_t>& v) {
    return Tensor::Of<uint8_t>(DType::kU8, std::move(dims), v);
  };
  OnnxGraph sum;
  sum.Input("a", DataType::kUint8, {4}).Init("b", {4}, std::vector<uint8_t>{7, 50, 90, 250});
  sum.Init("sa", {}, {0.05F}).Init("sb", {}, {0.0213F}).Init("sc", {}, {0.0617F});
  sum.Init("za", {}, std::vector<uint8_t>{3}).Init("zb", {}, std::vector<uint8_t>{7});
  sum.Init("zc", {}, std::vector<uint8_t>{9});
  sum.Node("QLinearAdd", {"a", "sa", "za", "b", "sb", "zb", "sc", "zc"}, {"y"}, {}, "com.microsoft");
  sum.Output("y", DataType::kUint8);
  EXPECT_EQ(
      RunModel(OnnxModel(sum, {.opset = 13, .other_opsets = {{"com.microsoft", 1}}}), {u8({4}, {10, 100, 200, 255})}),
      (Doubles{15, 102, 197, 255}));

  OnnxGraph product;
  product.Input("a", DataType::kUint8, {2, 2}).Init("b", {2, 2}, std::vector<uint8_t>{9, 8, 7, 6});
  product.Init("sa", {}, {0.05F}).Init("sb", {}, {0.0213F}).Init("sc", {}, {0.001F});
  product.Init("za", {}, std::vector<uint8_t>{3}).Init("zb", {}, std::vector<uint8_t>{7});
  product.Init("zc", {}, std::vector<uint8_t>{100});
  product.Node("QLinearMatMul", {"a", "sa", "za", "b", "sb", "zb", "sc", "zc"}, {"y"});
  product.Output("y", DataType::kUint8);
  EXPECT_EQ(RunModel(OnnxModel(product, {.opset = 13}), {u8({2, 2}, {1, 2, 3, 4})}), (Doubles{96, 99, 100, 99}));
}

}  // namespace
}  // namespace godwit
