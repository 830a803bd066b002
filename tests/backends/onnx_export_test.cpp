// What the ONNX writer keeps of a model, and what it says when it cannot write one.
#include "backends/onnx/export.h"

#include <gtest/gtest.h>

#include "backends/onnx/files.h"
#include "base/text.h"
#include "formats/onnx/write.h"
#include "frontends/onnx/import.h"
#include "ir/text.h"
#include "ops/ops.h"
#include "passes/fusion_policy.h"
#include "passes/simplify.h"
#include "support/import.h"
#include "support/temp_dir.h"

namespace godwit {
namespace {

using testing::ImportBuilt;
using testing::OnnxAttr;
using testing::OnnxGraph;
using testing::TempDir;

to_onnx::Exported Export(const Graph& graph, int opset, DiagSink* sink = nullptr) {
  DiagSink own;
  DiagSink* problems = sink != nullptr ? sink : &own;
  to_onnx::ExportOptions options;
  options.opset = opset;
  auto exported = to_onnx::ExportModel(graph, options, problems);
  EXPECT_TRUE(exported.ok()) << FormatDiag(exported.diag());
  if (sink == nullptr) {
    for (const Diag& d : own.all()) ADD_FAILURE() << FormatDiag(d);
  }
  return exported.ok() ? *std::move(exported) : to_onnx::Exported();
}

Graph Parsed(std::string_view text) {
  auto graph = ParseGraph(text, ops::Find);
  EXPECT_TRUE(graph.ok()) << FormatDiag(graph.diag());
  return graph.ok() ? *std::move(graph) : Graph();
}

std::string ProblemOf(std::string_view text, int opset) {
  const Graph graph = Parsed(text);
  DiagSink sink;
  Export(graph, opset, &sink);
  return sink.all().empty() ? "" : sink.all()[0].id;
}

TEST(OnnxExport, KeepsNames) {
  OnnxGraph g("net");
  g.Node("Conv", {"x", "w"}, {"h"}, {OnnxAttr("pads", {1, 1, 1, 1})});
  g.Node("Relu", {"h"}, {"y"});
  g.Init("w", {2, 1, 3, 3}, std::vector<float>(18, 0.5F));
  g.Input("x", onnx::DataType::kFloat, {"N", 1, "H", "W"}).Output("y", onnx::DataType::kFloat, {});
  const Graph graph = ImportBuilt(g);
  const to_onnx::Exported out = Export(graph, 17);
  const onnx::Graph& written = out.model.graph;
  EXPECT_EQ(written.name, "net");
  ASSERT_EQ(written.nodes.size(), 2U);
  EXPECT_EQ(written.nodes[0].outputs[0], "h");
  EXPECT_EQ(written.nodes[0].inputs[1], "w");
  EXPECT_EQ(written.inputs[0].name, "x");
  EXPECT_EQ(written.inputs[0].type->shape[0].param, "N");
  EXPECT_EQ(written.outputs[0].name, "y");
  EXPECT_EQ(written.value_infos[0].name, "h");
  EXPECT_EQ(written.initializers[0].name, "w");
  EXPECT_EQ(out.model.ir_version, 8);
  EXPECT_EQ(out.model.opset_imports[0].version, 17);
}

// What callers feed and fetch keeps its name, also where it is the same.
TEST(OnnxExport, AnInputMayBeAnOutput) {
  Graph graph = Parsed("graph {\n main (%x: f32[2]) {\n %y: f32[2] = relu(%x)\n yield(%y as y, %x as x)\n }\n}");
  const to_onnx::Exported one = Export(graph, 17);
  const onnx::Graph& same = one.model.graph;
  EXPECT_EQ(same.nodes.size(), 1U);
  EXPECT_EQ(same.inputs[0].name, "x");
  EXPECT_EQ(same.outputs[1].name, "x");
  graph.output_names = {"x", "z"};
  const to_onnx::Exported other = Export(graph, 17);
  const onnx::Graph& turned = other.model.graph;
  EXPECT_EQ(turned.nodes.size(), 2U);
  EXPECT_EQ(turned.inputs[0].name, "x_1");
  EXPECT_EQ(turned.outputs[0].name, "x");
}

// The scales of data and weights are found again in their product, and zero points that are all the same are one.
TEST(OnnxExport, ScaledIntegerProductsAreQLinear) {
  OnnxGraph g;
  g.Node("QuantizeLinear", {"x", "xs", "xz"}, {"q"});
  g.Node("QLinearConv", {"q", "xs", "xz", "w", "ws", "wz", "ys", "xz", "b"}, {"r"}, {OnnxAttr("pads", {1, 1, 1, 1})});
  g.Node("DequantizeLinear", {"r", "ys", "xz"}, {"y"});
  g.Init("xs", {}, std::vector<float>{0.013F}).Init("ys", {}, std::vector<float>{0.37F});
  g.Init("ws", {2}, std::vector<float>{0.0071F, 0.0039F}).Init("b", {2}, std::vector<int32_t>{100, -7});
  g.Init("xz", {}, std::vector<uint8_t>{3}).Init("wz", {2}, std::vector<int8_t>{0, 0});
  g.Init("w", {2, 1, 3, 3}, std::vector<int8_t>{1, -2, 3, 4, 5, -6, 7, 8, 9, -1, 2, 3, 4, -5, 6, 7, 8, -9});
  g.Input("x", onnx::DataType::kFloat, {1, 1, 4, 4}).Output("y", onnx::DataType::kFloat, {});
  Graph graph = ImportBuilt(g);
  SimplifyOptions options;
  options.rewrite.off = FusionsToLeave({.opset = 17});
  ASSERT_TRUE(Simplify(graph, options, nullptr).ok());
  const to_onnx::Exported out = Export(graph, 17);
  const onnx::Graph& written = out.model.graph;
  ASSERT_EQ(written.nodes.size(), 3U);
  EXPECT_EQ(written.nodes[1].op_type, "QLinearConv");
  ASSERT_EQ(written.nodes[1].inputs.size(), 9U);
  const auto dims = [&](size_t input) {
    for (const onnx::Tensor& t : written.initializers) {
      if (t.name == written.nodes[1].inputs[input]) return std::vector<int64_t>(t.dims.begin(), t.dims.end());
    }
    return std::vector<int64_t>{-1};
  };
  EXPECT_EQ(dims(1), std::vector<int64_t>());
  EXPECT_EQ(dims(4), std::vector<int64_t>{2});
  EXPECT_EQ(dims(5), std::vector<int64_t>());
  EXPECT_EQ(written.nodes[1].inputs[3], "w");
}

// Floats whose remainder has the divisor's sign: ONNX has the dividend's.
TEST(OnnxExport, RemaindersOfFloatsHaveEitherSign) {
  const Graph graph = Parsed(
      "graph {\n main (%x: f32[4], %y: f32[4]) {\n %a: f32[4] = mod(%x, %y)\n %b: f32[4] = mod(%x, %y, fmod=1)\n "
      "yield(%a as a, %b as b)\n }\n}");
  const to_onnx::Exported out = Export(graph, 13);
  ASSERT_EQ(out.model.graph.nodes.size(), 10U);
  EXPECT_EQ(out.model.graph.nodes[0].op_type, "Mod");
}

// Before opset 21 a block is a row of its own, and elements of 4 bits are bytes.
TEST(OnnxExport, BlocksAreRowsInOldFiles) {
  constexpr std::string_view kText = R"(graph {
    const %w: u4[2,4] = [1,2,3,4,5,6,7,8]
    const %s: f32[2,2] = [0.5,0.25,0.125,2.0]
    const %z: u4[2,2] = [8,7,6,5]
    main (%x: f32[3,4]) {
      %d: f32[2,4] = dequantize(%w, %s, %z, to=f32, axis=1, block=2)
      %y: f32[3,2] = matmul(%x, %d, transpose_b=1)
      yield(%y as y)
    }
  })";
  const to_onnx::Exported old = Export(Parsed(kText), 17);
  ASSERT_EQ(old.model.graph.nodes.size(), 4U);
  EXPECT_EQ(old.model.graph.nodes[0].op_type, "DequantizeLinear");
  EXPECT_EQ(old.model.graph.nodes[1].op_type, "Reshape");
  EXPECT_EQ(Export(Parsed(kText), 21).model.graph.nodes.size(), 3U);
}

