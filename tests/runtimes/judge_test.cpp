// A real runtime as the judge of a proof: it finds what our interpreter cannot see, and is no judge of what it refuses
// of both models.
#include <gtest/gtest.h>

#include <fstream>

#include "support/import.h"
#include "support/temp_dir.h"
#include "verify/proof.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::ImportBuilt;
using testing::OnnxGraph;

OnnxGraph Model(float off = 0, const char* op = "Tanh") {
  std::vector<float> w = testing::Numbers(16, 2);
  w[3] += off;
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {"N", 4}).Init("w", {4, 4}, w);
  g.Node("MatMul", {"x", "w"}, {"h"}).Node(op, {"h"}, {"y"}).Output("y", DataType::kFloat);
  return g;
}

class Judge : public ::testing::Test {
 protected:
  void SetUp() override {
    auto found = runtimes::FindOnnxRuntime();
    if (!found.ok()) GTEST_SKIP() << "no ONNX Runtime here: pip install onnxruntime";
    options_.judge = *found;
  }
  std::string Write(const std::string& name, const OnnxGraph& g) {
    const std::string path = dir_.Path(name);
    std::ofstream(path, std::ios::binary) << testing::OnnxModel(g, {.opset = 17});
    return path;
  }
  ProofReport Run(const OnnxGraph& source, const OnnxGraph& written) {
    DiagSink sink;
    const Graph a = ImportBuilt(source, &sink), b = ImportBuilt(written, &sink);
    auto report = Prove(a, b, options_);
    EXPECT_TRUE(report.ok());
    return report.ok() ? *std::move(report) : ProofReport{};
  }
  testing::TempDir dir_;
  ProofOptions options_;
};

TEST_F(Judge, AgreesOnAGoodFile) {
  options_.judged_file = Write("good.onnx", Model());
  options_.source_file = options_.judged_file;
  const ProofReport report = Run(Model(), Model());
  EXPECT_EQ(report.verdict, Verdict::kProved) << report.reason;
  EXPECT_NE(report.judges.find("ONNX Runtime"), std::string::npos);
  ASSERT_EQ(report.outputs.size(), 2U);
  EXPECT_LT(report.outputs[1].worst, 1e-5);
}

TEST_F(Judge, SeesWhatTheInterpreterDoesNot) {
  // What we read back is right, what lies in the file is not: as a wrong reader of ours would have it.
  options_.judged_file = Write("bad.onnx", Model(0.1F));
  options_.source_file = Write("source.onnx", Model());
  const ProofReport report = Run(Model(), Model());
  EXPECT_EQ(report.verdict, Verdict::kDiffers);
  EXPECT_NE(report.reason.find("ONNX Runtime"), std::string::npos) << report.reason;
}

TEST_F(Judge, TakesBytesWhereThereIsNoFileYet) {
  const std::string bytes = testing::OnnxModel(Model(0.1F), {.opset = 17});
  options_.judged_bytes = {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()};
  EXPECT_EQ(Run(Model(), Model()).verdict, Verdict::kDiffers);
}

TEST_F(Judge, AFileThatItRefusesIsADifferenceWhereItTakesTheSource) {
  options_.judged_file = Write("refused.onnx", Model(0, "NoSuchOperator"));
  options_.source_file = Write("source.onnx", Model());
  const ProofReport report = Run(Model(), Model());
  EXPECT_EQ(report.verdict, Verdict::kDiffers);
  EXPECT_NE(report.reason.find("NoSuchOperator"), std::string::npos) << report.reason;
}

TEST_F(Judge, RefusalOfBothIsANote) {
  options_.judged_file = Write("refused.onnx", Model(0, "NoSuchOperator"));
  options_.source_file = options_.judged_file;
  const ProofReport report = Run(Model(), Model());
  EXPECT_EQ(report.verdict, Verdict::kProved) << report.reason;
  EXPECT_EQ(report.judges, "godwit");
  EXPECT_NE(ProofText(report, true).find("not judged by ONNX Runtime"), std::string::npos);
}

}  // namespace
}  // namespace godwit
