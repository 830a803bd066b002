// What the verbs print: help, tables, JSON, written outputs.
#include "tools/verbs.h"

#include <gtest/gtest.h>

#include "base/mapped_file.h"
#include "formats/npy/npy.h"
#include "support/onnx_builder.h"
#include "tools/catalog.h"
#include "tools/problems.h"
#include "tools/run_program.h"

namespace godwit::testing {
namespace {

// Whether brackets and quotes close: enough to catch text that no JSON reader takes.
bool IsBalancedJson(const std::string& text) {
  std::string open;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      open.push_back(c);
    } else if (c == '}' || c == ']') {
      if (open.empty() || open.back() != (c == '}' ? '{' : '[')) return false;
      open.pop_back();
    } else if (c == 'n' && text.compare(i, 3, "nan") == 0) {
      return false;
    }
  }
  return open.empty() && !quoted;
}

TEST(Verbs, CommandPageShowsTheHelpOfEach) {
  const std::string page = TempDir::Read(GODWIT_SOURCE_DIR "/docs/generated/commands.md");
  for (const tools::Verb* verb : tools::AllVerbs()) {
    const std::string help = tools::HelpText(*verb);
    EXPECT_TRUE(Has(page, help)) << "run `make docs`: " << help;
    EXPECT_EQ(RunGodwit({std::string(verb->name), "--help"}).out, help);
    EXPECT_TRUE(help.starts_with("usage: godwit " + std::string(verb->name)));
    EXPECT_TRUE(verb->example.starts_with("godwit " + std::string(verb->name))) << verb->name;
    EXPECT_TRUE(Has(RunGodwit({"--help"}).out, verb->summary));
  }
}

TEST(Verbs, ExamplesWork) {
  for (const tools::Verb* verb : tools::AllVerbs()) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : std::string(verb->example).substr(7) + " ") {
      if (c != ' ') {
        word += c;
        continue;
      }
      words.push_back(word.starts_with("examples") ? GODWIT_SOURCE_DIR "/" + word : word);
      word.clear();
    }
    const TempDir dir;
    for (size_t i = 1; i < words.size(); ++i) {
      // What the example writes goes elsewhere.
      if (words[i - 1] == "-o" || words[i - 1] == "--graph") words[i] = dir.Path(words[i]);
    }
    const ProgramRun run = RunGodwit(words);
    EXPECT_EQ(run.status, 0) << verb->example << "\n" << run.err;
  }
}

TEST(Verbs, TablesInAllThreeForms) {
  for (const tools::Catalog& c : tools::AllCatalogs()) {
    EXPECT_FALSE(c.text().empty()) << c.name;
    EXPECT_TRUE(IsBalancedJson(c.json())) << c.json().substr(0, 400);
    EXPECT_TRUE(c.json().starts_with("[{\"")) << c.name;
    EXPECT_FALSE(c.markdown().empty()) << c.name;
    EXPECT_TRUE(
        RunGodwit({"list", std::string(c.name), "--markdown"}).out.starts_with("<!-- Written by `make docs`. -->"));
  }
}

TEST(Verbs, ExplainKnowsEveryKindOfId) {
  EXPECT_TRUE(Has(RunGodwit({"explain", "format.html"}).out, "exit status 3"));
  EXPECT_TRUE(Has(RunGodwit({"explain", "gather"}).out, "gather.c1"));
  EXPECT_TRUE(Has(RunGodwit({"explain", "gather.c2"}).out, "-dim <= index < dim"));
  EXPECT_TRUE(Has(RunGodwit({"explain", "zip-ratio"}).out, "default 100"));
  EXPECT_TRUE(Has(RunGodwit({"explain", "Conv"}).out, "an operator of ONNX"));
  EXPECT_TRUE(Has(RunGodwit({"explain", "CONV_2D"}).out, "an operator of TFLite"));
  EXPECT_TRUE(Has(RunGodwit({"explain", "CONV_2D"}).out, "xnnpack takes over"));
  EXPECT_TRUE(Has(RunGodwit({"explain", "litert@2.1+xnnpack"}).out, "a target, written as TFLite"));
  EXPECT_TRUE(Has(RunGodwit({"explain", "onnx@17"}).out, "operator set 17"));
  EXPECT_TRUE(Has(RunGodwit({"list", "targets"}).out, "tflite@2.14"));
  EXPECT_TRUE(Has(RunGodwit({"explain", "merge-constants"}).out, "a rule of simplification"));
  EXPECT_TRUE(Has(RunGodwit({"explain", "run"}).out, "usage: godwit run"));
  for (const DiagDef& d : AllDiags()) EXPECT_FALSE(d.page.empty()) << d.id;
}

