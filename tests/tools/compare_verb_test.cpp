// godwit compare as a user runs it: exit statuses, texts, reports.
#include <gtest/gtest.h>

#include <fstream>

#include "support/import.h"
#include "tools/run_program.h"

namespace godwit::testing {
namespace {

std::string Written(const TempDir& dir, const std::string& name, float off, const char* op = "Tanh") {
  std::vector<float> w = Numbers(16, 2);
  w[3] += off;
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2, 4}).Init("w", {4, 4}, w);
  g.Node("MatMul", {"x", "w"}, {"h"}, {}, "", "product").Node(op, {"h"}, {"y"}).Output("y", DataType::kFloat);
  const std::string path = dir.Path(name);
  std::ofstream(path, std::ios::binary) << OnnxModel(g, {.opset = 17});
  return path;
}

TEST(CompareVerb, EqualModelsExitWithZero) {
  const TempDir dir;
  const std::string a = Written(dir, "a.onnx", 0), b = Written(dir, "b.onnx", 0);
  const ProgramRun run = RunGodwit({"compare", a, b, "--per-layer"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(Has(run.out, "equal to the last bit")) << run.out;
}

TEST(CompareVerb, ADifferenceExitsWithSevenAndNamesTheLayer) {
  const TempDir dir;
  const std::string a = Written(dir, "a.onnx", 0), b = Written(dir, "b.onnx", 0.2F);
  const ProgramRun run = RunGodwit({"compare", a, b});
  EXPECT_EQ(run.status, 7);
  EXPECT_TRUE(Has(run.err, "compare.differs")) << run.err;
  EXPECT_TRUE(Has(run.err, "product")) << run.err;
  EXPECT_TRUE(Has(run.out, "the first layer that departs: MatMul h")) << run.out;
  EXPECT_EQ(RunGodwit({"compare", a, b, "--tolerance", "rel=0.9"}).status, 0);
  EXPECT_EQ(RunGodwit({"compare", a, b, "--tolerance", "y:corr=0.9999999"}).status, 7);
  EXPECT_EQ(RunGodwit({"compare", a, b, "--tolerance", "rel"}).status, 1);
  EXPECT_EQ(RunGodwit({"compare", a}).status, 1);
  EXPECT_EQ(RunGodwit({"compare", a, dir.Path("nowhere.onnx")}).status, 2);
}

TEST(CompareVerb, VacuousAgreementIsAWarning) {
  const TempDir dir;
  const auto dead = [&](const std::string& name, float bias) {
    OnnxGraph g;
    g.Input("x", DataType::kFloat, {4}).Init("b", {1}, std::vector<float>{bias});
    g.Node("Add", {"x", "b"}, {"s"}).Node("Relu", {"s"}, {"y"}).Output("y", DataType::kFloat);
    std::ofstream(dir.Path(name), std::ios::binary) << OnnxModel(g, {.opset = 17});
    return dir.Path(name);
  };
  const std::string a = dead("a.onnx", -1000), b = dead("b.onnx", -2000);
  const ProgramRun run = RunGodwit({"compare", a, b});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(Has(run.err, "proof.vacuous")) << run.err;
  EXPECT_EQ(RunGodwit({"compare", a, b, "--strict"}).status, 7);
}

TEST(CompareVerb, WhatCannotBeRunIsSaid) {
  const TempDir dir;
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {4}).Node("Secret", {"x"}, {"s"}, {}, "vendor").Node("Relu", {"s"}, {"y"});
  g.Output("y", DataType::kFloat);
  std::ofstream(dir.Path("a.onnx"), std::ios::binary) << OnnxModel(g, {.opset = 17});
  const ProgramRun run = RunGodwit({"compare", dir.Path("a.onnx"), dir.Path("a.onnx")});
  EXPECT_EQ(run.status, 4) << run.err;
  EXPECT_TRUE(Has(run.err, "proof.not_run")) << run.err;
}

TEST(CompareVerb, BisectionNamesTheRewrite) {
  const TempDir dir;
  // Folding the scale into the weights moves the last bit, which no tolerance here allows.
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2, 4})
      .Init("w", {4, 4}, Numbers(16, 2))
      .Init("third", {1}, std::vector<float>{1.0F / 3});
  g.Init("zero", {1}, std::vector<float>{0});
  g.Node("Add", {"x", "zero"}, {"a"}).Node("Identity", {"a"}, {"i"}).Node("MatMul", {"i", "w"}, {"h"});
  g.Node("Mul", {"h", "third"}, {"y"}, {}, "", "scale").Output("y", DataType::kFloat);
  std::ofstream(dir.Path("m.onnx"), std::ios::binary) << OnnxModel(g, {.opset = 17});
  const ProgramRun good = RunGodwit({"compare", "--bisect", dir.Path("m.onnx")});
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_TRUE(Has(good.out, "rewrites departs")) << good.out;
  const ProgramRun bad = RunGodwit({"compare", "--bisect", dir.Path("m.onnx"), "--tolerance", "rel=0"});
  EXPECT_EQ(bad.status, 7) << bad.out;
  EXPECT_TRUE(Has(bad.err, "is the first after which results differ")) << bad.err;
  EXPECT_TRUE(Has(bad.err, "=off")) << bad.err;
  EXPECT_EQ(RunGodwit({"compare", "--bisect", dir.Path("m.onnx"), dir.Path("m.onnx")}).status, 1);
}

