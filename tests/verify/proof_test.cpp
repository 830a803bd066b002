// A proof passes what is the same, fails what is not, and calls vacuous what could not have failed.
#include "verify/proof.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/text.h"
#include "exec/session.h"
#include "ir/text.h"
#include "ops/ops.h"
#include "support/import.h"
#include "verify/runtime_values.h"
#include "verify/sample_plan.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::ImportBuilt;
using testing::OnnxAttr;
using testing::OnnxGraph;

ProofReport Compare(const OnnxGraph& source, const OnnxGraph& written, const ProofOptions& options = {}) {
  const Graph a = ImportBuilt(source), b = ImportBuilt(written);
  auto report = Prove(a, b, options);
  EXPECT_TRUE(report.ok());
  return report.ok() ? *std::move(report) : ProofReport{};
}

// y = softmax(x w), with one weight changed by `off`.
OnnxGraph Classifier(float off = 0) {
  std::vector<float> w = testing::Numbers(12, 1);
  w[5] += off;
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {"N", 3}).Init("w", {3, 4}, w);
  g.Node("MatMul", {"x", "w"}, {"logits"}).Node("Softmax", {"logits"}, {"y"}, {OnnxAttr("axis", 1)});
  g.Output("y", DataType::kFloat);
  return g;
}

TEST(Proof, TheSameModelIsEqualToTheLastBit) {
  const ProofReport report = Compare(Classifier(), Classifier());
  EXPECT_EQ(report.verdict, Verdict::kProved) << report.reason;
  ASSERT_EQ(report.outputs.size(), 1U);
  EXPECT_TRUE(report.outputs[0].exact);
  EXPECT_EQ(report.samples, kProofSamples);
  EXPECT_NE(ProofText(report).find("equal to the last bit"), std::string::npos);
  EXPECT_NE(ProofText(report, true).find("sizes: N=1; N=2"), std::string::npos) << ProofText(report, true);
}

TEST(Proof, AChangedWeightFails) {
  const ProofReport report = Compare(Classifier(), Classifier(0.01F));
  EXPECT_EQ(report.verdict, Verdict::kDiffers);
  EXPECT_NE(report.reason.find("'y'"), std::string::npos) << report.reason;
  EXPECT_NE(ProofText(report).find("FAILED"), std::string::npos);
  EXPECT_NE(ProofJson(report).find("\"verdict\":\"differs\""), std::string::npos);
}

TEST(Proof, AStatedToleranceTakesTheCalibratedOnesPlace) {
  ProofOptions loose;
  loose.tolerances[""].relative = 0.5;
  EXPECT_EQ(Compare(Classifier(), Classifier(0.01F), loose).verdict, Verdict::kProved);
  ProofOptions strict;
  strict.tolerances["y"].has_sqnr = true;
  strict.tolerances["y"].sqnr = 300;
  EXPECT_EQ(Compare(Classifier(), Classifier(0.01F), strict).verdict, Verdict::kDiffers);
}

// Sums the same terms in another order: the noise of f32 and no more.
TEST(Proof, ReassociationStaysWithinTheNoise) {
  const auto sum = [](bool doubled) {
    OnnxGraph g;
    g.Input("x", DataType::kFloat, {1, 64}).Init("w", {64, 8}, testing::Numbers(512, 3));
    g.Init("half", {1}, std::vector<float>{1.0F / 3});
    if (doubled) {
      g.Node("MatMul", {"x", "w"}, {"p"}).Node("Mul", {"p", "half"}, {"y"});
    } else {
      g.Node("Mul", {"x", "half"}, {"p"}).Node("MatMul", {"p", "w"}, {"y"});
    }
    g.Output("y", DataType::kFloat);
    return g;
  };
  const ProofReport report = Compare(sum(false), sum(true));
  EXPECT_EQ(report.verdict, Verdict::kProved) << report.reason;
  EXPECT_FALSE(report.outputs[0].exact);
  EXPECT_LT(report.outputs[0].worst, 1e-5);
  EXPECT_GT(report.outputs[0].worst, 0);
}

