// Every documented exit status, reached as a user reaches it, with the diagnostic that explains it.
#include <gtest/gtest.h>

#include <csignal>

#include "support/onnx_builder.h"
#include "tools/run_program.h"

namespace godwit::testing {
namespace {

std::string AddModel() {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2})
      .Node("Add", {"x", "x"}, {"y"}, {}, "", "twice")
      .Output("y", DataType::kFloat, {2});
  return OnnxModel(g);
}

struct Case {
  std::vector<std::string> words;
  int status;
  std::string says;
};
void Expect(const Case& c) {
  const ProgramRun run = RunGodwit(c.words);
  std::string line;
  for (const std::string& w : c.words) line += w + " ";
  EXPECT_EQ(run.status, c.status) << line << "\n" << run.err;
  EXPECT_TRUE(Has(run.err, c.says) || (c.status == 0 && Has(run.out, c.says))) << line << "\n" << run.err << run.out;
}

TEST(ExitStatus, DoneIsZero) {
  Expect({{"run", kBundledModel}, 0, "probability"});
  Expect({{"run", "-q", kBundledModel}, 0, ""});
  Expect({{"suite", GODWIT_SOURCE_DIR "/examples"}, 0, "passed, 0 failed"});
  Expect({{"bench", kBundledModel, "--iterations", "2", "--warmup=0", "--threads", "1"}, 0, "median"});
  Expect({{"--version"}, 0, "godwit "});
  Expect({{"--help"}, 0, "verbs:"});
  Expect({{"help", "run"}, 0, "usage: godwit run FILE"});
}

TEST(ExitStatus, WrongUseIsOne) {
  const TempDir dir;
  Expect({{}, 1, "usage: godwit VERB"});
  Expect({{"rum"}, 1, "did you mean `godwit run`?"});
  Expect({{"frobnicate"}, 1, "there is no verb 'frobnicate'"});
  Expect({{"run"}, 1, "`godwit run` needs FILE"});
  Expect({{"run", "--diag=json"}, 1, "\"id\":\"cli.usage\""});
  Expect({{"run", kBundledModel, kBundledModel}, 1, "one word too many"});
  Expect({{"run", kBundledModel, "--sampel", "x"}, 1, "did you mean --sample?"});
  Expect({{"run", kBundledModel, "--seed"}, 1, "--seed needs a value"});
  Expect({{"run", kBundledModel, "--profile=yes"}, 1, "takes no value"});
  Expect({{"run", kBundledModel, "--precision", "f65"}, 1, "did you mean --precision=f64?"});
  Expect({{"run", kBundledModel, "--allow", "onnx.opsett"}, 1, "did you mean onnx.opset?"});
  Expect({{"run", kBundledModel, "--limit", "node=1"}, 1, "there is no limit named 'node'"});
  Expect({{"run", kBundledModel, "--tap", "no such tensor"}, 1, "has no tensor named"});
  Expect({{"run", kBundledModel, "-o", dir.Path("out.txt")}, 1, "does not end in .npz"});
  Expect({{"run", kBundledModel, "--sample", "nothing=1"}, 1, "exec.input"});
  Expect({{"run", kBundledModel, "--shape", "nothing=1"}, 1, "its inputs are 'image'"});
  Expect({{"run", kBundledModel, "--shape", "image=1,32,32"}, 1, "exec.input"});
  Expect({{"explain", "gathr.c1x"}, 1, "nothing is known under"});
  Expect({{"list", "opps"}, 1, "did you mean `godwit list ops`?"});
  Expect({{"suite", dir.Path()}, 1, "no case to run"});
}