TEST(Verbs, DoctorReports) {
  const ProgramRun run = RunGodwit({"doctor", "--json"});
  EXPECT_EQ(run.status, 0);
  EXPECT_TRUE(IsBalancedJson(run.out)) << run.out;
  for (const char* key : {"\"version\"", "\"compiler\"", "\"simd\"", "\"onnxruntime\"", "\"litert\""}) {
    EXPECT_TRUE(Has(run.out, key)) << run.out;
  }
}

TEST(Run, WritesOutputsAndTapsUnderTheirNames) {
  const TempDir dir;
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {"N", 2}).Node("Neg", {"x"}, {"inner"}).Node("Abs", {"inner"}, {"a/b:0"});
  g.Output("a/b:0", DataType::kFloat, {"N", 2});
  const std::string model = dir.Write("m.onnx", OnnxModel(g)), out = dir.Path("out.npz");
  const ProgramRun run =
      RunGodwit({"run", model, "--shape", "x=3,2", "--sample", "x=-1.5", "--tap", "inner", "-o", out, "--json"});
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(IsBalancedJson(run.out)) << run.out;
  EXPECT_TRUE(Has(run.out, "\"name\":\"a/b:0\",\"type\":\"f32[3,2]\",\"dtype\":\"f32\",\"shape\":[3,2],\"min\":1.5,"))
      << run.out;
  const auto file = MappedFile::Open(out);
  ASSERT_TRUE(file.ok());
  const auto arrays = ReadNpz((*file)->bytes(), Limits{});
  ASSERT_TRUE(arrays.ok());
  ASSERT_EQ(arrays->size(), 2U);
  EXPECT_EQ((*arrays)[0].name, "a/b:0");
  EXPECT_EQ((*arrays)[1].name, "inner");
  EXPECT_EQ((*arrays)[0].array.shape, (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(LoadLe<float>((*arrays)[0].array.bytes.data()), 1.5F);
  // What was written can be fed again, and decides the size of the dim.
  const ProgramRun again = RunGodwit({"run", model, "--sample", "x=" + out, "--json"});
  EXPECT_EQ(again.status, 1);
  EXPECT_TRUE(Has(again.err, "no array named 'x'")) << again.err;
}

TEST(Run, AnOutputNeverReplacesAnInput) {
  const TempDir dir;
  const std::string copy = dir.Write("model.npz", TempDir::Read(kBundledModel));
  const ProgramRun run = RunGodwit({"run", copy, "-o", copy});
  EXPECT_NE(run.status, 0);
  EXPECT_EQ(TempDir::Read(copy), TempDir::Read(kBundledModel));
  EXPECT_EQ(dir.FileCount(), 1U);
}

TEST(Run, IndicesStayWithinTheAxisTheyPickFrom) {
  const TempDir dir;
  OnnxGraph g;
  g.Input("ids", DataType::kInt64, {64}).Init<float>("table", {3, 1}, {0.F, 1.F, 2.F});
  g.Node("Gather", {"table", "ids"}, {"y"}).Output("y", DataType::kFloat, {64, 1});
  const std::string model = dir.Write("m.onnx", OnnxModel(g));
  const ProgramRun run = RunGodwit({"run", model, "--json"});
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(Has(run.out, "\"min\":0,\"max\":2,")) << run.out;
  EXPECT_EQ(RunGodwit({"run", model, "--sample", "ids=0:5"}).status, 3) << "an index out of range is refused";
  EXPECT_EQ(RunGodwit({"run", model, "--sample", "ids=0.5"}).status, 1);
  EXPECT_EQ(RunGodwit({"run", model, "--sample", "ids=5:1"}).status, 1);
  EXPECT_EQ(RunGodwit({"run", model, "--sample", "ids=1e300"}).status, 1);
  EXPECT_EQ(RunGodwit({"run", model, "--sample", "ids=nan"}).status, 1);
}

TEST(Run, SeedsAndThreadsAreReproducible) {
  const TempDir dir;
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {1000}).Node("Neg", {"x"}, {"y"}).Output("y", DataType::kFloat, {1000});
  const std::string model = dir.Write("m.onnx", OnnxModel(g));
  const auto outputs = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {"run", model, "--json"};
    words.insert(words.end(), more.begin(), more.end());
    const std::string out = RunGodwit(words).out;
    return out.substr(out.find("\"outputs\""));
  };
  EXPECT_EQ(outputs({}), outputs({"--seed", "0", "--threads", "3"}));
  EXPECT_NE(outputs({}), outputs({"--seed", "8"}));
}