TEST(OnnxExport, OldFilesHaveInitializersAsInputs) {
  OnnxGraph g;
  g.Node("Add", {"x", "w"}, {"y"});
  g.Init("w", {1}, std::vector<float>(1, 0.5F));
  g.Input("x", onnx::DataType::kFloat, {2}).Output("y", onnx::DataType::kFloat, {2});
  const Graph graph = ImportBuilt(g);
  EXPECT_EQ(Export(graph, 8).model.graph.inputs.size(), 2U);
  EXPECT_EQ(Export(graph, 8).model.ir_version, 3);
  EXPECT_EQ(Export(graph, 9).model.graph.inputs.size(), 1U);
}

TEST(OnnxExport, ResultsThatNoNodeMakesAreCopies) {
  const Graph graph = Parsed(R"(graph g {
    const %c: f32[1] = [2.0]
    main (%x: f32[2]) {
      %h: f32[2] = neg(%x)
      yield(%x as a, %c as b, %h as d, %h as e)
    }
  })");
  const to_onnx::Exported out = Export(graph, 17);
  EXPECT_EQ(out.model.graph.nodes.size(), 4U);
  EXPECT_EQ(out.model.graph.outputs[3].name, "e");
}

TEST(OnnxExport, SameBytesEachTime) {
  OnnxGraph g;
  g.Node("Softmax", {"x"}, {"s"}, {OnnxAttr("axis", 1)}).Node("ReduceSum", {"s", "axes"}, {"y"});
  g.Init("axes", {1}, std::vector<int64_t>(1, 2));
  g.Input("x", onnx::DataType::kFloat, {2, 3, 4}).Output("y", onnx::DataType::kFloat, {});
  const Graph graph = ImportBuilt(g);
  const to_onnx::Exported a = Export(graph, 11), b = Export(graph, 11);
  EXPECT_EQ(onnx::SerializeModel(a.model), onnx::SerializeModel(b.model));
}

