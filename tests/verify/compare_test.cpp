// Models side by side: ports that fit and ports that do not, layers and where they depart.
#include "verify/compare.h"

#include <gtest/gtest.h>

#include "ir/text.h"
#include "ops/ops.h"
#include "report/compare_report.h"
#include "support/import.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::ImportBuilt;
using testing::OnnxAttr;
using testing::OnnxGraph;

struct Names {
  const char* input = "x";
  const char* output = "y";
  const char* hidden = "h";
  const char* node = "first";
};

// Two layers; `off` changes a weight of the second.
OnnxGraph TwoLayers(float off = 0, const Names& names = {}) {
  std::vector<float> w = testing::Numbers(16, 2);
  w[3] += off;
  OnnxGraph g;
  g.Input(names.input, DataType::kFloat, {2, 4}).Init("a", {4, 4}, testing::Numbers(16, 1)).Init("b", {4, 4}, w);
  g.Node("MatMul", {names.input, "a"}, {names.hidden}, {}, "", names.node).Node("Relu", {names.hidden}, {"r"});
  g.Node("MatMul", {"r", "b"}, {"s"}, {}, "", "second").Node("Tanh", {"s"}, {names.output});
  g.Output(names.output, DataType::kFloat);
  return g;
}

Comparison Compared(const OnnxGraph& a, const OnnxGraph& b, bool layers = true) {
  CompareOptions options;
  options.layers = layers;
  options.pictures = true;
  auto out = CompareModels(ImportBuilt(a), ImportBuilt(b), options);
  EXPECT_TRUE(out.ok()) << (out.ok() ? "" : out.diag().what);
  return out.ok() ? *std::move(out) : Comparison{};
}

std::string Refused(const OnnxGraph& a, const OnnxGraph& b) {
  const auto out = CompareModels(ImportBuilt(a), ImportBuilt(b), {});
  EXPECT_FALSE(out.ok());
  return out.ok() ? "" : out.diag().id + ": " + out.diag().what + " " + out.diag().hint;
}

TEST(Compare, TheSameModel) {
  const Comparison c = Compared(TwoLayers(), TwoLayers());
  EXPECT_EQ(c.proof.verdict, Verdict::kProved);
  ASSERT_TRUE(c.layers);
  EXPECT_EQ(c.layers->layers.size(), 4U);
  EXPECT_FALSE(c.layers->first);
  EXPECT_NE(CompareText(c, true).find("no layer departs"), std::string::npos);
  EXPECT_FALSE(Compared(TwoLayers(), TwoLayers(), false).layers);
}

TEST(Compare, TheFirstLayerThatDepartsIsNamed) {
  const Comparison c = Compared(TwoLayers(), TwoLayers(0.1F), false);
  EXPECT_EQ(c.proof.verdict, Verdict::kDiffers);
  ASSERT_TRUE(c.layers && c.layers->first);
  const LayerDeviation& first = c.layers->layers[*c.layers->first];
  EXPECT_EQ(first.tensor, "s");
  EXPECT_EQ(first.node, "second");
  EXPECT_EQ(first.op, "MatMul");
  EXPECT_GT(first.worst, first.tolerance);
  EXPECT_EQ(first.channel_worst.size(), 4U);
  EXPECT_NE(CompareText(c, false).find("the first layer that departs: MatMul s"), std::string::npos);
  const std::string json = CompareJson("ref", {c}, true);
  EXPECT_NE(json.find("\"first\":2"), std::string::npos) << json;
  EXPECT_NE(json.find("\"channel_worst\""), std::string::npos);
}

TEST(Compare, LayersAreMatchedByNameThenOriginThenValue) {
  const Comparison origin = Compared(TwoLayers(), TwoLayers(0, {.hidden = "renamed"}));
  ASSERT_TRUE(origin.layers);
  EXPECT_EQ(origin.layers->layers[0].by, MatchedBy::kOrigin);
  EXPECT_EQ(origin.layers->layers[0].twin, "renamed");
  EXPECT_EQ(origin.layers->layers[1].by, MatchedBy::kName);
  const Comparison value = Compared(TwoLayers(), TwoLayers(0, {.hidden = "renamed", .node = "too"}));
  EXPECT_EQ(value.layers->layers[0].by, MatchedBy::kValue);
  EXPECT_EQ(value.layers->layers[0].twin, "renamed");
  EXPECT_FALSE(value.layers->first);
}

TEST(Compare, OtherNamesAreMatchedByPlace) {
  const Comparison c = Compared(TwoLayers(), TwoLayers(0, {.input = "image", .output = "scores"}));
  EXPECT_EQ(c.proof.verdict, Verdict::kProved) << c.proof.reason;
  ASSERT_EQ(c.proof.notes.size(), 2U);
  EXPECT_NE(c.proof.notes[0].find("'image'"), std::string::npos) << c.proof.notes[0];
}

