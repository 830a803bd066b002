// `godwit convert` as a user meets it: targets, folders, recipes, what is taken at the model's edge.
#include <gtest/gtest.h>

#include <filesystem>

#include "tools/run_program.h"

namespace godwit::testing {
namespace {

TEST(ConvertVerb, TheTargetAndTheNameAgree) {
  const TempDir dir;
  const std::string out = dir.Path("out.onnx");
  const ProgramRun run = RunGodwit({"convert", kBundledModel, "-o", out, "--target", "onnx@13", "--verify", "own"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(Has(run.out, "opset 13 (from opset 17)")) << run.out;
  EXPECT_TRUE(Has(run.out, "proof: ")) << run.out;
  const ProgramRun conflict = RunGodwit({"convert", kBundledModel, "-o", dir.Path("x.tflite"), "--target", "onnx"});
  EXPECT_EQ(conflict.status, 1);
  EXPECT_TRUE(Has(conflict.err, "is named as a TFLite model")) << conflict.err;
  EXPECT_EQ(RunGodwit({"convert", kBundledModel, "-o", out, "--target", "onnx@x"}).status, 1);
  EXPECT_EQ(RunGodwit({"convert", kBundledModel, "-o", out, "--target", "abacus"}).status, 1);
  EXPECT_EQ(RunGodwit({"convert", kBundledModel}).status, 1);
  EXPECT_EQ(RunGodwit({"convert", kBundledModel, "-o", kBundledModel}).status, 1);
}

TEST(ConvertVerb, SeveralModelsGoIntoAFolder) {
  const TempDir dir;
  const std::string twin = dir.Write("twin.onnx", TempDir::Read(kBundledModel)), into = dir.Path("made") + "/";
  const ProgramRun run =
      RunGodwit({"convert", kBundledModel, twin, "-o", into, "--target", "onnx", "--verify=off", "--json"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(Has(run.out, "[{\"input\"")) << run.out;
  EXPECT_TRUE(std::filesystem::exists(into + "model.onnx"));
  EXPECT_TRUE(std::filesystem::exists(into + "twin.onnx"));
  EXPECT_EQ(RunGodwit({"convert", kBundledModel, twin, "-o", into}).status, 1);
  EXPECT_EQ(RunGodwit({"convert", kBundledModel, twin, "-o", dir.Path("one.onnx")}).status, 1);
  EXPECT_EQ(RunGodwit({"convert", twin, twin, "-o", into, "--target", "onnx"}).status, 1);
}

TEST(ConvertVerb, ARecipeRepeatsARun) {
  const TempDir dir;
  const std::string a = dir.Path("a.onnx"), b = dir.Path("b.onnx"), job = dir.Path("job.toml");
  EXPECT_EQ(RunGodwit({"convert", kBundledModel, "-o", a, "--opset", "15", "--io-layout", "nhwc", "--verify=off",
                       "--shape", "image=2,1,32,32", "--save-recipe", job})
                .status,
            0);
  const ProgramRun again = RunGodwit({"convert", "--recipe", job, "-o", b});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(TempDir::Read(a), TempDir::Read(b));
  for (const char* bad : {"frobnicate = 1", "opset = ", "opset = [1, 2]", "dry-run = 1", "[part]\nopset = 12"}) {
    const ProgramRun run = RunGodwit({"convert", "--recipe", dir.Write("bad.toml", bad)});
    EXPECT_EQ(run.status, 1) << bad;
    EXPECT_TRUE(Has(run.err, "bad.toml")) << run.err;
  }
  EXPECT_EQ(RunGodwit({"convert", "--recipe", dir.Path("none.toml")}).status, 2);
}

TEST(ConvertVerb, TheEdgeIsAsItIsWanted) {
  const TempDir dir;
  const std::string out = dir.Path("out.onnx");
  const ProgramRun run = RunGodwit({"convert", kBundledModel, "-o", out, "--io-layout", "image=nhwc", "--preprocess",
                                    "image=u8,mean=127.5,scale=0.0078", "--verify", "own"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(Has(run.out, "gives the same")) << run.out;
  EXPECT_TRUE(Has(RunGodwit({"inspect", out}).out, "u8[N,32,32,1]"));
  EXPECT_EQ(RunGodwit({"convert", kBundledModel, "-o", out, "--io-layout", "sideways"}).status, 1);
  EXPECT_EQ(RunGodwit({"convert", kBundledModel, "-o", out, "--preprocess", "image=hsv"}).status, 1);
  EXPECT_EQ(RunGodwit({"convert", kBundledModel, "-o", out, "--io-layout", "none=nhwc"}).status, 1);
}

}  // namespace
}  // namespace godwit::testing
