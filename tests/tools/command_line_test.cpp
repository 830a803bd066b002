// What the table of verbs is in other hands: completion, the manual page; and the options that every verb takes.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "support/onnx_builder.h"
#include "tools/completion.h"
#include "tools/problems.h"
#include "tools/run_program.h"
#include "tools/verbs.h"

namespace godwit::testing {
namespace {

// What bash offers for the last of these words.
std::string Offered(const TempDir& dir, const std::string& words) {
  const std::string script = dir.Write("completion.bash", tools::BashCompletion());
  const std::string command = "bash -c '. " + script + "; COMP_WORDS=(" + words +
                              "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _godwit; echo \"${COMPREPLY[*]}\"'";
  std::FILE* pipe = popen(command.c_str(), "r");
  EXPECT_NE(pipe, nullptr);
  std::string out;
  std::array<char, 256> part{};
  while (pipe != nullptr && std::fgets(part.data(), part.size(), pipe) != nullptr) out += part.data();
  EXPECT_EQ(pipe != nullptr ? pclose(pipe) : -1, 0);
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

TEST(Completion, BashOffersVerbsOptionsAndValues) {
  const TempDir dir;
  EXPECT_EQ(Offered(dir, "godwit ru"), "run");
  EXPECT_EQ(Offered(dir, "godwit help insp"), "inspect");
  EXPECT_EQ(Offered(dir, "godwit run --prec"), "--precision");
  EXPECT_EQ(Offered(dir, "godwit run --precision f6"), "f64");
  EXPECT_EQ(Offered(dir, "godwit run --precision = f6"), "f64");
  EXPECT_EQ(Offered(dir, "godwit -q check --diag \"\""), "text json");
  EXPECT_EQ(Offered(dir, "godwit list li"), "limits");
  EXPECT_EQ(Offered(dir, "godwit completion \"\""), "bash zsh fish");
  EXPECT_EQ(Offered(dir, "godwit inspect " + dir.Path("compl")), dir.Path("completion.bash"));
}

TEST(Completion, EveryOptionOfEveryVerbIsInEveryForm) {
  const std::string bash = tools::BashCompletion(), zsh = tools::ZshCompletion(), fish = tools::FishCompletion();
  for (const tools::Verb* verb : tools::AllVerbs()) {
    const std::string name(verb->name);
    EXPECT_TRUE(Has(zsh, "    " + name + ")\n      _arguments")) << name;
    EXPECT_TRUE(Has(fish, "-a " + name + " -d ")) << name;
    for (const tools::Option* o : tools::OptionsOf(*verb)) {
      EXPECT_TRUE(Has(bash, std::string(o->name) + " ") || Has(bash, std::string(o->name) + "'")) << o->name;
      EXPECT_TRUE(Has(zsh, std::string(o->name) + (o->kind == tools::OptionKind::kFlag ? "[" : "=["))) << o->name;
      EXPECT_TRUE(Has(fish, "-l " + std::string(o->name.substr(2)) + " ")) << o->name;
    }
  }
  EXPECT_EQ(RunGodwit({"completion", "bash"}).out, bash);
  EXPECT_EQ(RunGodwit({"completion", "zsh"}).out, zsh);
  EXPECT_EQ(RunGodwit({"completion", "fish"}).out, fish);
  EXPECT_EQ(RunGodwit({"completion", "csh"}).status, 1);
}

TEST(ManPage, IsTheOneInTheDocumentation) {
  const std::string page = tools::ManPage();
  EXPECT_EQ(page, TempDir::Read(GODWIT_SOURCE_DIR "/docs/generated/godwit.1")) << "run `make docs`";
  EXPECT_EQ(RunGodwit({"list", "commands", "--man"}).out, page);
  EXPECT_EQ(RunGodwit({"list", "ops", "--man"}).status, 1);
  for (const tools::Verb* verb : tools::AllVerbs()) {
    EXPECT_TRUE(Has(page, ".SS \"godwit " + std::string(verb->name))) << verb->name;
  }
}

std::string Unsorted(const TempDir& dir) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2}).Output("y", DataType::kFloat, {2});
  g.Node("Relu", {"a"}, {"y"}).Node("Abs", {"x"}, {"a"});
  return dir.Write("unsorted.onnx", OnnxModel(g));
}

TEST(CommonOptions, EveryVerbTakesThem) {
  for (const tools::Verb* verb : tools::AllVerbs()) {
    const auto options = tools::OptionsOf(*verb);
    for (const char* name : {"--quiet", "--verbose", "--color", "--progress", "--help"}) {
      const auto count =
          std::count_if(options.begin(), options.end(), [&](const tools::Option* o) { return o->name == name; });
      EXPECT_EQ(count, 1) << verb->name << " " << name;
    }
  }
}