// The same convolution with its channels where they are usual, and last at every port and within.
Graph Convolution(bool last) {
  const char* text = last ? R"(graph {
    const %w: f32[3,2,1,1] = [1.0,2.0,3.0,4.0,5.0,6.0]
    main (%x: f32[1,5,4,2]) {
      %h: f32[1,5,4,3] = conv(%x, %w, channel_axis=3)
      %y: f32[1,5,4,3] = relu(%h)
      yield(%y)
    }
  })"
                          : R"(graph {
    const %w: f32[3,2,1,1] = [1.0,2.0,3.0,4.0,5.0,6.0]
    main (%x: f32[1,2,5,4]) {
      %h: f32[1,3,5,4] = conv(%x, %w)
      %y: f32[1,3,5,4] = relu(%h)
      yield(%y)
    }
  })";
  auto graph = ParseGraph(text, ops::Find);
  EXPECT_TRUE(graph.ok()) << graph.diag().what;
  graph->output_names = {"y"};
  return *std::move(graph);
}

TEST(Compare, ChannelsElsewhereAreComparedAsTheReferenceHasThem) {
  CompareOptions options;
  options.layers = true;
  for (const bool last : {false, true}) {
    const auto c = CompareModels(Convolution(last), Convolution(!last), options);
    ASSERT_TRUE(c.ok()) << c.diag().what;
    EXPECT_EQ(c->proof.verdict, Verdict::kProved) << c->proof.reason;
    EXPECT_NE(c->proof.notes[0].find("channels elsewhere: 'x', 'y'"), std::string::npos) << c->proof.notes[0];
    ASSERT_TRUE(c->layers);
    EXPECT_FALSE(c->layers->first);
    EXPECT_EQ(c->layers->layers.size(), 2U);
  }
}

TEST(Compare, QuantisedPortsStandForRealNumbers) {
  const auto model = [](bool quantised) {
    auto graph = ParseGraph(R"(graph {
      main (%x: f32[1,8]) {
        %y: f32[1,8] = neg(%x)
        yield(%y)
      }
    })",
                            ops::Find);
    EXPECT_TRUE(graph.ok()) << graph.diag().what;
    graph->output_names = {"y"};
    if (!quantised) return *std::move(graph);
    auto low = ParseGraph(R"(graph {
      const %s: f32[] = [0.0078125]
      const %z: i8[] = [0]
      main (%x: i8[1,8]) {
        %r: f32[1,8] = dequantize(%x, %s, %z, to=f32)
        %n: f32[1,8] = neg(%r)
        %y: i8[1,8] = quantize(%n, %s, %z, to=i8)
        yield(%y)
      }
    })",
                          ops::Find);
    EXPECT_TRUE(low.ok()) << low.diag().what;
    low->output_names = {"y"};
    Quant quant;
    quant.scales = {0.0078125};
    const auto shared = std::make_shared<const Quant>(quant);
    low->value(low->region(Graph::main()).params[0]).type.tensor().quant = shared;
    low->value(low->region(Graph::main()).results[0]).type.tensor().quant = shared;
    return *std::move(low);
  };
  CompareOptions options;
  options.proof.tolerances[""].absolute = 0.01;
  options.proof.inputs["x"].ranged = true;
  options.proof.inputs["x"].most = 0.9;
  const auto c = CompareModels(model(false), model(true), options);
  ASSERT_TRUE(c.ok()) << c.diag().what;
  EXPECT_NE(c->proof.notes[0].find("real numbers"), std::string::npos);
  ASSERT_FALSE(c->proof.outputs.empty());
  EXPECT_GT(c->proof.outputs[0].worst, 0);
}

TEST(Compare, WhatDoesNotFitIsSaid) {
  const auto model = [](std::vector<testing::OnnxDim> shape, DataType type = DataType::kFloat) {
    OnnxGraph g;
    g.Input("x", type, shape).Node("Neg", {"x"}, {"y"}).Output("y", type);
    return g;
  };
  const std::string layout = Refused(model({1, 3, 8, 9}), model({1, 9, 8, 3}));
  EXPECT_TRUE(layout.starts_with("compare.interface")) << layout;
  EXPECT_NE(layout.find("another layout"), std::string::npos) << layout;
  const std::string dtype = Refused(model({2}), model({2}, DataType::kDouble));
  EXPECT_NE(dtype.find("f64"), std::string::npos) << dtype;
  OnnxGraph two = model({2});
  two.Input("z", DataType::kFloat, {3});
  EXPECT_NE(Refused(model({2}), two).find("'z'"), std::string::npos);
  // An output that only one side has is left out, the common ones are compared.
  OnnxGraph more = model({2});
  more.Node("Abs", {"x"}, {"extra"}).Output("extra", DataType::kFloat);
  EXPECT_EQ(Compared(more, model({2})).proof.verdict, Verdict::kProved);
  OnnxGraph none;
  none.Input("x", DataType::kFloat, {2}).Node("Abs", {"x"}, {"p"}).Node("Neg", {"x"}, {"q"});
  none.Output("p", DataType::kFloat).Output("q", DataType::kFloat);
  EXPECT_NE(Refused(model({2}), none).find("no outputs in common"), std::string::npos);
}

}  // namespace
}  // namespace godwit
