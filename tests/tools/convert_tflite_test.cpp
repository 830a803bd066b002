// Models to TFLite and back as a user meets it: what is written, what is said of transposes and runtimes, the matrix of
// targets, and the way round.
#include <gtest/gtest.h>

#include "tools/run_program.h"

namespace godwit::testing {
namespace {

TEST(ConvertToTflite, IsProvedAndSaysWhereItRuns) {
  const TempDir dir;
  const std::string out = dir.Path("out.tflite");
  const ProgramRun run = RunGodwit({"convert", kBundledModel, "-o", out, "--verify", "own"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(Has(run.out, "TFLite (from ONNX opset 17), runs in TFLite ")) << run.out;
  EXPECT_TRUE(Has(run.out, "proof: the written model gives the same")) << run.out;
  EXPECT_EQ(TempDir::Read(out).substr(4, 4), "TFL3");
  const ProgramRun json = RunGodwit({"convert", kBundledModel, "-o", out, "--verify=off", "--json"});
  EXPECT_TRUE(Has(json.out, "\"format_after\":\"TFLite\"")) << json.out;
  EXPECT_TRUE(Has(json.out, "\"transposes\":[")) << json.out;
}

TEST(ConvertToTflite, ThereAndBackAndThereAgain) {
  const TempDir dir;
  const std::string once = dir.Path("once.tflite"), back = dir.Path("back.onnx"), twice = dir.Path("twice.tflite");
  for (const auto& [from, to] : {std::pair(kBundledModel, once), {once, back}, {back, twice}}) {
    const ProgramRun run = RunGodwit({"convert", from, "-o", to, "--verify", "own"});
    EXPECT_EQ(run.status, 0) << from << ": " << run.err;
  }
  const ProgramRun same = RunGodwit({"compare", kBundledModel, twice});
  EXPECT_EQ(same.status, 0) << same.out << same.err;
  EXPECT_EQ(RunGodwit({"simplify", once, "-o", dir.Path("thin.tflite"), "--verify", "own"}).status, 0);
  EXPECT_EQ(RunGodwit({"simplify", once, "-o", dir.Path("thin.onnx"), "--verify", "own"}).status, 1);
}

TEST(ConvertToTflite, LayoutsOfPortsAreComparedAsTheReferenceHasThem) {
  const TempDir dir;
  const std::string out = dir.Path("out.tflite");
  for (const char* layout : {"keep", "nhwc", "auto"}) {
    const ProgramRun run = RunGodwit(
        {"convert", kBundledModel, "-o", out, "--shape", "image=1,1,32,32", "--io-layout", layout, "--verify", "own"});
    EXPECT_EQ(run.status, 0) << layout << ": " << run.err;
    const ProgramRun compared = RunGodwit({"compare", kBundledModel, out, "--per-layer"});
    EXPECT_EQ(compared.status, 0) << layout << ": " << compared.out << compared.err;
    // An output that is an image.
    const ProgramRun cut = RunGodwit({"convert", kBundledModel, "-o", out, "--shape", "image=1,1,32,32", "--cut-out",
                                      "/block2/Add_output_0", "--io-layout", layout, "--verify", "own"});
    EXPECT_EQ(cut.status, 0) << layout << ": " << cut.err;
  }
}

TEST(ConvertToTflite, HalfPrecisionIsWeightsAndAPermission) {
  const TempDir dir;
  const std::string out = dir.Path("out.tflite");
  for (const char* precision : {"f16w", "f16"}) {
    const ProgramRun run =
        RunGodwit({"convert", kBundledModel, "-o", out, "--precision", precision, "--verify", "own"});
    EXPECT_EQ(run.status, 0) << precision << ": " << run.err;
    EXPECT_EQ(Has(TempDir::Read(out), "reduced_precision_support"), precision == std::string("f16"));
  }
  EXPECT_EQ(RunGodwit({"convert", kBundledModel, "-o", out, "--precision", "bf16"}).status, 1);
}

TEST(ConvertToTflite, AReportShowsEveryDecision) {
  const TempDir dir;
  const std::string out = dir.Path("out.tflite"), page = dir.Path("page.html"), data = dir.Path("data.json");
  const auto convert = [&](const std::string& report) {
    return RunGodwit({"convert", kBundledModel, "-o", out, "--verify", "own", "--report", report});
  };
  EXPECT_EQ(convert(page).status, 0);
  const std::string html = TempDir::Read(page);
  EXPECT_TRUE(Has(html, "What was written")) << html.size();
  EXPECT_TRUE(Has(html, "Rewrites"));
  EXPECT_TRUE(Has(html, "\"layers\":["));
  EXPECT_EQ(convert(data).status, 0);
  EXPECT_TRUE(Has(TempDir::Read(data), "{\"conversion\":{\"input\"")) << TempDir::Read(data).substr(0, 200);
  EXPECT_EQ(convert(dir.Path("page.txt")).status, 1);
}

// What the runtime itself makes of a written file, where it is installed; its absence is told in one way.
TEST(ConvertToTflite, RunsInItsRuntime) {
  const TempDir dir;
  const std::string out = dir.Path("out.tflite"), ours = dir.Path("ours.npz"), theirs = dir.Path("theirs.npz");
  ASSERT_EQ(RunGodwit({"convert", kBundledModel, "-o", out, "--verify", "own"}).status, 0);
  const ProgramRun doctor = RunGodwit({"doctor", "--json"});
  const bool here = !Has(doctor.out, "\"litert\":null");
  const ProgramRun run = RunGodwit({"run", out, "--runtime", "litert", "-o", theirs});
  EXPECT_EQ(run.status, here ? 0 : 8) << run.err;
  EXPECT_EQ(RunGodwit({"bench", out, "--runtime", "own", "--runtime", "litert", "--iterations", "2"}).status,
            here ? 0 : 8);
  EXPECT_EQ(RunGodwit({"convert", kBundledModel, "-o", out, "--verify", "runtime"}).status, here ? 0 : 8);
  const ProgramRun sized = RunGodwit({"run", out, "--shape", "image=3,1,32,32", "--runtime", "litert"});
  EXPECT_EQ(sized.status, here ? 0 : 8) << sized.err;
  EXPECT_EQ(RunGodwit({"run", out, "--runtime", "litert", "--profile"}).status, 1);
}

TEST(ConvertToTflite, WhatATargetForbidsIsNamed) {
  const TempDir dir;
  const std::string out = dir.Path("out.tflite");
  const ProgramRun run = RunGodwit({"convert", kBundledModel, "-o", out, "--forbid", "CONV_2D"});
  EXPECT_EQ(run.status, 8);
  EXPECT_TRUE(Has(run.err, "CONV_2D")) << run.err;
  EXPECT_EQ(RunGodwit({"convert", kBundledModel, "-o", out, "--target", "tflite@1.0"}).status, 1);
  EXPECT_EQ(RunGodwit({"convert", kBundledModel, "-o", out, "--target", dir.Path("none.toml")}).status, 2);
}

TEST(CheckTargets, AMatrixOfOperatorsAndTargets) {
  const ProgramRun run =
      RunGodwit({"check", kBundledModel, "--target", "tflite@2.14,litert@2.1+xnnpack,onnx@11", "-v"});
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_TRUE(Has(run.out, "operator")) << run.out;
  EXPECT_TRUE(Has(run.out, "tflite@2.14: yes")) << run.out;
  EXPECT_TRUE(Has(run.out, "xnnpack takes ")) << run.out;
  const ProgramRun forbidden =
      RunGodwit({"check", kBundledModel, "--target", "tflite@2.14", "--forbid", "SOFTMAX", "--json"});
  EXPECT_TRUE(Has(forbidden.out, "\"target\":\"tflite@2.14\"")) << forbidden.out;
  EXPECT_EQ(RunGodwit({"check", kBundledModel, "--target", "abacus"}).status, 1);
}

TEST(SuiteThroughTflite, PassesAndCountsHow) {
  const ProgramRun run = RunGodwit({"suite", GODWIT_SOURCE_DIR "/examples", "--through", "tflite", "--verify", "own"});
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_TRUE(Has(run.out, "passed: 1 as they are")) << run.out;
  EXPECT_EQ(RunGodwit({"suite", GODWIT_SOURCE_DIR "/examples", "--through", "abacus"}).status, 1);
}

}  // namespace
}  // namespace godwit::testing
