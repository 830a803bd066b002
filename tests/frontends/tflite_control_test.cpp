// Subgraphs, state and signatures of TFLite models.
#include <gtest/gtest.h>

#include <cstring>

#include "ir/state.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/ops.h"
#include "support/tflite_import.h"

namespace godwit::testing {
namespace {

using T = tflite::TensorType;
using B = tflite::BuiltinOperator;
using Values = std::vector<float>;
using Set = tflite::OptionsSetter;

Tensor Vector(const Values& values) { return Tensor::F32({static_cast<int64_t>(values.size())}, values); }
Tensor Flag(bool value) {
  return Tensor::Of<uint8_t>(DType::kBool, {1}, std::vector<uint8_t>{static_cast<uint8_t>(value)});
}

// A subgraph that adds a constant to its one operand.
void AddTo(TfliteBuilder* b, int64_t subgraph, float what) {
  b->Select(subgraph);
  const int32_t in = b->Input("in", T::kFloat32, {1});
  const int32_t out = b->Add("out", T::kFloat32, {1});
  b->Emit(B::kAdd, {in, b->F32({1}, {what})}, {out});
  b->Outputs({out});
}

TEST(TfliteControl, IfTakesOneOfTwoSubgraphs) {
  TfliteBuilder b;
  const int32_t c = b.Input("c", T::kBool, {1}), x = b.Input("x", T::kFloat32, {1});
  const int32_t y = b.Add("y", T::kFloat32, {1});
  const int64_t then_graph = b.AddSubgraph(), else_graph = b.AddSubgraph();
  b.Emit(B::kIf, {c, x}, {y},
         [&](Set& s) { s.Int("then_subgraph_index", then_graph).Int("else_subgraph_index", else_graph); });
  b.Outputs({y});
  AddTo(&b, then_graph, 1);
  AddTo(&b, else_graph, 10);
  const Graph graph = b.Import();
  EXPECT_EQ(Floats(RunOnce(graph, {Flag(true), Vector({1})})[0]), Values{2});
  EXPECT_EQ(Floats(RunOnce(graph, {Flag(false), Vector({1})})[0]), Values{11});
}

TEST(TfliteControl, WhileRunsAsLongAsItsConditionHolds) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {1});
  const int32_t y = b.Add("y", T::kFloat32, {1});
  const int64_t condition = b.AddSubgraph(), body = b.AddSubgraph();
  b.Emit(B::kWhile, {x}, {y},
         [&](Set& s) { s.Int("cond_subgraph_index", condition).Int("body_subgraph_index", body); });
  b.Outputs({y});
  b.Select(condition);
  const int32_t in = b.Input("in", T::kFloat32, {1});
  const int32_t less = b.Add("less", T::kBool, {1});
  b.Emit(B::kLess, {in, b.F32({1}, {5})}, {less});
  b.Outputs({less});
  AddTo(&b, body, 2);
  const Graph graph = b.Import();
  EXPECT_EQ(Floats(RunOnce(graph, {Vector({0})})[0]), Values{6});
  EXPECT_EQ(Floats(RunOnce(graph, {Vector({7})})[0]), Values{7});
}

TEST(TfliteControl, CaseAndCallAndCompositeEnterTheirSubgraphs) {
  TfliteBuilder b;
  const int32_t i = b.Input("i", T::kInt32, {}), x = b.Input("x", T::kFloat32, {1});
  const int32_t y = b.Add("y", T::kFloat32, {1}), z = b.Add("z", T::kFloat32, {1});
  const int64_t first = b.AddSubgraph(), second = b.AddSubgraph(), third = b.AddSubgraph();
  b.Emit(B::kStablehloCase, {i, x}, {y}, [&](Set& s) {
    s.Ints("branch_subgraph_indices", std::vector<int64_t>{first, second});
  });
  b.Emit(B::kStablehloComposite, {y}, {z}, [&](Set& s) { s.Int("decomposition_subgraph_index", third); });
  b.Outputs({z});
  AddTo(&b, first, 1);
  AddTo(&b, second, 2);
  AddTo(&b, third, 100);
  const Graph graph = b.Import();
  const auto index = [](int32_t v) { return Tensor::Of<int32_t>(DType::kI32, {}, std::vector<int32_t>{v}); };
  EXPECT_EQ(Floats(RunOnce(graph, {index(0), Vector({1})})[0]), Values{102});
  EXPECT_EQ(Floats(RunOnce(graph, {index(1), Vector({1})})[0]), Values{103});
  EXPECT_EQ(Floats(RunOnce(graph, {index(7), Vector({1})})[0]), Values{103});
}