TEST(ExitStatus, FilesThatCannotBeReadOrWrittenAreTwo) {
  const TempDir dir;
  Expect({{"run", dir.Path("absent.onnx")}, 2, "file.open"});
  Expect({{"run", dir.Path()}, 2, "file.not_regular"});
  Expect({{"suite", dir.Path("absent")}, 2, "file.open"});
  Expect({{"run", kBundledModel, "-o", dir.Path("absent/out.npz")}, 2, "file.write"});
  Expect({{"run", kBundledModel, "--sample", "image=" + dir.Path("absent.npy")}, 2, "file.open"});
  EXPECT_EQ(RunGodwit({"list", "ops"}, 0, "/dev/full").status, 2);
}

TEST(ExitStatus, MalformedIsThree) {
  const TempDir dir;
  const std::string good = AddModel();
  Expect({{"run", dir.Write("html.onnx", "<!DOCTYPE html><html><body>not found")}, 3, "format.html"});
  Expect({{"run", dir.Write("lfs.onnx", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")},
          3,
          "git lfs pull"});
  Expect({{"run", dir.Write("empty.onnx", "")}, 3, "file.empty"});
  Expect({{"run", dir.Write("cut.onnx", good.substr(0, good.size() / 2))}, 3, "error["});
  Expect({{"run", dir.Write("noise.bin", "\x01\x02 some bytes of no format")}, 3, "format.unknown"});
}

TEST(ExitStatus, UnknownFeaturesAreFour) {
  const TempDir dir;
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2}).Output("y", DataType::kFloat, {2});
  g.Node("Frobnicate", {"x"}, {"a"}, {}, "", "first").Node("Frobnicate", {"a"}, {"y"}, {}, "", "second");
  const std::string path = dir.Write("unknown.onnx", OnnxModel(g));
  Expect({{"run", path}, 4, "2 nodes: Frobnicate"});
  Expect({{"run", path, "--diag=json"}, 4, "\"id\":\"onnx.op.unknown\""});
  Expect({{"run", dir.Write("weights.npz", TempDir::Read(GODWIT_SOURCE_DIR "/tests/formats/data/numpy.npz"))},
          4,
          "an archive of NumPy arrays"});
}

TEST(ExitStatus, LimitsAreFive) {
  const TempDir dir;
  const std::string path = dir.Write("add.onnx", AddModel());
  Expect({{"run", path, "--limit", "nodes=0"}, 5, "limit.exceeded"});
  Expect({{"run", path, "--limit", "nodes=0", "--diag", "json"}, 5, "\"exit\":5"});
}

TEST(ExitStatus, UnsafeReferencesAreSix) {
  const TempDir dir;
  ProtoBytes outside;
  outside.Int(1, 2).Int(2, 1).Bytes(8, "w");
  outside.Message(13, ProtoBytes().Bytes(1, "location").Bytes(2, "../../etc/passwd")).Int(14, 1);
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2}).InitTensor(outside).Node("Add", {"x", "w"}, {"y"});
  g.Output("y", DataType::kFloat, {2});
  Expect({{"run", dir.Write("unsafe.onnx", OnnxModel(g))}, 6, "onnx.external.unsafe"});
}

TEST(ExitStatus, DifferencesAreSeven) {
  const TempDir dir;
  dir.Write("case/model.onnx", AddModel());
  dir.Write("case/test_data_set_0/input_0.pb", OnnxTensor<float>("x", {2}, {1, 2}).str());
  dir.Write("case/test_data_set_0/output_0.pb", OnnxTensor<float>("y", {2}, {2, 5}).str());
  Expect({{"suite", dir.Path()}, 7, ""});
  EXPECT_TRUE(Has(RunGodwit({"suite", dir.Path()}).out, "0 passed, 1 failed"));
  EXPECT_TRUE(Has(RunGodwit({"suite", dir.Path(), "--markdown"}).out, "4 instead of 5"));
  EXPECT_TRUE(Has(RunGodwit({"suite", dir.Path(), "--json"}).out, "\"outcome\":\"wrong\""));
  EXPECT_EQ(RunGodwit({"suite", dir.Path(), "--rtol", "0.5"}).status, 0);
  EXPECT_EQ(RunGodwit({"suite", dir.Path(), "--rtol", "0.5", "--through", "onnx@11,onnx"}).status, 0);
  EXPECT_EQ(RunGodwit({"suite", dir.Path(), "--through", "moon@1"}).status, 1);
}

