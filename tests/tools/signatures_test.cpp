// TFLite models that can be entered in several ways.
#include <gtest/gtest.h>

#include "formats/tflite/parse.h"
#include "support/tflite_import.h"
#include "tools/run_program.h"

namespace godwit::testing {
namespace {

using T = tflite::TensorType;
using B = tflite::BuiltinOperator;
using Set = tflite::OptionsSetter;

// "negate" gives -x; "halve" gives x / 2 if that is above 1, by a branch, so that numbers of subgraphs matter.
std::string TwoEntries(const TempDir& dir) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {1, 4}), y = b.Add("y", T::kFloat32, {1, 4});
  b.Emit(B::kNeg, {x}, {y});
  b.Outputs({y});
  const int64_t then_body = b.AddSubgraph(), else_body = b.AddSubgraph(), halve = b.AddSubgraph();
  for (const int64_t body : {then_body, else_body}) {
    b.Select(body);
    const int32_t in = b.Input("in", T::kFloat32, {1, 4}), out = b.Add("out", T::kFloat32, {1, 4});
    b.Emit(body == then_body ? B::kAbs : B::kSquare, {in}, {out});
    b.Outputs({out});
  }
  b.Select(halve);
  const int32_t flag = b.Input("flag", T::kBool, {}), v = b.Input("v", T::kFloat32, {1, 4});
  const int32_t half = b.Add("half", T::kFloat32, {1, 4}), w = b.Add("w", T::kFloat32, {1, 4});
  const int32_t two = b.F32({1}, {0.5F});
  b.Emit(B::kMul, {v, two}, {half});
  b.Emit(B::kIf, {flag, half}, {w},
         [&](Set& s) { s.Int("then_subgraph_index", then_body).Int("else_subgraph_index", else_body); });
  b.Outputs({w});
  b.Signature("negate", {"x"}, {"y"}, 0);
  b.Signature("halve", {"flag", "v"}, {"w"}, halve);
  return dir.Write("two.tflite", b.Bytes());
}

TEST(Signatures, AllAreKept) {
  const TempDir dir;
  const std::string model = TwoEntries(dir), out = dir.Path("again.tflite");
  const ProgramRun run = RunGodwit({"convert", model, "-o", out, "--verify", "own", "-v"});
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(Has(run.out, "entered by 'halve': proved")) << run.out;
  const std::string bytes = TempDir::Read(out);
  const auto written = tflite::ParseModel(AsBytes(bytes), {});
  ASSERT_TRUE(written.ok());
  ASSERT_EQ(written->signature_defs.size(), 2U);
  EXPECT_EQ(written->signature_defs[0].key, "negate");
  EXPECT_EQ(written->signature_defs[1].key, "halve");
  EXPECT_EQ(written->signature_defs[1].inputs[1].name, "v");
  const std::string feed = "v=-4";
  for (const std::string& file : {model, out}) {
    const ProgramRun yes =
        RunGodwit({"run", file, "--signature", "halve", "--sample", feed, "--sample", "flag=1", "--json"});
    EXPECT_TRUE(Has(yes.out, R"("min":2,"max":2)")) << yes.out << yes.err;
    const ProgramRun no =
        RunGodwit({"run", file, "--signature", "halve", "--sample", feed, "--sample", "flag=0", "--json"});
    EXPECT_TRUE(Has(no.out, R"("min":4,"max":4)")) << no.out << no.err;
  }
}

TEST(Signatures, OneCanBeChosen) {
  const TempDir dir;
  const std::string model = TwoEntries(dir), out = dir.Path("halve.tflite"), onnx = dir.Path("halve.onnx");
  for (const std::string& file : {out, onnx}) {
    const ProgramRun run = RunGodwit({"convert", model, "-o", file, "--signature", "halve", "--verify", "own"});
    ASSERT_EQ(run.status, 0) << run.err;
    EXPECT_FALSE(Has(run.err, "tflite.signature")) << run.err;
    EXPECT_TRUE(Has(RunGodwit({"inspect", file}).out, "flag")) << run.out;
  }
  const ProgramRun unknown = RunGodwit({"inspect", model, "--signature", "third"});
  EXPECT_EQ(unknown.status, 1);
  EXPECT_TRUE(Has(unknown.err, "'negate', 'halve'")) << unknown.err;
  EXPECT_EQ(RunGodwit({"inspect", kBundledModel, "--signature", "main"}).status, 1);
}

TEST(Signatures, WhatIsLeftOutIsSaid) {
  const TempDir dir;
  const std::string model = TwoEntries(dir);
  const ProgramRun other = RunGodwit({"convert", model, "-o", dir.Path("one.onnx"), "--verify", "own"});
  EXPECT_EQ(other.status, 0);
  EXPECT_TRUE(Has(other.err, "halve, which is left out")) << other.err;
  const ProgramRun shown = RunGodwit({"inspect", model});
  EXPECT_TRUE(Has(shown.err, "--signature NAME reads that one")) << shown.err;
}

}  // namespace
}  // namespace godwit::testing