TEST(Run, ProfileNamesSourceNodes) {
  const ProgramRun run = RunGodwit({"run", kBundledModel, "--profile"});
  EXPECT_EQ(run.status, 0);
  EXPECT_TRUE(Has(run.out, "slowest steps")) << run.out;
  EXPECT_TRUE(IsBalancedJson(RunGodwit({"run", kBundledModel, "--profile", "--json"}).out));
}

TEST(Bench, OneObjectForOneFileAndAListForMore) {
  const ProgramRun one = RunGodwit({"bench", kBundledModel, "--iterations", "3", "--json"});
  EXPECT_TRUE(one.out.starts_with("{\"file\":")) << one.out;
  for (const char* key : {"\"median_ms\":", "\"p95_ms\":", "\"min_ms\":", "\"peak_bytes\":", "\"plan_ms\":",
                          "\"packed_bytes\":", "\"arena_bytes\":"}) {
    EXPECT_TRUE(Has(one.out, key)) << key;
  }
  const ProgramRun two = RunGodwit({"bench", kBundledModel, kBundledModel, "--iterations", "1", "--json"});
  EXPECT_TRUE(two.out.starts_with("[{\"file\":")) << two.out;
  EXPECT_TRUE(IsBalancedJson(two.out));
}

TEST(Options, HostileValuesAreRefused) {
  const std::vector<std::vector<std::string>> hostile = {
      {"--seed", "-1"},
      {"--seed", "99999999999999999999"},
      {"--threads", "1025"},
      {"--threads", "2.5"},
      {"--threads", ""},
      {"--shape", "image"},
      {"--shape", "image=1,,3"},
      {"--shape", "image=-1,1,32,32"},
      {"--shape", "image=1x,1,32,32"},
      {"--shape", "=1"},
      {"--sample", "image"},
      {"--sample", "image=3:1"},
      {"--sample", "image=0:inf"},
      {"--limit", "nodes"},
      {"--limit", "nodes=-3"},
      {"--limit", "nodes=9999999999999G"},
      {"--diag", "xml"},
      {"--seed", "1", "--seed", "2"},
      {"--nonsense\x1b[31m"},
      {"-z"},
  };
  for (const auto& words : hostile) {
    std::vector<std::string> all = {"run", kBundledModel};
    all.insert(all.end(), words.begin(), words.end());
    const ProgramRun run = RunGodwit(all);
    EXPECT_EQ(run.status, 1) << words[0] << " " << words.back() << "\n" << run.err;
    EXPECT_TRUE(Has(run.err, "error[")) << words[0];
    EXPECT_FALSE(Has(run.err, "\x1b")) << "control characters are escaped";
  }
}

TEST(Options, NearestFindsSlipsAndNothingElse) {
  const std::vector<std::string_view> words = {"--sample", "--shape", "--seed"};
  EXPECT_EQ(tools::Nearest("--sampel", words), "--sample");
  EXPECT_EQ(tools::Nearest("--sha", words), "--shape");
  EXPECT_EQ(tools::Nearest("--tolerance", words), "");
  EXPECT_EQ(tools::Nearest(std::string(100000, 'x'), words), "");
}

TEST(Problems, OfOneKindAreShownTogether) {
  std::vector<Diag> diags;
  for (int i = 0; i < 17; ++i) {
    Diag d = Diag(diag::kOnnxOpUnsupported, "Resize: mode=cubic with antialias").Node("resize_" + std::to_string(i));
    d.op_type = "Resize";
    diags.push_back(std::move(d));
  }
  const std::string text = tools::GroupedText(diags);
  EXPECT_TRUE(Has(text, "17 nodes: Resize: ")) << text;
  EXPECT_TRUE(Has(text, "resize_0, resize_1, resize_2, resize_3 and 13 more")) << text;
}

}  // namespace
}  // namespace godwit::testing