TEST(ExitStatus, NumbersThatAFormatCannotHoldAreRefused) {
  const TempDir dir;
  OnnxGraph g;
  g.Node("Add", {"x", "x"}, {"y"}).Input("x", DataType::kDouble, {1}).Output("y", DataType::kDouble, {1});
  dir.Write("case/model.onnx", OnnxModel(g));
  dir.Write("case/test_data_set_0/input_0.pb", OnnxTensor<double>("x", {1}, {1e300}).str());
  dir.Write("case/test_data_set_0/output_0.pb", OnnxTensor<double>("y", {1}, {2e300}).str());
  EXPECT_EQ(RunGodwit({"suite", dir.Path()}).status, 0);
  const ProgramRun run = RunGodwit({"suite", dir.Path(), "--through", "tflite"});
  EXPECT_EQ(run.status, 7);
  EXPECT_TRUE(Has(run.out, "beyond f32")) << run.out;
  EXPECT_TRUE(Has(run.out, "0 wrong")) << run.out;
}

TEST(ExitStatus, WhatATargetCannotRunIsEight) {
  const TempDir dir;
  OnnxGraph g;
  g.Node("StringNormalizer", {"x"}, {"y"}, {OnnxAttr("case_change_action", std::string("LOWER"))});
  g.Input("x", DataType::kString, {3}).Output("y", DataType::kString);
  const std::string model = dir.Write("m.onnx", OnnxModel(g));
  EXPECT_EQ(RunGodwit({"check", model, "--target", "onnx@17"}).status, 0);
  const ProgramRun run = RunGodwit({"check", model, "--target", "onnx@17,onnx@9"});
  EXPECT_EQ(run.status, 8);
  EXPECT_NE(run.out.find("onnx@17: yes"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("onnx@9: no"), std::string::npos) << run.out;
  EXPECT_NE(run.err.find("--opset 10"), std::string::npos) << run.err;
  EXPECT_EQ(RunGodwit({"check", model, "--target", "onnx@40"}).status, 1);
  EXPECT_EQ(RunGodwit({"check", model, "--target", "moon"}).status, 1);
  const ProgramRun json = RunGodwit({"check", model, "--json", "--target", "onnx@9"});
  EXPECT_NE(json.out.find("\"runs\":false"), std::string::npos) << json.out;
}

TEST(ExitStatus, InterruptionsLeaveNothing) {
  const TempDir dir;
  const std::vector<std::string> endless = {"bench", kBundledModel, "--iterations", "1000000"};
  EXPECT_EQ(RunGodwit(endless, SIGINT).status, 130);
  EXPECT_EQ(RunGodwit(endless, SIGTERM).status, 143);
}

TEST(ExitStatus, WarningsCountWhenStrict) {
  const TempDir dir;
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2}).Output("y", DataType::kFloat, {2});
  g.Node("Relu", {"a"}, {"y"}, {}, "", "late").Node("Abs", {"x"}, {"a"}, {}, "", "early");
  const std::string path = dir.Write("unsorted.onnx", OnnxModel(g));
  const ProgramRun plain = RunGodwit({"run", path});
  ASSERT_TRUE(Has(plain.err, "onnx.graph.unsorted")) << plain.err;
  EXPECT_EQ(plain.status, 0);
  EXPECT_EQ(RunGodwit({"run", path, "--strict"}).status, 3);
  EXPECT_EQ(RunGodwit({"run", path, "--strict", "--allow", "onnx.graph.unsorted"}).status, 0);
  EXPECT_EQ(RunGodwit({"run", path, "-q"}).err, "");
}

}  // namespace
}  // namespace godwit::testing