TEST(CommonOptions, ColourWhereItIsAskedFor) {
  const TempDir dir;
  const std::string model = Unsorted(dir);
  EXPECT_TRUE(Has(RunGodwit({"run", model, "--color=always"}).err, "\x1B[1;33mwarning[onnx.graph.unsorted]\x1B[0m"));
  EXPECT_FALSE(Has(RunGodwit({"run", model}).err, "\x1B"));
  EXPECT_FALSE(Has(RunGodwit({"run", model, "--color", "always", "--diag=json"}).err, "\x1B"));
  EXPECT_EQ(tools::Coloured("plain\n  hint: this\n"), "plain\n\x1B[32m  hint:\x1B[0m this\n");
}

TEST(CommonOptions, ProgressShowsAndGoes) {
  const std::vector<std::string> endless = {"bench", kBundledModel, "--iterations", "1000000", "--progress", "always"};
  const ProgramRun run = RunGodwit(endless, SIGINT);
  EXPECT_EQ(run.status, 130);
  EXPECT_TRUE(Has(run.err, "timing")) << run.err;
  EXPECT_TRUE(run.err.ends_with("\r\x1B[K")) << run.err;
  // What is soon done shows none, and neither does what is no terminal.
  EXPECT_EQ(RunGodwit({"list", "limits", "--progress=always"}).err, "");
  EXPECT_EQ(RunGodwit({"bench", kBundledModel, "--iterations", "1000000"}, SIGINT).err, "");
}

TEST(CommonOptions, VerboseNamesEverything) {
  const TempDir dir;
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2}).Output("y6", DataType::kFloat, {2});
  for (int i = 0; i < 7; ++i) {
    const std::string n = std::to_string(i);
    g.Node("Frobnicate", {i == 0 ? "x" : "y" + std::to_string(i - 1)}, {"y" + n}, {}, "", "node_" + n);
  }
  const std::string model = dir.Write("unknown.onnx", OnnxModel(g));
  EXPECT_TRUE(Has(RunGodwit({"check", model}).err, "and 3 more"));
  EXPECT_TRUE(Has(RunGodwit({"check", model, "-v"}).err, "node_6"));
  EXPECT_TRUE(Has(RunGodwit({"run", kBundledModel, "-v"}).err, "planned in"));
}

std::string Dynamic(const TempDir& dir) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {"N", "H"}).Input("k", DataType::kInt64, {1});
  g.Node("ReduceSum", {"x", "k"}, {"y"}, {OnnxAttr("keepdims", 0)}).Output("y", DataType::kFloat);
  return dir.Write("dynamic.onnx", OnnxModel(g));
}

TEST(Dims, AreFixedOrBounded) {
  const TempDir dir;
  const std::string model = Dynamic(dir);
  const auto said = [&](std::vector<std::string> more, const char* verb = "run") {
    std::vector<std::string> words = {verb, model, "--json", "--bind", "k=1"};
    words.insert(words.end(), more.begin(), more.end());
    const ProgramRun run = RunGodwit(words);
    return run.status == 0 ? run.out : run.err;
  };
  EXPECT_TRUE(Has(said({"--dim", "N=3"}), "\"shape\":[3]"));
  EXPECT_TRUE(Has(said({"--dim", "N=2:5:9", "--dim=H=4"}), "\"shape\":[5]"));
  EXPECT_TRUE(Has(said({"--dim", "N=3"}, "inspect"), "f32[3,H]")) << said({"--dim", "N=3"}, "inspect");
  EXPECT_TRUE(Has(said({"--dim", "W=3"}), "named dims are 'H', 'N'"));
  EXPECT_TRUE(Has(said({"--dim", "N=3:2:1"}), "does not rise"));
  EXPECT_TRUE(Has(said({"--dim", "N=1:2"}), "neither one size nor three"));
  EXPECT_TRUE(Has(said({"--dim", "N=x"}), "no size"));
  EXPECT_TRUE(Has(said({"--dim", "N"}), "NAME=SIZE"));
  const std::string out = dir.Path("three.npz");
  ASSERT_EQ(RunGodwit({"run", model, "--bind", "k=1", "--shape", "x=3,2", "--tap", "x", "-o", out}).status, 0);
  EXPECT_TRUE(Has(said({"--dim", "N=4:5:9", "--sample", "x=" + out}), "outside of 4 to 9"));
}

TEST(Bind, AnInputBecomesAConstant) {
  const TempDir dir;
  const std::string model = Dynamic(dir);
  EXPECT_TRUE(Has(RunGodwit({"inspect", model, "--json"}).out, "{\"name\":\"k\""));
  EXPECT_FALSE(Has(RunGodwit({"inspect", model, "--json", "--bind", "k=1"}).out, "{\"name\":\"k\""));
  EXPECT_EQ(RunGodwit({"check", model, "--bind", "k=1"}).status, 0);
  EXPECT_EQ(RunGodwit({"bench", model, "--bind", "k=1", "--iterations", "1"}).status, 0);
  EXPECT_EQ(RunGodwit({"run", model, "--bind", "none=1"}).status, 1);
  EXPECT_EQ(RunGodwit({"run", model, "--bind", "k=" + dir.Path("absent.npy")}).status, 2);
}

}  // namespace
}  // namespace godwit::testing