// A difference of large numbers loses digits in f32: what the source itself loses is no fault of the conversion.
TEST(Proof, ToleranceFollowsTheSourcesOwnNoise) {
  const auto cancel = [](bool other) {
    OnnxGraph g;
    g.Input("x", DataType::kFloat, {1, 16}).Init("big", {1}, std::vector<float>{4096});
    g.Init("third", {1}, std::vector<float>{1.0F / 3});
    if (other) {
      g.Node("Mul", {"x", "third"}, {"t"}).Node("Add", {"t", "big"}, {"a"}).Node("Sub", {"a", "big"}, {"y"});
    } else {
      g.Node("Mul", {"x", "third"}, {"y"});
    }
    g.Output("y", DataType::kFloat);
    return g;
  };
  const ProofReport noisy = Compare(cancel(true), cancel(false));
  EXPECT_EQ(noisy.verdict, Verdict::kProved) << noisy.reason;
  EXPECT_GT(noisy.outputs[0].tolerance, 1e-5);
  EXPECT_GT(noisy.outputs[0].noise, 0);
  // The other way round the source is exact, and the written model is at fault.
  EXPECT_EQ(Compare(cancel(false), cancel(true)).verdict, Verdict::kDiffers);
}

TEST(Proof, WhatCouldNotFailIsVacuous) {
  const auto constant = [](float bias) {
    OnnxGraph g;
    g.Input("x", DataType::kFloat, {1, 8}).Init("low", {1}, std::vector<float>{-1000 + bias});
    g.Node("Add", {"x", "low"}, {"a"}).Node("Relu", {"a"}, {"y"}).Output("y", DataType::kFloat);
    return g;
  };
  const ProofReport report = Compare(constant(0), constant(7));
  EXPECT_EQ(report.verdict, Verdict::kVacuous);
  EXPECT_NE(report.reason.find("'y'"), std::string::npos) << report.reason;

  const auto nan = [](const char* op) {
    OnnxGraph g;
    g.Input("x", DataType::kFloat, {1, 8}).Init("n", {1}, std::vector<float>{std::nanf("")});
    g.Node(op, {"x", "n"}, {"y"}).Output("y", DataType::kFloat);
    return g;
  };
  const ProofReport both = Compare(nan("Add"), nan("Mul"));
  EXPECT_EQ(both.verdict, Verdict::kVacuous) << both.reason;
  EXPECT_NE(both.outputs[0].note.find("NaN"), std::string::npos);
}

TEST(Proof, SamplesThatShowNothingAreNoneOfTheProof) {
  // Angles so wide that rounding moves them by whole turns.
  const auto wave = [](float factor, float times) {
    OnnxGraph g;
    g.Input("x", DataType::kFloat, {4, 64}).Init("f", {1}, std::vector<float>{factor});
    g.Init("t", {1}, std::vector<float>{times}).Node("Mul", {"x", "f"}, {"a"}).Node("Mul", {"a", "t"}, {"b"});
    g.Node("Sin", {"b"}, {"y"}).Output("y", DataType::kFloat);
    return g;
  };
  // Only large inputs reach those, and the others prove it.
  const ProofReport mostly = Compare(wave(1.1e5F, 1), wave(1.1e4F, 10));
  EXPECT_EQ(mostly.verdict, Verdict::kProved) << ProofText(mostly, true);
  EXPECT_EQ(mostly.outputs[0].idle, 1) << ProofText(mostly, true);
  EXPECT_LT(mostly.outputs[0].worst, 0.5);
  EXPECT_NE(ProofText(mostly).find("1 of 10 samples show nothing of 'y'"), std::string::npos) << ProofText(mostly);
  // A model that is wrong where something shows is wrong.
  EXPECT_EQ(Compare(wave(1.1e5F, 1), wave(1.2e5F, 1)).verdict, Verdict::kDiffers);
  // Equal at 0 alone is no proof.
  const ProofReport hardly = Compare(wave(1.1e9F, 1), wave(1.1e8F, 10));
  EXPECT_EQ(hardly.verdict, Verdict::kVacuous) << ProofText(hardly, true);
}

