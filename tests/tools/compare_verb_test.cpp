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
