// Models with one thing wrong each: the diagnostic that names it, and that the rest is still imported.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/mapped_file.h"
#include "exec/session.h"
#include "frontends/onnx/import.h"
#include "support/onnx_builder.h"

namespace godwit {
namespace {

using onnx::DataType;
using testing::OnnxAttr;
using testing::OnnxFunction;
using testing::OnnxGraph;
using testing::OnnxModel;
using testing::OnnxModelOptions;
using testing::OnnxType;

struct Imported {
  Result<Graph> graph;
  DiagSink sink;

  /// The first diagnostic of that id: reported, or returned instead of a graph.
  [[nodiscard]] const Diag* Find(std::string_view id) const {
    if (!graph.ok()) return graph.diag().id == id ? &graph.diag() : nullptr;
    const auto it = std::find_if(sink.all().begin(), sink.all().end(), [&](const Diag& d) { return d.id == id; });
    return it == sink.all().end() ? nullptr : &*it;
  }
  [[nodiscard]] std::string All() const {
    std::string out = graph.ok() ? "" : FormatDiag(graph.diag());
    for (const Diag& d : sink.all()) out += FormatDiag(d) + "\n";
    return out;
  }
};

Imported Import(const std::string& bytes, const from_onnx::ImportOptions& options = {}) {
  std::vector<std::byte> copy(bytes.size());
  std::memcpy(copy.data(), bytes.data(), bytes.size());
  DiagSink sink;
  auto graph = from_onnx::ImportModel(MappedFile::FromBytes(std::move(copy), "model.onnx"), options, &sink);
  return {std::move(graph), std::move(sink)};
}

/// A model x -> [the node] -> y, with x of two unknown dims unless stated.
OnnxGraph Around(std::string_view op, const std::vector<OnnxAttr>& attributes, const testing::OnnxNames& inputs = {"x"},
                 std::string_view domain = {}) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {"N", "C"}).Node(op, inputs, {"y"}, attributes, domain, "the_node");
  g.Output("y", DataType::kFloat);
  return g;
}

void Expect(const std::string& model, std::string_view id, Severity severity = Severity::kError) {
  const Imported got = Import(model);
  const Diag* diag = got.Find(id);
  ASSERT_NE(diag, nullptr) << "no " << id << " in:\n" << got.All();
  EXPECT_EQ(diag->severity, severity);
  EXPECT_FALSE(diag->what.empty());
}

TEST(OnnxDiagnostics, AttributeMissing) { Expect(OnnxModel(Around("Cast", {})), "onnx.attr.missing"); }

TEST(OnnxDiagnostics, AttributeOfAnotherType) {
  Expect(OnnxModel(Around("Softmax", {OnnxAttr("axis", "last")})), "onnx.attr.type");
}

TEST(OnnxDiagnostics, AttributeOutOfRange) {
  Expect(OnnxModel(Around("Cast", {OnnxAttr("to", 4711)})), "onnx.attr.value");
}

TEST(OnnxDiagnostics, AttributeNobodyReads) {
  Expect(OnnxModel(Around("Relu", {OnnxAttr("slope", 1.0F)})), "onnx.attr.unread", Severity::kWarning);
}

TEST(OnnxDiagnostics, InputMissing) {
  Expect(OnnxModel(Around("Relu", {}, {""})), "onnx.input.missing");
  Expect(OnnxModel(Around("Add", {}, {"x"})), "onnx.input.missing");
}

TEST(OnnxDiagnostics, OperatorOfALaterVersion) {
  Expect(OnnxModel(Around("Gelu", {}), {.opset = 13}), "onnx.op.unknown");
}

TEST(OnnxDiagnostics, OperatorThatNeverWas) {
  const Imported got = Import(OnnxModel(Around("Convolve", {})));
  const Diag* diag = got.Find("onnx.op.unknown");
  ASSERT_NE(diag, nullptr) << got.All();
  EXPECT_NE(diag->node.find("the_node"), std::string::npos);
  // The node stays visible, and the model's output with it.
  ASSERT_TRUE(got.graph.ok());
  EXPECT_EQ(got.graph->region(Graph::main()).nodes.size(), 1U);
  EXPECT_EQ(got.graph->output_names, std::vector<std::string>{"y"});
}

TEST(OnnxDiagnostics, OperatorThatIsRefused) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {1, 1, "H", "W"}).Node("GlobalLpPool", {"x"}, {"y"}, {OnnxAttr("p", 3)});
  g.Output("y", DataType::kFloat);
  Expect(OnnxModel(g), "onnx.op.unsupported");
}

TEST(OnnxDiagnostics, OperatorsOfForeignDomainsAreKept) {
  const Imported got = Import(OnnxModel(Around("Mystery", {OnnxAttr("level", 3)}, {"x"}, "org.example")));
  ASSERT_TRUE(got.graph.ok()) << got.All();
  EXPECT_FALSE(got.sink.has_errors()) << got.All();
  const Node& node = got.graph->node(got.graph->region(Graph::main()).nodes.at(0));
  EXPECT_EQ(node.op->name, "opaque");
  EXPECT_EQ(node.attrs.Int("attr.level"), 3);
}

TEST(OnnxDiagnostics, RankUnknown) {
  OnnxGraph g;
  g.Input("x", OnnxType(DataType::kFloat)).Node("GlobalLpPool", {"x"}, {"y"}, {OnnxAttr("p", 3)});
  g.Output("y", DataType::kFloat);
  Expect(OnnxModel(g), "onnx.rank.unknown");
}

TEST(OnnxDiagnostics, NameUndefined) { Expect(OnnxModel(Around("Relu", {}, {"nowhere"})), "onnx.graph.name"); }