TEST(Proof, HeightAndWidthDifferAndASecondSizeIsTried) {
  // Transposing height and width is no change where they are equal.
  const auto turned = [](bool turn) {
    OnnxGraph g;
    g.Input("x", DataType::kFloat, {1, 2, "H", "W"});
    if (turn) {
      g.Node("Transpose", {"x"}, {"t"}, {OnnxAttr("perm", std::vector<int64_t>{0, 1, 3, 2})});
      g.Node("Relu", {"t"}, {"y"});
    } else {
      g.Node("Relu", {"x"}, {"y"});
    }
    g.Output("y", DataType::kFloat);
    return g;
  };
  const ProofReport report = Compare(turned(false), turned(true));
  EXPECT_EQ(report.verdict, Verdict::kDiffers);
  EXPECT_NE(report.reason.find("shape"), std::string::npos) << report.reason;
  // A dim that the written model pins shows at the second size.
  const auto pinned = [](bool pin) {
    OnnxGraph g;
    g.Input("x", DataType::kFloat, {"N", 4});
    g.Init("s", {2}, std::vector<int64_t>{pin ? 1 : -1, 4});
    g.Node("Reshape", {"x", "s"}, {"r"}).Node("Relu", {"r"}, {"y"}).Output("y", DataType::kFloat);
    return g;
  };
  const ProofReport pin = Compare(pinned(false), pinned(true));
  EXPECT_EQ(pin.verdict, Verdict::kDiffers);
  EXPECT_NE(pin.reason.find("N=2"), std::string::npos) << pin.reason;
}

// An exporter calls a dim open and has its size in a reshape all the same.
TEST(Proof, SizesThatStandInTheModelAreTried) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {"B", "T", 4}).Init("s", {3}, std::vector<int64_t>{11, 2, 2});
  g.Node("Reshape", {"x", "s"}, {"y"}).Output("y", DataType::kFloat);
  const ProofReport report = Compare(g, g);
  EXPECT_EQ(report.verdict, Verdict::kProved) << report.reason;
  ASSERT_FALSE(report.notes.empty());
  EXPECT_NE(report.notes.back().find("B=1 T=11"), std::string::npos) << report.notes.back();
}

TEST(Proof, SizesThatTheModelDoesNotTakeAreLeftAlone) {
  // Only a multiple of 224 fits the reshape.
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {1, 1, "H", "W"}).Init("s", {3}, std::vector<int64_t>{-1, 224, 224});
  g.Node("Reshape", {"x", "s"}, {"r"}).Node("Relu", {"r"}, {"y"}).Output("y", DataType::kFloat);
  const ProofReport report = Compare(g, g);
  EXPECT_EQ(report.verdict, Verdict::kProved) << report.reason;
  bool said = false;
  for (const std::string& note : report.notes) said = said || note.find("H=224 W=224") != std::string::npos;
  EXPECT_TRUE(said) << ProofText(report, true);
}

TEST(Proof, PlacesOfAMaximumMayFlipOnATie) {
  const auto best = [](float second, float third) {
    OnnxGraph g;
    g.Input("x", DataType::kFloat, {3, 1}).Init("w", {1, 4}, std::vector<float>{1, second, third, -2});
    g.Node("MatMul", {"x", "w"}, {"p"}).Node("ArgMax", {"p"}, {"i"}, {OnnxAttr("axis", 1)});
    g.Output("i", DataType::kInt64);
    return g;
  };
  const ProofReport tie = Compare(best(2, 2), best(2, 2.000001F));
  EXPECT_NE(tie.verdict, Verdict::kDiffers) << tie.reason;
  EXPECT_NE(ProofText(tie, true).find("ties within the tolerance"), std::string::npos) << ProofText(tie, true);
  EXPECT_EQ(Compare(best(2.1F, 2), best(2, 2.1F)).verdict, Verdict::kDiffers);
}

TEST(Proof, PlacesOfAMaximumMayFlipWithinTheSourcesOwnNoise) {
  // What is left of x beside a large number is rounding, and so is where the most of it is.
  const auto most = [](float large) {
    OnnxGraph g;
    g.Input("x", DataType::kFloat, {2, 64}).Init("b", {1}, std::vector<float>{large});
    g.Node("Add", {"x", "b"}, {"a"}).Node("Sub", {"a", "b"}, {"s"});
    g.Node("ArgMax", {"s"}, {"i"}, {OnnxAttr("axis", 1)}).Output("i", DataType::kInt64);
    return g;
  };
  const ProofReport noise = Compare(most(1e7F), most(2e7F));
  EXPECT_EQ(noise.verdict, Verdict::kVacuous) << ProofText(noise, true);
  EXPECT_EQ(Compare(most(-1), most(1e7F)).verdict, Verdict::kDiffers);
}

