// Weights stored in half: what becomes f16 and a DEQUANTIZE, and what stays.
#include "backends/tflite/store_half.h"

#include <gtest/gtest.h>

#include "backends/tflite_written.h"
#include "base/text.h"
#include "ir/text.h"
#include "ops/ops.h"

namespace godwit {
namespace {

using test::ParsedGraph;
using Written = test::WrittenTflite;

Graph Dense(int64_t in, int64_t out, std::string_view first) {
  std::string numbers(first);
  for (int64_t k = 1; k < in * out; ++k) numbers += ",0.5";
  const std::string text = Concat("graph g {\n const %w: f32[", std::to_string(in), ",", std::to_string(out), "] = [",
                                  numbers, "]\n main (%x: f32[1,", std::to_string(in), "]) {\n %y: f32[1,",
                                  std::to_string(out), "] = matmul(%x, %w)\n yield(%y as out)\n }\n}");
  return ParsedGraph(text);
}

Written Export(const Graph& graph, to_tflite::ExportOptions options = {}) {
  options.half_weights = true;
  return test::WriteTflite(graph, options);
}

TEST(TfliteStoreHalf, LargeWeightsComeFromADequantize) {
  const Written out = Export(Dense(16, 32, "0.1"));
  ASSERT_EQ(out.halves, 1);
  const tflite::SubGraph& main = out.model.subgraphs[0];
  ASSERT_EQ(main.operators.size(), 2U);
  EXPECT_EQ(out.model.OperatorNameOf(main.operators[0]), "DEQUANTIZE");
  EXPECT_EQ(out.model.CodeOf(main.operators[0]).version, 3);
  EXPECT_EQ(out.model.OperatorNameOf(main.operators[1]), "FULLY_CONNECTED");
  const tflite::Tensor& half = main.tensors[static_cast<size_t>(main.operators[0].inputs[0])];
  EXPECT_EQ(half.type, tflite::TensorType::kFloat16);
  EXPECT_EQ(half.name, "w");
  EXPECT_EQ(out.model.buffers[half.buffer].size(), 2U * 16 * 32);
  EXPECT_EQ(main.operators[1].inputs[1], main.operators[0].outputs[0]);
}

TEST(TfliteStoreHalf, HalvesFollowTheOperatorsThatTakeThem) {
  // The order in which the graph holds nodes and weights is of no matter.
  const std::string left = "%l: f32[1,32] = matmul(%x, %a)\n", right = "%r: f32[1,32] = matmul(%x, %b)\n";
  const auto file = [&](const std::string& nodes) {
    std::string ones = "0.25", twos = "0.5";
    for (int k = 1; k < 16 * 32; ++k) {
      ones += ",0.25";
      twos += ",0.5";
    }
    auto graph = ParseGraph(Concat("graph g {\n const %a: f32[16,32] = [", ones, "]\n const %b: f32[16,32] = [", twos,
                                   "]\n main (%x: f32[1,16]) {\n ", nodes, " yield(%l as l, %r as r)\n }\n}"),
                            ops::Find);
    EXPECT_TRUE(graph.ok());
    const Written out = Export(*graph);
    EXPECT_EQ(out.halves, 2);
    return out.bytes;
  };
  EXPECT_EQ(file(left + right), file(right + left));
}

TEST(TfliteStoreHalf, FewWeightsAndThoseOutOfRangeStay) {
  EXPECT_EQ(Export(Dense(4, 4, "0.1")).halves, 0);
  const Written out = Export(Dense(16, 32, "1e6"));
  EXPECT_EQ(out.halves, 0);
  EXPECT_EQ(out.model.subgraphs[0].operators.size(), 1U);
}

// Weights of a fused layer are halved too, those that close its gates with them; a plain layer's stay.
TEST(TfliteStoreHalf, LayersThatKeepTheirStates) {
  const auto layer = [](std::string_view op, int gates, std::string_view activations) {
    const auto zeros = [](int count) {
      std::string text = "0";
      for (int k = 1; k < count; ++k) text += ",0";
      return text;
    };
    const std::string rows = std::to_string(gates * 16);
    auto graph =
        ParseGraph(Concat("graph { const %w: f32[1,", rows, ",16] = [", zeros(gates * 256), "]\n const %r: f32[1,",
                          rows, ",16] = [", zeros(gates * 256), "]\n main (%x: f32[4,1,16]) { %y: f32[4,1,1,16] = ", op,
                          "(%x, %w, %r, activations=", activations, ")\n yield(%y as y) } }"),
                   ops::Find);
    EXPECT_TRUE(graph.ok()) << FormatDiag(graph.diag());
    return graph.ok() ? *std::move(graph) : Graph();
  };
  to_tflite::ExportOptions options;
  options.profile.prefer = {"UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN"};
  // Equal ones are stored once.
  EXPECT_EQ(Export(layer("lstm", 4, R"(["sigmoid","tanh","tanh"])"), options).halves, 3);
  EXPECT_EQ(Export(layer("rnn", 1, R"(["tanh"])"), options).halves, 0);
}

TEST(TfliteStoreHalf, AModelOfHalvesIsToldByItsWeights) {
  Graph graph = Dense(16, 32, "0.1");
  EXPECT_FALSE(to_tflite::MostlyHalf(graph));
  graph.AddConstant(Tensor(DType::kF16, {64, 64}));
  EXPECT_TRUE(to_tflite::MostlyHalf(graph));
}

// After a trip through a format that has them widened, those become halves again that still are.
TEST(TfliteStoreHalf, ANoteBringsBackWhatHalvesHold) {
  const auto halves = [](std::string_view number) {
    Graph graph = Dense(16, 32, number);
    EXPECT_FALSE(to_tflite::WereHalf(graph));
    to_tflite::NoteHalfWeights(&graph);
    EXPECT_TRUE(to_tflite::WereHalf(graph));
    return Export(graph).halves;
  };
  EXPECT_EQ(halves("0.125"), 1);
  EXPECT_EQ(halves("0.1"), 0);
}

}  // namespace
}  // namespace godwit