TEST(OnnxDiagnostics, NameDefinedTwice) {
  OnnxGraph g = Around("Relu", {});
  g.Node("Neg", {"x"}, {"y"});
  Expect(OnnxModel(g), "onnx.graph.name");
}

TEST(OnnxDiagnostics, Cycle) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2}).Node("Add", {"x", "b"}, {"a"}).Node("Relu", {"a"}, {"b"});
  g.Output("b", DataType::kFloat);
  Expect(OnnxModel(g), "onnx.graph.cycle");
}

TEST(OnnxDiagnostics, UnsortedNodesAreSorted) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2}).Node("Relu", {"a"}, {"b"}).Node("Neg", {"x"}, {"a"});
  g.Output("b", DataType::kFloat);
  const Imported got = Import(OnnxModel(g));
  ASSERT_NE(got.Find("onnx.graph.unsorted"), nullptr) << got.All();
  EXPECT_FALSE(got.sink.has_errors()) << got.All();
}

TEST(OnnxDiagnostics, FunctionThatCallsItself) {
  OnnxFunction f("local", "Twice", {"a"}, {"b"});
  f.Opset("", 21).Opset("local", 1).Node("Twice", {"a"}, {"b"}, {}, "local");
  Expect(OnnxModel(Around("Twice", {}, {"x"}, "local"), {.other_opsets = {{"local", 1}}, .functions = {f}}),
         "onnx.function");
}

TEST(OnnxDiagnostics, CallThatDoesNotFit) {
  OnnxFunction f("local", "One", {"a"}, {"b"});
  f.Opset("", 21).Node("Relu", {"a"}, {"b"});
  Expect(OnnxModel(Around("One", {}, {"x", "x"}, "local"), {.other_opsets = {{"local", 1}}, .functions = {f}}),
         "onnx.function");
}

TEST(OnnxDiagnostics, FunctionsThatWriteOutToEndlesslyManyNodes) {
  constexpr int kLevels = 12;
  OnnxModelOptions options{.other_opsets = {{"local", 1}}};
  for (int level = 0; level < kLevels; ++level) {
    OnnxFunction f("local", "F" + std::to_string(level), {"a"}, {"b"});
    f.Opset("", 21).Opset("local", 1);
    for (int i = 0; i < 20; ++i) {
      const std::string result = i == 0 ? "b" : "b" + std::to_string(i);
      if (level + 1 == kLevels) {
        f.Node("Identity", {"a"}, {result});
      } else {
        f.Node("F" + std::to_string(level + 1), {"a"}, {result}, {}, "local");
      }
    }
    options.functions.push_back(f);
  }
  Expect(OnnxModel(Around("F0", {}, {"x"}, "local"), options), "limit.exceeded");
}

TEST(OnnxDiagnostics, OperatorSetOfTheFuture) { Expect(OnnxModel(Around("Relu", {}), {.opset = 4711}), "onnx.opset"); }

TEST(OnnxDiagnostics, TypeThatCannotBe) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {-7}).Node("Relu", {"x"}, {"y"}).Output("y", DataType::kFloat);
  Expect(OnnxModel(g), "onnx.type");
}

TEST(OnnxDiagnostics, StatedTypeThatContradicts) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2, 3}).Node("Relu", {"x"}, {"y"}).Output("y", DataType::kFloat, {2, 4});
  Expect(OnnxModel(g), "onnx.type.conflict", Severity::kWarning);
}

TEST(OnnxDiagnostics, ConstraintOfAnOperator) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2, 3}).Node("Transpose", {"x"}, {"y"}, {OnnxAttr("perm", {0, 0})});
  g.Output("y", DataType::kFloat);
  const Imported got = Import(OnnxModel(g));
  ASSERT_TRUE(got.sink.has_errors());
  // The failure carries the constraint's own id; its page is that of op.constraint.
  const DiagDef* page = FindDiag("op.constraint");
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(got.sink.exit(), page->exit) << got.All();
}

TEST(OnnxDiagnostics, AllProblemsAtOnce) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2}).Node("Foo", {"x"}, {"a"}).Node("Cast", {"a"}, {"b"}).Node("Bar", {"b"}, {"y"});
  g.Output("y", DataType::kFloat);
  EXPECT_EQ(Import(OnnxModel(g)).sink.error_count(), 3U);
}

Result<std::vector<RtValue>> RunWith(const Graph& graph, std::vector<RtValue> inputs) {
  Session session(graph, {});
  return session.Run(std::move(inputs));
}

TEST(RunDiagnostics, InputThatDoesNotFit) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2, 3}).Node("Relu", {"x"}, {"y"}).Output("y", DataType::kFloat);
  const Imported got = Import(OnnxModel(g));
  ASSERT_TRUE(got.graph.ok());
  for (const auto& inputs : {std::vector<RtValue>{}, std::vector<RtValue>{Tensor::F32({2}, {1, 2})},
                             std::vector<RtValue>{Tensor::I64({2, 3}, {1, 2, 3, 4, 5, 6})}}) {
    const auto out = RunWith(*got.graph, inputs);
    ASSERT_FALSE(out.ok());
    EXPECT_EQ(out.diag().id, "exec.input");
  }
}

TEST(RunDiagnostics, OpaqueOperatorsCannotRun) {
  const Imported got = Import(OnnxModel(Around("Mystery", {}, {"x"}, "org.example")));
  ASSERT_TRUE(got.graph.ok());
  const auto out = RunWith(*got.graph, {Tensor::F32({1, 2}, {1, 2})});
  ASSERT_FALSE(out.ok());
  EXPECT_EQ(out.diag().id, "exec.no_kernel");
}

}  // namespace
}  // namespace godwit