TEST(CompareVerb, RealSamples) {
  const TempDir dir;
  const std::string a = Written(dir, "a.onnx", 0);
  EXPECT_EQ(RunGodwit({"run", a, "--sample", "x=0:1", "-o", dir.Path("x.npz")}).status, 0);
  OnnxGraph g;
  g.Input("y", DataType::kFloat, {2, 4}).Node("Neg", {"y"}, {"z"}).Output("z", DataType::kFloat);
  std::ofstream(dir.Path("n.onnx"), std::ios::binary) << OnnxModel(g, {.opset = 17});
  EXPECT_EQ(RunGodwit({"compare", dir.Path("n.onnx"), dir.Path("n.onnx"), "--data", dir.Path("x.npz")}).status, 0);
  EXPECT_EQ(RunGodwit({"run", dir.Path("n.onnx"), "--data", dir.Path("x.npz")}).status, 0);
  EXPECT_EQ(RunGodwit({"bench", dir.Path("n.onnx"), "--data", dir.Path("x.npz"), "--iterations", "1"}).status, 0);
  EXPECT_EQ(RunGodwit({"compare", dir.Path("n.onnx"), dir.Path("n.onnx"), "--data", dir.Path("none")}).status, 2);
  EXPECT_EQ(RunGodwit({"run", a, "--mean", "red", "--data", dir.Path("x.npz")}).status, 1);
  EXPECT_EQ(RunGodwit({"run", dir.Path("n.onnx"), "--data", dir.Path("x.npz"), "-o", dir.Path("x.npz")}).status, 1);
}

TEST(CompareVerb, OtherRuntimesAreAskedForByName) {
  const ProgramRun absent = RunGodwit({"run", kBundledModel, "--runtime", "ort", "--runtime-lib", "/nowhere/lib.so"});
  EXPECT_EQ(absent.status, 8);
  EXPECT_TRUE(Has(absent.err, "runtime.library")) << absent.err;
  EXPECT_EQ(RunGodwit({"run", kBundledModel, "--runtime", "ort", "--profile"}).status, 1);
  EXPECT_EQ(RunGodwit({"bench", kBundledModel, "--runtime", "ort", "--runtime-lib", "/nowhere/lib.so"}).status, 8);
  const ProgramRun turns = RunGodwit({"bench", kBundledModel, kBundledModel, "--iterations", "5", "--json"});
  EXPECT_EQ(turns.status, 0);
  EXPECT_TRUE(Has(turns.out, "\"ratio_low\":")) << turns.out;
}

// Sizes and constants are stated for both; a model that was made with them is taken as it is.
TEST(CompareVerb, DimsAndConstantsAreStated) {
  const TempDir dir;
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {"N", 4}).Input("k", DataType::kFloat, {1});
  g.Node("Mul", {"x", "k"}, {"y"}).Output("y", DataType::kFloat);
  const std::string a = dir.Path("a.onnx"), b = dir.Path("b.onnx");
  std::ofstream(a, std::ios::binary) << OnnxModel(g, {.opset = 17});
  ASSERT_EQ(RunGodwit({"simplify", a, "-o", b, "--dim", "N=3", "--bind", "k=2"}).status, 0);
  EXPECT_EQ(RunGodwit({"compare", a, b}).status, 7);
  const ProgramRun run = RunGodwit({"compare", a, b, "--dim", "N=3", "--bind", "k=2", "--per-layer"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(Has(run.out, "1 layers compared")) << run.out;
  EXPECT_EQ(RunGodwit({"compare", a, b, "--dim", "N=3", "--bind", "k=3"}).status, 7);
  EXPECT_EQ(RunGodwit({"compare", a, b, "--dim", "M=3", "--bind", "k=2"}).status, 1);
  EXPECT_EQ(RunGodwit({"compare", a, b, "--bind", "k=2", "--runtime", "ort"}).status, 1);
}

TEST(CompareVerb, Reports) {
  const TempDir dir;
  const std::string a = Written(dir, "a.onnx", 0), b = Written(dir, "b.onnx", 0.2F);
  EXPECT_EQ(RunGodwit({"compare", a, b, "--report", dir.Path("r.html")}).status, 7);
  EXPECT_TRUE(Has(TempDir::Read(dir.Path("r.html")), "<script id=\"data\""));
  EXPECT_EQ(RunGodwit({"compare", a, b, "--report", dir.Path("r.json")}).status, 7);
  EXPECT_TRUE(TempDir::Read(dir.Path("r.json")).starts_with("{\"reference\":"));
  EXPECT_EQ(RunGodwit({"compare", a, b, "--report", dir.Path("r.txt")}).status, 1);
  EXPECT_EQ(RunGodwit({"compare", a, b, "--report", a}).status, 1);
  const ProgramRun json = RunGodwit({"compare", a, b, "--json"});
  EXPECT_TRUE(Has(json.out, "\"verdict\":\"differs\"")) << json.out;
}

}  // namespace
}  // namespace godwit::testing