// A counter: each run adds its operand to what the last one left, beginning with what the initialisation assigns.
TfliteBuilder Counter(bool initialised) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {1});
  const int32_t handle = b.Add("handle", T::kResource, {});
  const int32_t old = b.Add("old", T::kFloat32, {1}), sum = b.Add("sum", T::kFloat32, {1});
  const auto named = [](Set& s) { s.Text("shared_name", "total"); };
  int64_t init = 0;
  if (initialised) {
    init = b.AddSubgraph();
    b.Emit(B::kCallOnce, {}, {}, [&](Set& s) { s.Int("init_subgraph_index", init); });
  }
  b.Emit(B::kVarHandle, {}, {handle}, named);
  b.Emit(B::kReadVariable, {handle}, {old});
  b.Emit(B::kAdd, {old, x}, {sum});
  b.Emit(B::kAssignVariable, {handle, sum}, {});
  b.Outputs({sum});
  if (initialised) {
    b.Select(init);
    const int32_t again = b.Add("handle", T::kResource, {});
    b.Emit(B::kVarHandle, {}, {again}, named);
    b.Emit(B::kAssignVariable, {again, b.F32({1}, {40})}, {});
    b.Outputs({});
  }
  return b;
}

TEST(TfliteState, VariablesAreInputsAndOutputsThatBelongTogether) {
  TfliteBuilder b = Counter(true);
  const Graph graph = b.Import();
  const auto states = StatesOf(graph);
  ASSERT_TRUE(states.ok());
  ASSERT_EQ(states->size(), 1U);
  EXPECT_EQ((*states)[0].input, "total");
  EXPECT_EQ((*states)[0].output, "total.next");
  EXPECT_EQ(Floats((*states)[0].initial), Values{40});
  std::vector<RtValue> inputs{Vector({2}), (*states)[0].initial};
  auto results = RunOnce(graph, inputs);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(Floats(results[0]), Values{42});
  CarryState(graph, *states, {results[0], results[1]}, &inputs);
  results = RunOnce(graph, inputs);
  EXPECT_EQ(Floats(results[0]), Values{44});
}

// CALL_ONCE of a subgraph that fills the variable "total" with a number more than it holds, or with the number.
void AddFiller(TfliteBuilder* b, int64_t subgraph, float number, bool more) {
  b->Select(subgraph);
  const int32_t handle = b->Add("handle", T::kResource, {});
  b->Emit(B::kVarHandle, {}, {handle}, [](Set& s) { s.Text("shared_name", "total"); });
  int32_t value = b->F32({1}, {number});
  if (more) {
    const int32_t old = b->Add("old", T::kFloat32, {1}), sum = b->Add("sum", T::kFloat32, {1});
    b->Emit(B::kReadVariable, {handle}, {old});
    b->Emit(B::kAdd, {old, value}, {sum});
    value = sum;
  }
  b->Emit(B::kAssignVariable, {handle, value}, {});
}
void EmitOnce(TfliteBuilder* b, int64_t subgraph) {
  b->Emit(B::kCallOnce, {}, {}, [&](Set& s) { s.Int("init_subgraph_index", subgraph); });
}

TEST(TfliteState, SubgraphsThatFillVariablesRunOnceAndSeeWhatOthersFilled) {
  TfliteBuilder b = Counter(false);
  const int64_t outer = b.AddSubgraph(), first = b.AddSubgraph(), second = b.AddSubgraph();
  b.Select(0);
  EmitOnce(&b, outer);
  EmitOnce(&b, second);
  EmitOnce(&b, second);
  // The outer one fills nothing itself.
  b.Select(outer);
  EmitOnce(&b, first);
  AddFiller(&b, first, 40, false);
  AddFiller(&b, second, 2, true);
  const Graph graph = b.Import();
  const auto states = StatesOf(graph);
  ASSERT_TRUE(states.ok());
  ASSERT_EQ(states->size(), 1U);
  EXPECT_EQ(Floats((*states)[0].initial), Values{42});
}

TEST(TfliteState, IsKeptInTheTextForm) {
  TfliteBuilder b = Counter(true);
  const Graph graph = b.Import();
  TextOptions options;
  options.data = TextOptions::Data::kFull;
  const auto text = PrintGraph(graph, options);
  ASSERT_TRUE(text.ok());
  const auto again = ParseGraph(*text, ops::Find);
  ASSERT_TRUE(again.ok()) << FormatDiag(again.diag());
  const auto states = StatesOf(*again);
  ASSERT_TRUE(states.ok());
  ASSERT_EQ(states->size(), 1U);
  EXPECT_EQ(Floats((*states)[0].initial), Values{40});
}