TEST(Proof, UnknownOperatorsAreCutOut) {
  const auto model = [](const char* op, float bias) {
    OnnxGraph g;
    g.Input("x", DataType::kFloat, {2, 3}).Init("b", {1}, std::vector<float>{bias});
    g.Node("Exp", {"x"}, {"e"}).Node("Secret", {"e"}, {"s"}, {}, "vendor").Node(op, {"s"}, {"r"});
    g.Node("Add", {"r", "b"}, {"y"})
        .Value("s", testing::OnnxType(DataType::kFloat, {2, 3}))
        .Output("y", DataType::kFloat);
    return g;
  };
  const ProofReport same = Compare(model("Relu", 1), model("Relu", 1));
  EXPECT_EQ(same.verdict, Verdict::kProved) << same.reason;
  EXPECT_EQ(same.outputs.size(), 2U);
  EXPECT_NE(ProofText(same, true).find("vendor.Secret"), std::string::npos) << ProofText(same, true);
  EXPECT_EQ(Compare(model("Relu", 1), model("Relu", 2)).verdict, Verdict::kDiffers);
}

TEST(Proof, RandomOutputsAreSaidNotToBeCompared) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {2, 3}).Node("RandomNormalLike", {"x"}, {"n"}).Node("Add", {"x", "n"}, {"noisy"});
  g.Node("Exp", {"x"}, {"y"}).Output("y", DataType::kFloat).Output("noisy", DataType::kFloat);
  const ProofReport report = Compare(g, g);
  EXPECT_EQ(report.verdict, Verdict::kProved) << report.reason;
  EXPECT_EQ(report.outputs[1].verdict, Verdict::kNotRun);
  EXPECT_NE(ProofText(report).find("random"), std::string::npos);
}

TEST(Proof, MissingOutputsAndNewInputsAreDifferences) {
  OnnxGraph other = Classifier();
  other.Input("extra", DataType::kFloat, {1});
  EXPECT_EQ(Compare(Classifier(), other).verdict, Verdict::kDiffers);
  OnnxGraph renamed;
  renamed.Input("x", DataType::kFloat, {"N", 3}).Node("Relu", {"x"}, {"z"}).Output("z", DataType::kFloat);
  const ProofReport report = Compare(Classifier(), renamed);
  EXPECT_EQ(report.verdict, Verdict::kDiffers);
  EXPECT_NE(report.reason.find("no output 'y'"), std::string::npos);
}

TEST(Proof, StatedInputsMustFit) {
  ProofOptions options;
  options.inputs["nothing"].ranged = true;
  const Graph g = ImportBuilt(Classifier());
  const auto report = Prove(g, g, options);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.diag().id, "exec.input");
}

TEST(Proof, RealSamplesComeFirst) {
  ProofOptions options;
  options.data = {{Tensor::F32({5, 3}, testing::Numbers(15, 4))}, {Tensor::F32({4, 3}, testing::Numbers(12, 5))}};
  const ProofReport report = Compare(Classifier(), Classifier(), options);
  EXPECT_EQ(report.verdict, Verdict::kProved) << report.reason;
}

TEST(Proof, AFailureHasAStatusOfItsOwn) {
  const DiagDef* differs = FindDiag("proof.differs");
  ASSERT_NE(differs, nullptr);
  EXPECT_EQ(differs->exit, Exit::kDiffers);
  EXPECT_FALSE(Compare(Classifier(), Classifier(1)).ok());
  EXPECT_TRUE(Compare(Classifier(), Classifier()).ok());
}

