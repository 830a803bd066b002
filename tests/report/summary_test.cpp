#include "report/summary.h"

#include <gtest/gtest.h>

#include "report/graph_page.h"
#include "support/import.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::ImportBuilt;
using testing::Numbers;
using testing::OnnxGraph;

OnnxGraph Small() {
  OnnxGraph g("small");
  g.Input("image", DataType::kFloat, {"N", 2, 8, 8}).Init("w", {4, 2, 3, 3}, Numbers(72, 1));
  g.Node("Conv", {"image", "w"}, {"c"}, {}, "", "/stem/conv/Conv").Node("Relu", {"c"}, {"y"}, {}, "", "/stem/act/Relu");
  g.Output("y", DataType::kFloat);
  return g;
}

TEST(Summary, CountsWhatIsThere) {
  const Graph graph = ImportBuilt(Small());
  const ModelSummary s = Summarise(graph);
  EXPECT_EQ(s.parameters, 72);
  EXPECT_EQ(s.weight_bytes, 72U * 4);
  EXPECT_EQ(s.weights.at("f32").tensors, 1);
  EXPECT_EQ(s.macs, 6.0 * 6 * 4 * 2 * 9);  // 2592
  EXPECT_EQ(s.source_nodes, 2);
  EXPECT_EQ(s.op_counts.at("Conv"), 1);
  EXPECT_EQ(s.symbols, std::vector<std::string>{"N"});
  // The input and the convolution's result, 128 + 144 floats, then that and the activation's, 144 + 144.
  EXPECT_EQ(s.peak_activation_bytes, 4.0 * 2 * 4 * 36);
  ASSERT_EQ(s.layers.size(), 2U);
  EXPECT_EQ(s.layers[0].parameters, 72);
  EXPECT_EQ(s.layers[0].output, "f32[N,4,6,6]");
}

TEST(Summary, TextAndJsonNameTheSame) {
  const Graph graph = ImportBuilt(Small());
  const ModelSummary s = Summarise(graph);
  const std::string text = SummaryText(s, true), json = SummaryJson(s, true);
  for (const char* part : {"image", "f32[N,2,8,8]", "f32[N,4,6,6]", "Conv"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
    EXPECT_NE(json.find(part), std::string::npos) << part;
  }
  EXPECT_NE(json.find("\"macs\":2592"), std::string::npos);
}

TEST(GraphPage, HoldsTheGraphAndNothingFromOutside) {
  OnnxGraph g = Small();
  g.Node("Neg", {"y"}, {"z"}, {}, "", "</script><b>").Output("z", DataType::kFloat);
  const std::string page = GraphPage(ImportBuilt(g), "small.onnx");
  EXPECT_NE(page.find("/stem/conv/Conv"), std::string::npos);
  EXPECT_EQ(page.find("http://"), std::string::npos);
  EXPECT_EQ(page.find("https://"), std::string::npos);
  EXPECT_EQ(page.find("</script><b>"), std::string::npos);
}

}  // namespace
}  // namespace godwit