TEST(TfliteState, WhatNothingAssignsStartsAsZeros) {
  TfliteBuilder b = Counter(false);
  const Graph graph = b.Import();
  const auto states = StatesOf(graph);
  ASSERT_TRUE(states.ok());
  ASSERT_EQ(states->size(), 1U);
  EXPECT_EQ(Floats((*states)[0].initial), Values{0});
}

// Texts as files hold them: their count, where each begins and the last ends, the bytes.
int32_t Texts(TfliteBuilder* b, const std::vector<std::string>& texts) {
  std::string all;
  std::vector<uint32_t> head{static_cast<uint32_t>(texts.size())};
  for (const std::string& t : texts) {
    head.push_back(static_cast<uint32_t>(4 * (texts.size() + 2) + all.size()));
    all += t;
  }
  head.push_back(static_cast<uint32_t>(4 * (texts.size() + 2) + all.size()));
  std::vector<uint8_t> bytes(4 * head.size());
  std::memcpy(bytes.data(), head.data(), bytes.size());
  bytes.insert(bytes.end(), all.begin(), all.end());
  return b->Const<uint8_t>(T::kString, {static_cast<int32_t>(texts.size())}, bytes);
}

TEST(TfliteState, TablesAreFilledBeforeTheModelRuns) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kInt64, {3});
  const int32_t table = b.Add("table", T::kResource, {}), y = b.Add("y", T::kString, {3}),
                n = b.Add("n", T::kInt64, {1});
  const auto named = [](Set& s) { s.Int("table_id", 7).Enum("key_dtype", T::kInt64).Enum("value_dtype", T::kString); };
  const int64_t init = b.AddSubgraph();
  b.Emit(B::kCallOnce, {}, {}, [&](Set& s) { s.Int("init_subgraph_index", init); });
  b.Emit(B::kHashtable, {}, {table}, named);
  b.Emit(B::kHashtableFind, {table, x, Texts(&b, {"none"})}, {y});
  b.Emit(B::kHashtableSize, {table}, {n});
  b.Outputs({y, n});
  b.Select(init);
  const int32_t again = b.Add("table", T::kResource, {});
  b.Emit(B::kHashtable, {}, {again}, named);
  b.Emit(B::kHashtableImport, {again, b.Const<int64_t>(T::kInt64, {2}, {5, 9}), Texts(&b, {"five", "nine"})}, {});
  b.Outputs({});
  const Graph graph = b.Import();
  const auto results = RunOnce(graph, {Tensor::I64({3}, {9, 1, 5})});
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(*results[0].data<StringRef>()[0], "nine");
  EXPECT_EQ(*results[0].data<StringRef>()[1], "none");
  EXPECT_EQ(*results[0].data<StringRef>()[2], "five");
  EXPECT_EQ(results[1].data<int64_t>()[0], 2);
}

TEST(TfliteRandom, NumbersOfTheDistribution) {
  TfliteBuilder b;
  const int32_t u = b.Add("u", T::kFloat32, {100}), g = b.Add("g", T::kFloat32, {100});
  b.Emit(B::kRandomUniform, {b.I32({1}, {100})}, {u}, [](Set& s) { s.Int("seed", 3); });
  b.Emit(B::kRandomStandardNormal, {b.I32({1}, {100})}, {g}, [](Set&) {});
  b.Outputs({u, g});
  const Graph graph = b.Import();
  const auto results = RunOnce(graph, {});
  ASSERT_EQ(results.size(), 2U);
  for (const float v : Floats(results[0])) EXPECT_TRUE(v >= 0 && v < 1);
  EXPECT_EQ(results[1].dims(), Dims{100});
}