TEST(Samples, IndicesStayWithinTheAxis) {
  OnnxGraph g;
  g.Input("ids", DataType::kInt64, {"N", "T"}).Init("table", {7, 2}, testing::Numbers(14, 1));
  g.Node("Gather", {"table", "ids"}, {"y"}).Output("y", DataType::kFloat);
  const Graph graph = ImportBuilt(g);
  for (const SampleKind kind : SampleKinds(kProofSamples)) {
    const auto sample = DrawSample(graph, {}, {kind, 3, {{"N", 2}, {"T", 40}}});
    ASSERT_TRUE(sample.ok());
    for (const int64_t id : (*sample)[0].tensor.span<int64_t>()) {
      EXPECT_GE(id, 0);
      EXPECT_LT(id, 7);
    }
  }
  const auto again = DrawSample(graph, {}, {SampleKind::kRandom, 3, {{"N", 2}, {"T", 40}}});
  const auto other = DrawSample(graph, {}, {SampleKind::kRandom, 4, {{"N", 2}, {"T", 40}}});
  const auto first = DrawSample(graph, {}, {SampleKind::kRandom, 3, {{"N", 2}, {"T", 40}}});
  EXPECT_TRUE(Identical((*again)[0].tensor, (*first)[0].tensor));
  EXPECT_FALSE(Identical((*again)[0].tensor, (*other)[0].tensor));
}

TEST(Samples, OpenDimsGetDifferentSizes) {
  OnnxGraph g;
  g.Input("x", DataType::kFloat, {"batch", 3, "H", "W"}).Node("Relu", {"x"}, {"y"}).Output("y", DataType::kFloat);
  const Graph graph = ImportBuilt(g);
  EXPECT_EQ(OpenDims(graph, {}), (std::vector<std::string>{"batch", "H", "W"}));
  EXPECT_EQ(ToString(SizesToTry(graph, {}, 0).front()), "batch=1 H=64 W=96");
  EXPECT_EQ(ToString(SizesToTry(graph, {}, 1).front()), "batch=2 H=96 W=64");
}

// y = x in steps of a half, by integers whose type says what they stand for; `off` moves the values by that many steps.
Graph Steps(int off) {
  auto graph = ParseGraph(Concat(R"(graph {
    const %s: f32[] = [0.5]
    const %z: i8[] = [)",
                                 std::to_string(off), R"(]
    main (%x: f32[1,8]) {
      %y: i8[1,8] = quantize(%x, %s, %z, to=i8)
      yield(%y)
    }
  })"),
                          ops::Find);
  EXPECT_TRUE(graph.ok()) << graph.diag().what;
  graph->output_names = {"y"};
  Quant quant;
  quant.scales = {0.5};
  graph->value(graph->region(Graph::main()).results[0]).type.tensor().quant = std::make_shared<const Quant>(quant);
  return *std::move(graph);
}

TEST(Proof, QuantisedOutputsAreRealNumbers) {
  const auto same = Prove(Steps(0), Steps(0), {});
  ASSERT_TRUE(same.ok()) << same.diag().what;
  EXPECT_EQ(same->verdict, Verdict::kProved) << same->reason;
  EXPECT_TRUE(same->outputs[0].exact);
  ASSERT_FALSE(same->notes.empty());
  EXPECT_NE(same->notes.back().find("real numbers"), std::string::npos);
  const auto off = Prove(Steps(0), Steps(3), {});
  ASSERT_TRUE(off.ok()) << off.diag().what;
  EXPECT_EQ(off->verdict, Verdict::kDiffers);
  EXPECT_NE(off->reason.find("of its peak"), std::string::npos) << off->reason;
}

// A product of stored integers, as LiteRT computes it or in real numbers; a step of it is four of the result's.
Graph Product(std::string_view mark, std::string_view scale = "0.0041") {
  std::string weights;
  for (int i = 0; i < 32 * 64; ++i) weights += Concat(i > 0 ? "," : "", std::to_string(i * 37 % 251 - 125));
  auto graph = ParseGraph(Concat(R"(graph {
    const %s: f32[] = [0.013]
    const %zx: i8[] = [7]
    const %w: i8[32,64] = [)",
                                 weights, R"(]
    const %ws: f32[] = [0.0031]
    const %ys: f32[] = [)",
                                 scale, R"(]
    const %four: f32[] = [4]
    main (%r: f32[32,64]) {
      %x: i8[32,64] = quantize(%r, %s, %zx, to=i8)
      %a: f32[32,64] = dequantize(%x, %s, %zx, to=f32)",
                                 mark, R"()
      %b: f32[32,64] = dequantize(%w, %ws, to=f32)",
                                 mark, R"()
      %p: f32[32,64] = mul(%a, %b)
      %q: i8[32,64] = quantize(%p, %ys, to=i8, rounding="away")",
                                 mark, R"()
      %c: f32[32,64] = dequantize(%q, %ys, to=f32)
      %d: f32[32,64] = mul(%c, %four)
      yield(%d as y)
    }
  })"),
                          ops::Find);
  EXPECT_TRUE(graph.ok()) << graph.diag().what;
  return graph.ok() ? *std::move(graph) : Graph();
}

