// `godwit simplify` as a user meets it: what it writes, what it says, and what is left when it refuses.
#include <gtest/gtest.h>

#include <filesystem>

#include "support/onnx_builder.h"
#include "tools/run_program.h"

namespace godwit::testing {
namespace {

// y = Relu(x * 1 + 0), by way of an identity.
std::string PaddedModel() {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2, 3})
      .Init<float>("one", {}, {1.0F})
      .Node("Identity", {"x"}, {"a"})
      .Node("Mul", {"a", "one"}, {"b"})
      .Node("Relu", {"b"}, {"y"})
      .Output("y", DataType::kFloat, {2, 3});
  return OnnxModel(g);
}

TEST(SimplifyVerb, WritesFewerNodesAndProvesThem) {
  const TempDir dir;
  const std::string in = dir.Write("in.onnx", PaddedModel()), out = dir.Path("out.onnx");
  const ProgramRun run = RunGodwit({"simplify", in, "-o", out, "--verify", "own"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(Has(run.out, "3 -> 1 nodes")) << run.out;
  EXPECT_TRUE(Has(run.out, "proof: ")) << run.out;
  EXPECT_EQ(RunGodwit({"check", out}).status, 0);
  EXPECT_EQ(TempDir::Read(in), PaddedModel());
}

TEST(SimplifyVerb, SameBytesEveryTimeAndOnceMore) {
  const TempDir dir;
  const std::string a = dir.Path("a.onnx"), b = dir.Path("b.onnx"), c = dir.Path("c.onnx");
  EXPECT_EQ(RunGodwit({"simplify", kBundledModel, "-o", a, "--verify=off"}).status, 0);
  EXPECT_EQ(RunGodwit({"simplify", kBundledModel, "-o", b, "--verify=off", "--threads", "2"}).status, 0);
  EXPECT_EQ(RunGodwit({"simplify", a, "-o", c, "--verify=off"}).status, 0);
  EXPECT_EQ(TempDir::Read(a), TempDir::Read(b));
  EXPECT_EQ(TempDir::Read(a), TempDir::Read(c));
}

TEST(SimplifyVerb, LevelsRulesAndLimits) {
  const TempDir dir;
  const std::string in = dir.Write("in.onnx", PaddedModel()), out = dir.Path("out.onnx");
  const auto says = [&](std::vector<std::string> more, const char* part) {
    std::vector<std::string> words = {"simplify", in, "-o", out, "--verify=own"};
    words.insert(words.end(), more.begin(), more.end());
    const ProgramRun run = RunGodwit(words);
    EXPECT_EQ(run.status, 0) << run.err;
    EXPECT_TRUE(Has(run.out, part)) << part << "\n" << run.out;
  };
  says({"-O0"}, "nodes");
  says({"--rewrite-limit", "1"}, "stopped after 1 rewrites");
  says({"-v"}, "rewrites");
  says({"--print-ir-after", "all"}, "// after ");
  says({"--json"}, "\"nodes_after\":1");
  says({"--rename", "y=scores", "--opset", "13"}, "opset 13");
  EXPECT_TRUE(Has(RunGodwit({"inspect", out}).out, "scores"));
}

TEST(SimplifyVerb, EdgesCanBeMoved) {
  const TempDir dir;
  const std::string in = dir.Write("in.onnx", PaddedModel()), out = dir.Path("out.onnx");
  EXPECT_EQ(RunGodwit({"simplify", in, "-o", out, "--cut-out", "b"}).status, 0);
  EXPECT_TRUE(Has(RunGodwit({"inspect", out}).out, "b"));
  const ProgramRun bound = RunGodwit({"simplify", in, "-o", out, "--bind", "x=2", "--verify", "own"});
  EXPECT_EQ(bound.status, 0) << bound.err;
  EXPECT_TRUE(Has(bound.out, "vacuous") || Has(bound.out, "could not")) << bound.out;
  EXPECT_EQ(RunGodwit({"simplify", in, "-o", out, "--bind", "z=2"}).status, 1);
  EXPECT_EQ(RunGodwit({"simplify", in, "-o", out, "--cut-in", "nothing"}).status, 1);
}

TEST(SimplifyVerb, PinsDimsAndProvesOnRealSamples) {
  const TempDir dir;
  const std::string out = dir.Path("out.onnx");
  const ProgramRun pinned = RunGodwit({"simplify", kBundledModel, "-o", out, "--dim", "N=2", "--verify=own"});
  EXPECT_EQ(pinned.status, 0) << pinned.err;
  EXPECT_FALSE(Has(pinned.out, "dynamic:")) << pinned.out;
  EXPECT_TRUE(Has(RunGodwit({"inspect", out}).out, "f32[2,1,32,32]"));
  EXPECT_EQ(RunGodwit({"simplify", kBundledModel, "-o", out, "--dim", "Q=2"}).status, 1);
  const ProgramRun real = RunGodwit({"simplify", kBundledModel, "-o", out, "--verify=own", "--data",
                                     GODWIT_SOURCE_DIR "/examples/shapes/test_data_set_0/input_0.pb"});
  EXPECT_EQ(real.status, 0) << real.err;
  EXPECT_EQ(RunGodwit({"simplify", kBundledModel, "-o", out, "--data", "/nowhere"}).status, 2);
}

TEST(SimplifyVerb, WeightsBesideTheModel) {
  const TempDir dir;
  OnnxGraph g;
  std::vector<float> weights(64 * 64);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i % 23) * 0.1F - 1.0F;
  g.Input("x", DataType::kFloat, {1, 64})
      .Init<float>("w", {64, 64}, weights)
      .Node("MatMul", {"x", "w"}, {"y"})
      .Output("y", DataType::kFloat, {1, 64});
  const std::string in = dir.Write("in.onnx", OnnxModel(g)), out = dir.Path("out.onnx");
  const ProgramRun run = RunGodwit({"simplify", in, "-o", out, "--external-data", "--verify=own"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(Has(run.out, "proof: the written model gives the same")) << run.out;
  EXPECT_EQ(std::filesystem::file_size(out + ".data"), weights.size() * sizeof(float));
  EXPECT_LT(std::filesystem::file_size(out), 1000U);
  // And back into one file; the second file of the source is an input that must not be overwritten.
  EXPECT_EQ(RunGodwit({"simplify", out, "-o", dir.Path("one.onnx"), "--verify=own"}).status, 0);
  EXPECT_GT(std::filesystem::file_size(dir.Path("one.onnx")), weights.size() * sizeof(float));
  EXPECT_EQ(RunGodwit({"simplify", out, "-o", out + ".data"}).status, 1);
}

TEST(SimplifyVerb, RefusesWithoutLeavingAnything) {
  const TempDir dir;
  const std::string in = dir.Write("in.onnx", PaddedModel()), out = dir.Path("out.onnx");
  const auto refuses = [&](std::vector<std::string> words, int status, const char* part) {
    words.insert(words.begin(), "simplify");
    const ProgramRun run = RunGodwit(words);
    EXPECT_EQ(run.status, status) << run.err;
    EXPECT_TRUE(Has(run.err, part)) << part << "\n" << run.err;
  };
  refuses({in}, 1, "no output is named");
  refuses({in, "-o", in}, 1, "same file");
  refuses({in, "-o", out, "--opset", "6"}, 1, "--opset");
  refuses({in, "-o", out, "--rule", "no-such-rule=off"}, 1, "rewrite.rule");
  refuses({in, "-o", out, "--rule", "identity"}, 1, "NAME=on");
  refuses({in, "-o", out, "--print-ir-after", "lunch"}, 1, "is no stage");
  refuses({in, "-o", out, "--tolerance", "rel"}, 1, "--tolerance");
  refuses({in, "-o", out, "--rename", "x"}, 1, "OLD=NEW");
  refuses({in, "-o", dir.Path("none/out.onnx")}, 2, "file.write");
  EXPECT_EQ(RunGodwit({"simplify", in, "--dry-run"}).status, 0);
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir.Path(""))) ++files;
  EXPECT_EQ(files, 1U);
  EXPECT_EQ(TempDir::Read(in), PaddedModel());
}

}  // namespace
}  // namespace godwit::testing