// One unit of rank 1 over two steps: the newest sum and half of the one before.
TEST(TfliteState, SvdfRemembersItsLastSums) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {1, 2});
  const int32_t state = b.Add("state", T::kFloat32, {1, 2});
  b.At(state).is_variable = true;
  const int32_t y = b.Add("y", T::kFloat32, {1, 1});
  b.Emit(B::kSvdf, {x, b.F32({1, 2}, {1, 10}), b.F32({1, 2}, {0.5F, 1}), b.F32({1}, {100}), state}, {y},
         [](Set& s) { s.Int("rank", 1); });
  b.Outputs({y});
  const Graph graph = b.Import();
  const auto states = StatesOf(graph);
  ASSERT_TRUE(states.ok());
  ASSERT_EQ(states->size(), 1U);
  EXPECT_EQ((*states)[0].input, "state");
  std::vector<RtValue> inputs{Tensor::F32({1, 2}, {1, 2}), (*states)[0].initial};
  auto results = RunOnce(graph, inputs);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(Floats(results[0]), Values{121});
  CarryState(graph, *states, {results[0], results[1]}, &inputs);
  EXPECT_EQ(Floats(RunOnce(graph, inputs)[0]), Values{131.5F});
}

TEST(TfliteState, RnnFeedsItsResultBack) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {1, 3, 1});
  const int32_t state = b.Add("state", T::kFloat32, {1, 1});
  b.At(state).is_variable = true;
  const int32_t y = b.Add("y", T::kFloat32, {1, 3, 1});
  b.Emit(B::kUnidirectionalSequenceRnn, {x, b.F32({1, 1}, {1}), b.F32({1, 1}, {2}), b.F32({1}, {0.5F}), state}, {y},
         [](Set&) {});
  b.Outputs({y});
  const Graph graph = b.Import();
  const auto results = RunOnce(graph, {Tensor::F32({1, 3, 1}, {1, 2, 3}), Tensor::F32({1, 1}, {0})});
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(Floats(results[0]), (Values{1.5F, 5.5F, 14.5F}));
  EXPECT_EQ(Floats(results[1]), Values{14.5F});
}

TEST(TfliteSignature, NamesAreThoseOfTheSignature) {
  TfliteBuilder b;
  const int32_t x = b.Input("serving_default_x:0", T::kFloat32, {1, 2});
  b.Dynamic(x, {-1, 2});
  const int32_t y = b.Add("StatefulPartitionedCall:0", T::kFloat32, {1, 2});
  b.Emit(B::kAbs, {x}, {y});
  b.Outputs({y});
  b.Signature("serving_default", {"x"}, {"probabilities"});
  const Graph graph = b.Import();
  const Value& input = graph.value(graph.region(Graph::main()).params[0]);
  EXPECT_EQ(input.name, "x");
  EXPECT_FALSE(input.type.shape()[0].is_static());
  EXPECT_EQ(graph.output_names[0], "probabilities");
  EXPECT_EQ(graph.metadata.at("tflite.signature"), "serving_default");
  EXPECT_EQ(graph.metadata.at("tflite.input.x"), "serving_default_x:0");
  from_tflite::ImportOptions options;
  options.shapes["x"] = {"4", "2"};
  DiagSink sink;
  const Graph fixed = b.Import(&sink, options);
  EXPECT_EQ(fixed.value(fixed.region(Graph::main()).results[0]).type.shape()[0], Dim(4));
}

TEST(TfliteSignature, OtherEntryPointsAreTold) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {2});
  const int32_t y = b.Add("y", T::kFloat32, {2});
  b.Emit(B::kAbs, {x}, {y});
  b.Outputs({y});
  const int64_t other = b.AddSubgraph();
  AddTo(&b, other, 1);
  b.Signature("serving_default", {"x"}, {"y"});
  b.Signature("train", {}, {}, other);
  DiagSink sink;
  const Graph graph = b.Import(&sink);
  ASSERT_EQ(sink.all().size(), 1U);
  EXPECT_EQ(sink.all()[0].id, "tflite.signature");
  EXPECT_NE(sink.all()[0].what.find("entered by train,"), std::string::npos);
  EXPECT_EQ(graph.output_names[0], "y");
}

TEST(TfliteSignal, ComplexNumbersArePairsBetweenTheTransformAndItsReaders) {
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {1, 2, 2});
  const int32_t f = b.Add("f", T::kComplex64, {1, 2, 2}), m = b.Add("m", T::kFloat32, {1, 2, 2});
  b.Emit(B::kRfft2d, {x, b.I32({2}, {2, 2})}, {f});
  b.Emit(B::kComplexAbs, {f}, {m});
  b.Outputs({m});
  const Graph graph = b.Import();
  EXPECT_EQ(Floats(RunOnce(graph, {Tensor::F32({1, 2, 2}, {1, 2, 3, 4})})[0]), (Values{10, 2, 4, 0}));
}

}  // namespace
}  // namespace godwit::testing