TEST(Proof, WhatComputesInRealNumbersIsHeldToThem) {
  const Graph integers = Product(", arithmetic=\"litert\""), reals = Product("");
  ProofOptions options;
  options.samples = 3;
  const auto report = Prove(integers, reals, options);
  ASSERT_TRUE(report.ok()) << report.diag().what;
  EXPECT_EQ(report->verdict, Verdict::kProved) << report->reason;
  // The two arithmetics differ here; the written model does not differ from the source read in its own.
  EXPECT_EQ(report->outputs[0].worst, 0);
  EXPECT_NE(report->outputs[0].note.find("the source itself"), std::string::npos) << report->outputs[0].note;
  const auto same = Prove(integers, integers, options);
  ASSERT_TRUE(same.ok()) << same.diag().what;
  EXPECT_TRUE(same->outputs[0].exact);
  EXPECT_EQ(same->outputs[0].note, "");
}

TEST(Proof, IntegersAreHeldToWhatTheyStandFor) {
  const Graph integers = Product(", arithmetic=\"litert\""), reals = Product("");
  ProofOptions options;
  options.samples = 3;
  const auto report = Prove(reals, integers, options);
  ASSERT_TRUE(report.ok()) << report.diag().what;
  EXPECT_EQ(report->verdict, Verdict::kProved) << report->reason;
  EXPECT_EQ(report->outputs[0].worst, 0);
  EXPECT_NE(report->outputs[0].note.find("its integers"), std::string::npos) << report->outputs[0].note;
  // Real numbers that differ are told from steps.
  const auto other = Prove(Product("", "0.0042"), integers, options);
  ASSERT_TRUE(other.ok()) << other.diag().what;
  EXPECT_EQ(other->verdict, Verdict::kDiffers);
}

// A product of dequantised data and weights with a bias, quantised and enlarged; the bias in numbers or as integers.
Graph Biased(std::string_view bias, std::string_view mark) {
  auto graph = ParseGraph(Concat(R"(graph {
    const %s: f32[] = [0.5]
    const %w: i8[2,2] = [3,-5,7,1]
    const %ws: f32[] = [0.25]
    const %b: f32[2] = [0.3,-0.45]
    const %bi: i32[2] = [2,-4]
    const %bs: f32[] = [0.125]
    const %ys: f32[] = [0.0937]
    const %four: f32[] = [4]
    main (%r: f32[64,2]) {
      %x: i8[64,2] = quantize(%r, %s, to=i8)
      %a: f32[64,2] = dequantize(%x, %s, to=f32)
      %v: f32[2,2] = dequantize(%w, %ws, to=f32)
      %bd: f32[2] = dequantize(%bi, %bs, to=f32)
      %p: f32[64,2] = matmul(%a, %v)
      %t: f32[64,2] = add(%p, %)",
                                 bias, R"()
      %q: i8[64,2] = quantize(%t, %ys, to=i8)",
                                 mark, R"()
      %c: f32[64,2] = dequantize(%q, %ys, to=f32)
      %d: f32[64,2] = mul(%c, %four)
      yield(%d as y)
    }
  })"),
                          ops::Find);
  EXPECT_TRUE(graph.ok()) << graph.diag().what;
  return graph.ok() ? *std::move(graph) : Graph();
}

// Integers have a bias in steps of what it is added to, which is another one by a little.
TEST(Proof, BiasesMayBeStored) {
  ProofOptions options;
  options.samples = 3;
  const auto report = Prove(Biased("b", ""), Biased("bd", ", arithmetic=\"litert\""), options);
  ASSERT_TRUE(report.ok()) << report.diag().what;
  EXPECT_EQ(report->verdict, Verdict::kProved) << report->reason;
  // Nothing is rounded where the written model has no integers.
  const auto plain = Prove(Biased("b", ""), Biased("bd", ""), options);
  ASSERT_TRUE(plain.ok()) << plain.diag().what;
  EXPECT_EQ(plain->verdict, Verdict::kDiffers);
}