TEST(OnnxExport, WeightsBesideTheModel) {
  OnnxGraph g;
  g.Node("Add", {"x", "w"}, {"y"}).Node("Add", {"y", "v"}, {"z"});
  g.Init("w", {3000}, std::vector<float>(3000, 0.5F)).Init("v", {1}, std::vector<float>(1, 2.0F));
  g.Input("x", onnx::DataType::kFloat, {3000}).Output("z", onnx::DataType::kFloat, {3000});
  const Graph graph = ImportBuilt(g);
  const to_onnx::Exported exported = Export(graph, 17);
  const TempDir dir;
  to_onnx::FileOptions options;
  options.weights = to_onnx::FileOptions::Weights::kBeside;
  auto files = to_onnx::WriteOnnxFiles(exported, dir.Path("m.onnx"), options);
  ASSERT_TRUE(files.ok()) << FormatDiag(files.diag());
  ASSERT_TRUE(files->Commit().ok());
  EXPECT_EQ(TempDir::Read(dir.Path("m.onnx.data")).size(), 12000U);
  const auto file = MappedFile::Open(dir.Path("m.onnx"));
  ASSERT_TRUE(file.ok());
  DiagSink sink;
  const auto back = from_onnx::ImportModel(*file, {}, &sink);
  ASSERT_TRUE(back.ok());
  EXPECT_FALSE(sink.has_errors());
  for (uint32_t i = 0; i < back->constant_count(); ++i) {
    const auto tensor = back->constant(ConstantId{i}).Load();
    ASSERT_TRUE(tensor.ok());
    EXPECT_EQ(tensor->data<float>()[0], tensor->size() == 1 ? 2.0F : 0.5F);
  }
}

std::string OneNode(std::string_view params, std::string_view node) {
  return Concat("graph g { main (", params, ") { ", node, " yield(%y as y) } }");
}

TEST(OnnxExport, SaysWhatCannotBeWritten) {
  EXPECT_EQ(ProblemOf(OneNode("%x: string[3]", "%y: string[*], %a: i64[*], %b: i64[*], %c: i64[*] = unique(%x)"), 9),
            "target.operator");
  EXPECT_EQ(ProblemOf(OneNode("%x: c64[3]", "%y: c64[3] = add(%x, %x)"), 17), "target.dtype");
  EXPECT_EQ(ProblemOf(OneNode("%x: f32[3], %p: i64[2]", "%y: f32[*] = pad(%x, %p)"), 9), "target.constant");
  EXPECT_EQ(ProblemOf(OneNode("%x: f32[*]", "%y: f32[*] = softmax(%x)"), 11), "target.rank");
  EXPECT_EQ(
      ProblemOf(OneNode("%x: f32[1,1,4,4], %s: i64[4]", "%y: f32[*] = resize(%x, %s, antialias=1, mode=\"linear\")"),
                17),
      "target.attribute");
  EXPECT_EQ(ProblemOf(OneNode("%x: f32[*], %w: f32[*]", "%y: f32[*] = conv(%x, %w, channel_axis=3)"), 17),
            "target.layout");
  EXPECT_EQ(ProblemOf(OneNode("%x: f32[3]", "%y: ? = opaque(%x, domain=\"\", op_type=\"Relu\", attr.k=1)"), 17),
            "target.signature");
  EXPECT_EQ(ProblemOf(OneNode("%x: f32[2,2]", "%y: f32[2,2] = inverse(%x)"), 17), "target.domain");
  to_onnx::ExportOptions options;
  options.opset = 28;
  DiagSink sink;
  const auto refused = to_onnx::ExportModel(Graph(), options, &sink);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.diag().id, "target.opset");
}

