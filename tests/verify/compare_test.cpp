// Models side by side: ports that fit and ports that do not, layers and where they depart.
#include "verify/compare.h"

#include <gtest/gtest.h>

#include "base/text.h"
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

Graph Parsed(std::string_view text) {
  auto graph = ParseGraph(Concat("graph g {\n", text, "\n}"), ops::Find);
  EXPECT_TRUE(graph.ok()) << FormatDiag(graph.diag());
  return graph.ok() ? *std::move(graph) : Graph();
}

Comparison ComparedTexts(std::string_view a, std::string_view b) {
  CompareOptions options;
  options.layers = true;
  auto out = CompareModels(Parsed(a), Parsed(b), options);
  EXPECT_TRUE(out.ok()) << (out.ok() ? "" : out.diag().what);
  return out.ok() ? *std::move(out) : Comparison{};
}

std::string Replaced(std::string text, std::string_view old, std::string_view now) {
  const size_t at = text.find(old);
  EXPECT_NE(at, std::string::npos);
  return at == std::string::npos ? text : text.replace(at, old.size(), now);
}

const LayerDeviation* Layer(const Comparison& c, std::string_view tensor, std::string_view place) {
  for (const LayerDeviation& l : c.layers->layers) {
    if (l.tensor == tensor && l.place == place) return &l;
  }
  return nullptr;
}

// What departs within a loop is named there, and before what the loop gives.
TEST(Compare, LayersInTheBodyOfALoop) {
  const std::string text = R"(const %three: i64[] = [3]
    const %half: f32[] = [0.5]
    main (%x: f32[2]) {
      %y: f32[2], %all: f32[T,2] = loop(%three, _, %x) region (%i: i64[], %c: bool[], %s: f32[2]) {
        %n: f32[] = cast(%i, to=f32)
        %scaled: f32[2] = mul(%s, %half)
        %t: f32[2] = add(%scaled, %n)
        yield(%c, %t, %s)
      }
      yield(%y as y, %all as all)
    })";
  const Comparison same = ComparedTexts(text, text);
  ASSERT_TRUE(same.layers);
  EXPECT_FALSE(same.layers->first);
  EXPECT_EQ(same.layers->unmatched, 0U);
  const LayerDeviation* scaled = Layer(same, "scaled", "/loop 0");
  ASSERT_NE(scaled, nullptr);
  EXPECT_EQ(scaled->type, "f32[3,2]");  // three turns
  const Comparison other = ComparedTexts(text, Replaced(text, "[0.5]", "[0.75]"));
  EXPECT_EQ(other.proof.verdict, Verdict::kDiffers);
  ASSERT_TRUE(other.layers && other.layers->first);
  EXPECT_EQ(other.layers->layers[*other.layers->first].tensor, "scaled");
  EXPECT_NE(CompareText(other, true).find("mul scaled in loop 0"), std::string::npos) << CompareText(other, true);
}

// Both branches use the same names; what was not taken is counted apart.
TEST(Compare, LayersInBranches) {
  const std::string text = R"(const %zero: f32[] = [0]
    const %two: f32[1] = [2]
    main (%x: f32[2]) {
      %s: f32[] = reduce(%x, mode="sum", keep_dims=0)
      %p: bool[] = less(%zero, %s)
      %y: f32[2] = if(%p) region () {
        %h: f32[2] = mul(%x, %two)
        %r: f32[2] = tanh(%h)
        yield(%r)
      } region () {
        %h2: f32[2] = add(%x, %two)
        %one: f32[] = reduce(%h2, mode="max", keep_dims=0)
        %r2: f32[2] = add(%h2, %one)
        yield(%r2)
      }
      yield(%y as y)
    })";
  CompareOptions options;
  options.layers = true;
  options.proof.data = {{RtValue(Tensor::F32({2}, {1, 2}))}};
  options.proof.samples = 1;
  const Graph a = Parsed(text), b = Parsed(Replaced(text, "[2]\n", "[2.5]\n"));
  const auto same = CompareModels(a, Parsed(text), options);
  ASSERT_TRUE(same.ok() && same->layers);
  EXPECT_NE(Layer(*same, "h", "/if 0"), nullptr);
  EXPECT_EQ(Layer(*same, "h2", "/if 1"), nullptr);
  EXPECT_EQ(same->layers->idle, 3U);
  EXPECT_NE(CompareText(*same, false).find("3 are in branches that were not taken"), std::string::npos);
  const auto other = CompareModels(a, b, options);
  ASSERT_TRUE(other.ok() && other->layers && other->layers->first);
  EXPECT_EQ(other->layers->layers[*other->layers->first].tensor, "h");
}

// A branch within a loop: turns that do not take it are zeros on both sides.
TEST(Compare, LayersInBranchesWithinLoops) {
  const std::string text = R"(const %four: i64[] = [4]
    const %one: i64[] = [1]
    const %half: f32[] = [0.5]
    main (%x: f32[2]) {
      %y: f32[2] = loop(%four, _, %x) region (%i: i64[], %c: bool[], %s: f32[2]) {
        %p: bool[] = less(%one, %i)
        %t: f32[2] = if(%p) region () {
          %h: f32[2] = mul(%s, %half)
          yield(%h)
        } region () {
          %k: f32[2] = neg(%s)
          yield(%k)
        }
        yield(%c, %t)
      }
      yield(%y as y)
    })";
  const Comparison other = ComparedTexts(text, Replaced(text, "[0.5]", "[0.75]"));
  ASSERT_TRUE(other.layers && other.layers->first);
  const LayerDeviation& first = other.layers->layers[*other.layers->first];
  EXPECT_EQ(first.tensor, "h");
  EXPECT_EQ(first.place, "/loop 0/if 0");
  EXPECT_EQ(first.type, "f32[4,2]");
  const LayerDeviation* before = Layer(other, "p", "/loop 0");
  ASSERT_NE(before, nullptr);
  EXPECT_TRUE(before->exact);
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

// It takes no part in the comparison, which is of one run.
TEST(Compare, AStateOfTheOtherModelAloneHoldsWhatItBeginsWith) {
  const auto out = CompareModels(Parsed(R"(main (%x: f32[2]) {
      %y: f32[2] = relu(%x)
      yield(%y as y)
    })"),
                                 Parsed(R"(meta "godwit.state.s" "n"
    main (%s: f32[2], %x: f32[2]) {
      %r: f32[2] = relu(%x)
      %y: f32[2] = add(%r, %s)
      %n: f32[2] = add(%s, %x)
      yield(%n as n, %y as y)
    })"),
                                 {});
  ASSERT_TRUE(out.ok()) << FormatDiag(out.diag());
  EXPECT_EQ(out->proof.verdict, Verdict::kProved) << out->proof.reason;
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
      yield(%y as y)
    }
  })"
                          : R"(graph {
    const %w: f32[3,2,1,1] = [1.0,2.0,3.0,4.0,5.0,6.0]
    main (%x: f32[1,2,5,4]) {
      %h: f32[1,3,5,4] = conv(%x, %w)
      %y: f32[1,3,5,4] = relu(%h)
      yield(%y as y)
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