// A runtime whose results are those of a graph here, moved by a number.
class OtherRuntime : public runtimes::Runtime {
 public:
  OtherRuntime(const Graph& graph, float off) : graph_(graph), off_(off) {}
  [[nodiscard]] std::string_view name() const override { return "Other"; }
  [[nodiscard]] const std::string& version() const override { return version_; }
  [[nodiscard]] const std::string& library() const override { return version_; }
  Result<std::unique_ptr<runtimes::Model>> Open(const std::string&, const runtimes::OpenOptions&) override {
    return std::unique_ptr<runtimes::Model>(std::make_unique<OtherModel>(graph_, off_));
  }
  Result<std::unique_ptr<runtimes::Model>> Open(ByteSpan, const runtimes::OpenOptions&) override {
    return std::unique_ptr<runtimes::Model>(std::make_unique<OtherModel>(graph_, off_));
  }

 private:
  class OtherModel : public runtimes::Model {
   public:
    OtherModel(const Graph& graph, float off) : session_(graph, {}), off_(off) {
      in_ = {{graph.value(graph.region(Graph::main()).params[0]).name, runtimes::Element::kF32, {-1}}};
      out_ = {{graph.output_names[0], runtimes::Element::kF32, {-1}}};
    }
    [[nodiscard]] const std::vector<runtimes::Port>& inputs() const override { return in_; }
    [[nodiscard]] const std::vector<runtimes::Port>& outputs() const override { return out_; }
    Result<std::vector<runtimes::Array>> Run(std::span<const runtimes::Array> inputs) override {
      TRY(RtValue x, FromArray(inputs[0]));
      TRY(auto results, session_.Run({std::move(x)}));
      Tensor y(DType::kF32, results[0].tensor.dims());
      for (int64_t i = 0; i < y.size(); ++i) {
        y.mutable_data<float>()[i] = results[0].tensor.data<float>()[i] + (i % 2 == 0 ? off_ : 0);
      }
      TRY(runtimes::Array array, ToArray(RtValue(std::move(y))));
      return std::vector<runtimes::Array>{std::move(array)};
    }

   private:
    Session session_;
    float off_;
    std::vector<runtimes::Port> in_, out_;
  };

  const Graph& graph_;
  float off_;
  std::string version_ = "1";
};

Verdict JudgedBy(std::string_view body, float off) {
  auto graph = ParseGraph(Concat("graph {\n const %c: f32[] = [-30]\n const %k: f32[] = [100000]\n",
                                 "const %axes: i64[1] = [1]\n main (%x: f32[1,8]) {\n", body, "\n }\n}"),
                          ops::Find);
  EXPECT_TRUE(graph.ok()) << graph.diag().what;
  if (!graph.ok()) return Verdict::kNotRun;
  OtherRuntime other(*graph, off);
  ProofOptions options;
  options.judge = &other;
  options.judged_file = "model";
  const auto report = Prove(*graph, *graph, options);
  EXPECT_TRUE(report.ok());
  return report.ok() ? report->verdict : Verdict::kNotRun;
}

TEST(Proof, ForeignKernelsAreAsExactAsTheirRange) {
  // Next to nothing comes out, and kernels are exact to the last digit of 1.
  constexpr std::string_view kSigmoid = "%s: f32[1,8] = add(%x, %c)\n %y: f32[1,8] = sigmoid(%s)\n yield(%y as y)";
  EXPECT_NE(JudgedBy(kSigmoid, 1e-7F), Verdict::kDiffers);
  EXPECT_EQ(JudgedBy(kSigmoid, 1e-6F), Verdict::kDiffers);
  constexpr std::string_view kExp = "%s: f32[1,8] = add(%x, %c)\n %y: f32[1,8] = exp(%s)\n yield(%y as y)";
  EXPECT_EQ(JudgedBy(kExp, 1e-7F), Verdict::kDiffers);
}