TEST(OnnxExport, ReportsAllProblemsWithSourceNames) {
  OnnxGraph g;
  g.Node("Unique", {"x"}, {"u"}).Node("Unique", {"u"}, {"y"});
  g.Input("x", onnx::DataType::kString, {3}).Output("y", onnx::DataType::kString);
  const Graph graph = ImportBuilt(g);
  DiagSink sink;
  Export(graph, 9, &sink);
  ASSERT_EQ(sink.error_count(), 2U);
  EXPECT_EQ(sink.all()[0].tensors[0], "u");
  EXPECT_EQ(sink.all()[1].tensors[0], "y");
  EXPECT_EQ(sink.all()[0].op_type, "Unique");
  EXPECT_EQ(sink.all()[0].hint, "--opset 11");
}

// Both branches give a tensor of one name, one of them a value from outside.
TEST(OnnxExport, BodiesSeeWhatIsAroundThem) {
  OnnxGraph yes("yes"), no("no");
  yes.Node("Neg", {"h"}, {"r"}).UntypedOutput("r");
  no.Node("Abs", {"h"}, {"r"}).Node("Add", {"r", "h"}, {"s"}).UntypedOutput("s");
  OnnxGraph g;
  g.Node("Relu", {"x"}, {"h"});
  g.Node("If", {"c"}, {"y"}, {OnnxAttr("then_branch", yes), OnnxAttr("else_branch", no)});
  g.Input("x", onnx::DataType::kFloat, {2}).Input("c", onnx::DataType::kBool, {}).Output("y", onnx::DataType::kFloat);
  const Graph graph = ImportBuilt(g);
  const to_onnx::Exported out = Export(graph, 13);
  ASSERT_EQ(out.model.graph.nodes.size(), 2U);
  EXPECT_EQ(out.nodes, 5U);
  const onnx::Graph* then_branch = out.model.graph.nodes[1].FindAttribute("then_branch")->g();
  const onnx::Graph* else_branch = out.model.graph.nodes[1].FindAttribute("else_branch")->g();
  EXPECT_EQ(then_branch->nodes[0].inputs[0], "h");
  EXPECT_EQ(then_branch->outputs[0].name, "r");
  EXPECT_EQ(else_branch->nodes[0].outputs[0], "r");
}

TEST(OnnxExport, WhatABodyDoesNotMakeIsCopiedIntoIt) {
  OnnxGraph yes("yes"), no("no");
  yes.UntypedOutput("h");
  no.Node("Neg", {"h"}, {"r"}).UntypedOutput("r");
  OnnxGraph g;
  g.Node("Relu", {"x"}, {"h"});
  g.Node("If", {"c"}, {"y"}, {OnnxAttr("then_branch", yes), OnnxAttr("else_branch", no)});
  g.Input("x", onnx::DataType::kFloat, {2}).Input("c", onnx::DataType::kBool, {}).Output("y", onnx::DataType::kFloat);
  const Graph graph = ImportBuilt(g);
  const to_onnx::Exported out = Export(graph, 13);
  const onnx::Graph* copied = out.model.graph.nodes[1].FindAttribute("then_branch")->g();
  ASSERT_EQ(copied->nodes.size(), 1U);
  EXPECT_EQ(copied->nodes[0].op_type, "Identity");
  EXPECT_EQ(copied->nodes[0].inputs[0], "h");
  EXPECT_NE(copied->outputs[0].name, "h");
}

TEST(OnnxExport, UnknownOperatorsGoOutAsTheyCameIn) {
  OnnxGraph body("body");
  body.Node("Neg", {"x"}, {"r"}).UntypedOutput("r");
  OnnxGraph g;
  g.Node("Frobnicate", {"x", "", "x"}, {"y"},
         {OnnxAttr("k", 3), OnnxAttr("f", 0.5F), OnnxAttr("names", {"a", "b"}), OnnxAttr("inside", body)},
         "com.example");
  g.Input("x", onnx::DataType::kFloat, {2}).Output("y", onnx::DataType::kFloat, {2});
  const Graph graph = ImportBuilt(g);
  const to_onnx::Exported out = Export(graph, 17);
  ASSERT_EQ(out.model.graph.nodes.size(), 1U);
  const onnx::Node& n = out.model.graph.nodes[0];
  EXPECT_EQ(n.domain, "com.example");
  EXPECT_EQ(n.inputs.size(), 3U);
  EXPECT_EQ(n.FindAttribute("k")->i, 3);
  EXPECT_EQ(n.FindAttribute("f")->f, 0.5F);
  EXPECT_EQ(n.FindAttribute("names")->strings()[1], "b");
  ASSERT_NE(n.FindAttribute("inside"), nullptr);
  EXPECT_EQ(n.FindAttribute("inside")->g()->nodes[0].op_type, "Neg");
  ASSERT_EQ(out.model.opset_imports.size(), 2U);
  EXPECT_EQ(out.model.opset_imports[1].domain, "com.example");
}