// A runtime that makes another thing of no number at all makes it of the source as well.
TEST(Proof, WhatIsNoNumberIsComparedWithTheRuntimesOwn) {
  const auto text = [](std::string_view op) {
    auto graph = ParseGraph(
        Concat("graph {\n main (%x: f32[1,8]) {\n %y: f32[1,8] = ", op, "(%x)\n yield(%y as y)\n }\n}"), ops::Find);
    EXPECT_TRUE(graph.ok());
    return graph.ok() ? *std::move(graph) : Graph();
  };
  const Graph log = text("log"), root = text("sqrt");
  for (const bool has_source : {true, false}) {
    OtherRuntime other(root, 0);
    ProofOptions options;
    options.judge = &other;
    options.judged_file = "model";
    if (has_source) options.source_file = "model";
    const auto report = Prove(log, log, options);
    ASSERT_TRUE(report.ok());
    EXPECT_EQ(report->verdict, has_source ? Verdict::kProved : Verdict::kDiffers) << report->reason;
  }
}

// Another runtime takes other steps: four times those of ours, or one of the output's own.
TEST(Proof, ForeignIntegersTakeTheirOwnSteps) {
  const Graph integers = Product(", arithmetic=\"litert\""), reals = Product("");
  const auto judged = [&](float off) {
    OtherRuntime other(integers, off);
    ProofOptions options;
    options.samples = 3;
    options.judge = &other;
    options.judged_file = "model";
    const auto report = Prove(reals, integers, options);
    EXPECT_TRUE(report.ok());
    return report.ok() ? report->verdict : Verdict::kNotRun;
  };
  EXPECT_EQ(judged(0), Verdict::kProved);
  EXPECT_EQ(judged(0.02F), Verdict::kProved);
  EXPECT_EQ(judged(0.5F), Verdict::kDiffers);
}

TEST(Proof, ForeignRoundingMayMoveWhatLastDigitsMove) {
  // What differs from the largest element, enlarged: nothing for equal elements, much for the last digit of one.
  constexpr std::string_view kSpread =
      "%m: f32[1,1] = reduce(%x, %axes, mode=\"max\", keep_dims=1)\n %d: f32[1,8] = sub(%x, %m)\n"
      "%y: f32[1,8] = mul(%d, %k)\n yield(%y as y)";
  EXPECT_NE(JudgedBy(kSpread, 0.01F), Verdict::kDiffers);
  EXPECT_EQ(JudgedBy(kSpread, 10.0F), Verdict::kDiffers);
}

ProofReport CompareText(std::string_view source, std::string_view written) {
  const auto a = ParseGraph(source, ops::Find), b = ParseGraph(written, ops::Find);
  EXPECT_TRUE(a.ok() && b.ok());
  auto report = Prove(*a, *b, {});
  EXPECT_TRUE(report.ok());
  return report.ok() ? *std::move(report) : ProofReport{};
}

constexpr std::string_view kStateless = R"(graph {
  main (%x: f32[2]) {
    %y: f32[2] = relu(%x)
    yield(%y as y)
  }
})";

// A state that only the written model has goes on from run to run, and must change nothing.
TEST(Proof, StatesOfTheWrittenModelAlone) {
  const ProofReport idle = CompareText(kStateless, R"(graph {
    meta "godwit.state.s" "n"
    const %zero: f32[] = [0]
    main (%x: f32[2], %s: f32[2]) {
      %n: f32[2] = add(%s, %x)
      %o: f32[2] = mul(%n, %zero)
      %r: f32[2] = relu(%x)
      %y: f32[2] = add(%r, %o)
      yield(%y as y, %n as n)
    }
  })");
  EXPECT_EQ(idle.verdict, Verdict::kProved) << idle.reason;
  EXPECT_NE(ProofText(idle, true).find("that the source has not"), std::string::npos) << ProofText(idle, true);
  // From its first value on the first run is right, the next is not.
  const ProofReport tells = CompareText(kStateless, R"(graph {
    meta "godwit.state.s" "n"
    main (%x: f32[2], %s: f32[2]) {
      %n: f32[2] = add(%s, %x)
      %r: f32[2] = relu(%x)
      %y: f32[2] = add(%r, %s)
      yield(%y as y, %n as n)
    }
  })");
  EXPECT_EQ(tells.verdict, Verdict::kDiffers);
}

}  // namespace
}  // namespace godwit