TEST(OnnxExport, WhatTheImporterTookApartIsOneNodeAgain) {
  OnnxGraph g;
  g.Node("Sum", {"x", "x2", "x3"}, {"a"}).Node("Mean", {"a", "x2", "x3"}, {"b"});
  g.Node("GlobalAveragePool", {"b"}, {"c"}).Node("Greater", {"c", "x"}, {"d"});
  g.Node("Softmax", {"b"}, {"e"}, {OnnxAttr("axis", 1)});
  for (const char* name : {"x", "x2", "x3"}) g.Input(name, onnx::DataType::kFloat, {1, 2, 3, 4});
  g.Output("d", onnx::DataType::kBool).Output("e", onnx::DataType::kFloat);
  const std::string bytes = testing::OnnxModel(g, {.opset = 11});
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  DiagSink sink;
  const auto graph = from_onnx::ImportModel(MappedFile::FromBytes({data, data + bytes.size()}), {}, &sink);
  ASSERT_TRUE(graph.ok());
  const to_onnx::Exported out = Export(*graph, 11);
  std::string all;
  for (const onnx::Node& n : out.model.graph.nodes) all += Concat(n.op_type, " ");
  EXPECT_EQ(all, "Sum Mean GlobalAveragePool Greater Softmax ");
}

TEST(OnnxExport, ChannelsAreMovedWhereOnnxHasThem) {
  const Graph graph = Parsed(R"(graph g {
    const %w: f32[2,1,1,3] = [1.0,2.0,3.0,4.0,5.0,6.0]
    main (%x: f32[1,5,5,3]) {
      %y: f32[1,5,5,2] = conv(%x, %w, channel_axis=3, weight_layout="ohwi")
      yield(%y as y)
    }
  })");
  const to_onnx::Exported out = Export(graph, 17);
  std::string all;
  for (const onnx::Node& n : out.model.graph.nodes) all += Concat(n.op_type, " ");
  EXPECT_EQ(all, "Transpose Conv Transpose ");
  EXPECT_EQ(out.model.graph.initializers[0].dims[1], 3);
}

TEST(OnnxExport, OperandsAreCastWhereTheOperatorLacksTheirType) {
  const Graph graph = Parsed(OneNode("%x: bf16[3]", "%y: bf16[3] = sqrt(%x)"));
  const to_onnx::Exported old = Export(Parsed(OneNode("%x: f16[3]", "%y: f16[3] = celu(%x)")), 12);
  ASSERT_EQ(old.model.graph.nodes.size(), 3U);
  EXPECT_EQ(old.model.graph.nodes[0].op_type, "Cast");
  EXPECT_EQ(old.model.graph.nodes[1].op_type, "Celu");
  EXPECT_EQ(Export(graph, 13).model.graph.nodes.size(), 1U);
}

TEST(OnnxExport, HalvesOfMeansAreRoundedAsTheSourceDoes) {
  const auto nodes = [](std::string_view rounding, std::string_view made) {
    const Graph graph = Parsed(Concat(R"(graph g {
      const %s: f32[] = [0.5]
      main (%x: f32[1,1,4,4]) {
        %m: f32[1,1,2,2] = )",
                                      made, R"(
        %y: i8[1,1,2,2] = quantize(%m, %s, to=i8, rounding=")",
                                      rounding, R"(")
        yield(%y as y)
      }
    })"));
    std::string out;
    for (const onnx::Node& node : Export(graph, 21).model.graph.nodes) out += Concat(node.op_type, " ");
    return out;
  };
  constexpr std::string_view kPool = "avg_pool(%x, kernel=[2,2], strides=[2,2])";
  EXPECT_EQ(nodes("away", kPool), "AveragePool Mul QuantizeLinear ");
  EXPECT_EQ(nodes("even", kPool), "AveragePool QuantizeLinear ");
  EXPECT_EQ(nodes("away", "max_pool(%x, kernel=[2,2], strides=[2,2])"), "MaxPool QuantizeLinear ");
}

}  // namespace
}  // namespace godwit
