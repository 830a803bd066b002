// Layers that keep their state themselves come back as the operators they were, and give the same bits run after run.
#include <gtest/gtest.h>

#include <cstring>

#include "backends/tflite/prepare.h"
#include "backends/tflite_written.h"
#include "base/text.h"
#include "ir/state.h"
#include "ir/text.h"
#include "ops/ops.h"
#include "support/tflite_import.h"

namespace godwit::testing {
namespace {

using T = tflite::TensorType;
using B = tflite::BuiltinOperator;
using Ints = TfliteBuilder::Ints;
using Set = tflite::OptionsSetter;

struct Written {
  Graph graph;
  std::string ops;
  int version = 0;
};

Written WriteAgain(const Graph& source, const targets::TfliteProfile& profile) {
  Written out;
  Graph graph = source.Clone();
  to_tflite::PrepareOptions prepare;
  prepare.profile = profile;
  EXPECT_TRUE(to_tflite::Prepare(&graph, prepare, nullptr).ok());
  const test::WrittenTflite written = test::WriteTflite(graph, {profile});
  if (written.model.subgraphs.empty()) return out;
  out.ops = written.Ops();
  out.version = written.VersionOf(written.model.subgraphs[0].operators.size() - 1);
  out.graph = test::ReadTflite(written);
  return out;
}

Written WriteAgain(const Graph& source, std::string_view profile = "litert@2.1") {
  auto parsed = targets::ParseTfliteProfile(profile);
  EXPECT_TRUE(parsed.ok());
  return parsed.ok() ? WriteAgain(source, *parsed) : Written();
}

// Bytes of the first result over several runs, states carried along.
std::vector<std::string> Runs(const Graph& graph, const std::vector<Tensor>& feeds) {
  SessionOptions options;
  options.threads = 1;
  Session session(graph, options);
  const auto states = StatesOf(graph);
  EXPECT_TRUE(states.ok());
  std::vector<RtValue> inputs(graph.region(Graph::main()).params.size());
  for (const StateSlot& slot : *states) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (graph.value(graph.region(Graph::main()).params[i]).name == slot.input) inputs[i] = slot.initial;
    }
  }
  std::vector<std::string> out;
  for (const Tensor& feed : feeds) {
    inputs[0] = feed;
    auto results = session.Run(inputs);
    if (!results.ok()) {
      ADD_FAILURE() << FormatDiag(results.diag());
      return out;
    }
    const Tensor& y = (*results)[0].tensor;
    out.emplace_back(reinterpret_cast<const char*>(y.raw()), y.bytes());
    CarryState(graph, *states, *results, &inputs);
  }
  return out;
}

void ExpectSame(const Graph& a, const Graph& b, const std::vector<Tensor>& feeds) {
  const auto want = Runs(a, feeds), got = Runs(b, feeds);
  ASSERT_EQ(want.size(), feeds.size());
  EXPECT_EQ(want, got);
  EXPECT_NE(want[0], want[1]);
}

template <class E>
std::vector<E> Spread(int64_t n, int step, int least, int most) {
  std::vector<E> out;
  for (int64_t i = 0; i < n; ++i)
    out.push_back(static_cast<E>(least + static_cast<int>(i) * step % (most - least + 1)));
  return out;
}

std::vector<float> Reals(int64_t n, int step) {
  std::vector<float> out;
  for (const int v : Spread<int>(n, step, -50, 50)) out.push_back(static_cast<float>(v) / 40);
  return out;
}

std::vector<Tensor> RealFeeds(const Dims& dims) {
  std::vector<Tensor> out;
  for (const int step : {7, 13, 29}) out.push_back(Tensor::F32(dims, Reals(ElementCount(dims), step)));
  return out;
}

std::vector<Tensor> ByteFeeds(const Dims& dims) {
  std::vector<Tensor> out;
  for (const int step : {7, 13, 29}) {
    const auto bytes = Spread<int8_t>(ElementCount(dims), step, -128, 127);
    out.push_back(Tensor::Of<int8_t>(DType::kI8, dims, bytes));
  }
  return out;
}

int32_t Variable(TfliteBuilder* b, const char* name, T type, const Ints& shape) {
  const int32_t t = b->Add(name, type, shape);
  b->At(t).is_variable = true;
  return t;
}

constexpr int kIn = 2, kHidden = 3;

// x [1,4,2] -> y [1,4,3].
struct LstmCase {
  bool stored = false, hybrid = false, peepholes = false, projection = false, coupled = false;
  bool asymmetric = false;
  float cell_clip = 0;
};

Graph Lstm(const LstmCase& k) {
  TfliteBuilder b;
  const T real = k.stored ? T::kInt8 : T::kFloat32;
  const auto weights = [&](const Ints& shape, int step) {
    int64_t n = 1;
    for (const int32_t d : shape) n *= d;
    if (!k.stored && !k.hybrid) return b.F32(shape, Reals(n, step));
    const int32_t t = b.Const(T::kInt8, shape, Spread<int8_t>(n, step, -127, 127));
    b.Quantise(t, {0.011F}, {0});
    return t;
  };
  Ints in{b.Input("x", real, {1, 4, kIn})};
  if (k.stored) b.Quantise(in[0], {0.02F}, {5});
  for (int g = 0; g < 4; ++g) in.push_back(g == 0 && k.coupled ? -1 : weights({kHidden, kIn}, 17 + g));
  for (int g = 0; g < 4; ++g) in.push_back(g == 0 && k.coupled ? -1 : weights({kHidden, kHidden}, 23 + g));
  for (int g = 0; g < 3; ++g) in.push_back(k.peepholes ? weights({kHidden}, 31 + g) : -1);
  for (int g = 0; g < 4; ++g) {
    if (g == 0 && k.coupled) {
      in.push_back(-1);
    } else if (k.stored) {
      // More than 24 bits of a bias must come through.
      in.push_back(b.I32({kHidden}, {100 * g, -16777219, 33554437}));
      b.Quantise(in.back(), {0.00022F}, {0});
    } else {
      in.push_back(b.F32({kHidden}, {0.5F, -0.25F, 0.1F}));
    }
  }
  in.push_back(k.projection ? weights({kHidden, kHidden}, 41) : -1);
  in.push_back(-1);
  in.push_back(Variable(&b, "h", real, {1, kHidden}));
  if (k.stored) b.Quantise(in.back(), {0.0078F}, {-1});
  in.push_back(Variable(&b, "c", k.stored ? T::kInt16 : T::kFloat32, {1, kHidden}));
  if (k.stored) b.Quantise(in.back(), {1.0F / 4096}, {0});
  for (int i = 0; i < 4; ++i) in.push_back(-1);
  const int32_t y = b.Add("y", real, {1, 4, kHidden});
  if (k.stored) b.Quantise(y, {0.0078F}, {-1});
  b.Emit(B::kUnidirectionalSequenceLstm, in, {y}, [&](Set& s) {
    s.Enum("fused_activation_function", tflite::ActivationFunctionType::kTanh).Float("cell_clip", k.cell_clip);
    if (k.projection) s.Float("proj_clip", 0.75F);
    s.Bool("asymmetric_quantize_inputs", k.asymmetric);
  });
  b.Outputs({y});
  return b.Import();
}

TEST(TfliteStateful, LstmOfRealNumbers) {
  for (const LstmCase& k : {LstmCase{}, LstmCase{.peepholes = true}, LstmCase{.projection = true, .cell_clip = 0.5F},
                            LstmCase{.coupled = true}}) {
    const Graph source = Lstm(k);
    const Written again = WriteAgain(source);
    EXPECT_EQ(again.ops, "UNIDIRECTIONAL_SEQUENCE_LSTM");
    EXPECT_EQ(again.version, 1);
    ExpectSame(source, again.graph, RealFeeds({1, 4, kIn}));
  }
}

TEST(TfliteStateful, LstmOfStoredWeights) {
  for (const bool asymmetric : {false, true}) {
    const Graph source = Lstm({.hybrid = true, .asymmetric = asymmetric});
    const Written again = WriteAgain(source);
    EXPECT_EQ(again.ops, "UNIDIRECTIONAL_SEQUENCE_LSTM");
    EXPECT_EQ(again.version, asymmetric ? 3 : 2);
    ExpectSame(source, again.graph, RealFeeds({1, 4, kIn}));
  }
}

TEST(TfliteStateful, LstmOnIntegers) {
  for (const LstmCase& k : {LstmCase{.stored = true}, LstmCase{.stored = true, .coupled = true, .cell_clip = 4}}) {
    const Graph source = Lstm(k);
    const Written again = WriteAgain(source);
    EXPECT_EQ(again.ops, "UNIDIRECTIONAL_SEQUENCE_LSTM");
    ExpectSame(source, again.graph, ByteFeeds({1, 4, kIn}));
  }
}

TEST(TfliteStateful, ForbiddenLayersAreSpelledOut) {
  targets::TfliteProfile profile;
  profile.forbid = {"UNIDIRECTIONAL_SEQUENCE_LSTM"};
  Graph graph = Lstm({.stored = true});
  to_tflite::PrepareOptions prepare;
  prepare.profile = profile;
  ASSERT_TRUE(to_tflite::Prepare(&graph, prepare, nullptr).ok());
  DiagSink sink;
  const auto exported = to_tflite::ExportModel(graph, {profile}, &sink);
  ASSERT_TRUE(exported.ok());
  EXPECT_FALSE(sink.has_errors());
  EXPECT_GT(exported->operators, 1);
}

// x [1,2] -> y [1,2]: four filters of three sums, two of them a unit.
Graph Lines(bool stored, bool bias) {
  TfliteBuilder b;
  const T real = stored ? T::kInt8 : T::kFloat32;
  Ints in{b.Input("x", real, {1, 2})};
  in.push_back(b.Const(T::kInt8, {4, 2}, Spread<int8_t>(8, 37, -127, 127)));
  b.Quantise(in.back(), {0.01F}, {0});
  if (stored) {
    b.Quantise(in[0], {0.02F}, {3});
    in.push_back(b.Const(T::kInt16, {4, 3}, Spread<int16_t>(12, 1001, -4000, 4000)));
  } else {
    in.push_back(b.Const(T::kInt8, {4, 3}, Spread<int8_t>(12, 37, -127, 127)));
  }
  b.Quantise(in.back(), {0.0005F}, {0});
  in.push_back(!bias ? -1 : stored ? b.I32({2}, {1000, -2000}) : b.F32({2}, {0.5F, -0.25F}));
  if (stored && bias) b.Quantise(in.back(), {0.0001F * 0.0005F}, {0});
  in.push_back(Variable(&b, "lines", stored ? T::kInt16 : T::kFloat32, {1, 12}));
  if (stored) b.Quantise(in.back(), {0.0001F}, {0});
  const int32_t y = b.Add("y", real, {1, 2});
  if (stored) b.Quantise(y, {0.01F}, {-4});
  b.Emit(B::kSvdf, in, {y},
         [&](Set& s) { s.Int("rank", 2).Enum("fused_activation_function", tflite::ActivationFunctionType::kRelu); });
  b.Outputs({y});
  return b.Import();
}

TEST(TfliteStateful, LinesOfSums) {
  for (const bool stored : {false, true}) {
    for (const bool bias : {false, true}) {
      const Graph source = Lines(stored, bias);
      const Written again = WriteAgain(source);
      EXPECT_EQ(again.ops, "SVDF") << stored << bias;
      EXPECT_EQ(again.version, stored ? 3 : 2);
      const auto want = Runs(source, stored ? ByteFeeds({1, 2}) : RealFeeds({1, 2}));
      EXPECT_EQ(want, Runs(again.graph, stored ? ByteFeeds({1, 2}) : RealFeeds({1, 2})));
    }
  }
}

// One direction, or both of them, of two hidden elements.
Graph Plain(bool both, bool time_major, tflite::ActivationFunctionType function) {
  TfliteBuilder b;
  const Ints shape = time_major ? Ints{4, 1, 2} : Ints{1, 4, 2};
  Ints in{b.Input("x", T::kFloat32, shape)};
  for (int d = 0; d < (both ? 2 : 1); ++d) {
    const float s = d == 0 ? 1.0F : -0.5F;
    in.push_back(b.F32({2, 2}, {0.3F * s, -0.7F, 0.5F, 0.2F * s}));
    in.push_back(b.F32({2, 2}, {-0.4F, 0.6F * s, 0.1F, 0.8F}));
    in.push_back(b.F32({2}, {0.05F, -0.1F * s}));
    in.push_back(Variable(&b, d == 0 ? "h" : "hb", T::kFloat32, {1, 2}));
  }
  const int32_t y = b.Add("y", T::kFloat32, shape);
  Ints out{y};
  const auto set = [&](Set& s) { s.Enum("fused_activation_function", function).Bool("time_major", time_major); };
  if (both) {
    in.insert(in.end(), 3, -1);
    out.push_back(b.Add("z", T::kFloat32, shape));
    b.Emit(B::kBidirectionalSequenceRnn, in, out, set);
  } else {
    b.Emit(B::kUnidirectionalSequenceRnn, in, out, set);
  }
  b.Outputs(out);
  return b.Import();
}

TEST(TfliteStateful, PlainLayers) {
  using Function = tflite::ActivationFunctionType;
  for (const bool time_major : {false, true}) {
    const Ints shape = time_major ? Ints{4, 1, 2} : Ints{1, 4, 2};
    const std::vector<Tensor> feeds = RealFeeds({shape.begin(), shape.end()});
    for (const Function function : {Function::kTanh, Function::kRelu}) {
      const Graph source = Plain(false, time_major, function);
      const Written again = WriteAgain(source);
      EXPECT_EQ(again.ops, "UNIDIRECTIONAL_SEQUENCE_RNN");
      EXPECT_EQ(again.version, 1);
      ExpectSame(source, again.graph, feeds);
    }
    // The direction that goes backward is one that goes forward over the sequence turned round.
    const Graph source = Plain(true, time_major, Function::kTanh);
    const Written again = WriteAgain(source);
    EXPECT_NE(again.ops.find("REVERSE_V2 UNIDIRECTIONAL_SEQUENCE_RNN REVERSE_V2"), std::string::npos) << again.ops;
    ExpectSame(source, again.graph, feeds);
  }
}

// The results of both directions of a layer, and what they are at last, from what an earlier run has left.
TEST(TfliteStateful, LayersOfBothDirectionsBeginEveryRunWithZeros) {
  const auto layer = [](std::string_view op, size_t gates, std::string_view attrs) {
    const auto numbers = [](size_t count, int from) {
      std::string text;
      for (size_t i = 0; i < count; ++i) {
        text += Concat(i == 0 ? "" : ",", std::to_string(((static_cast<int>(i) * 37 + from) % 19 - 9) / 8.0));
      }
      return text;
    };
    const std::string rows = std::to_string(2 * gates);
    return Concat("graph { const %w: f32[2,", rows, ",3] = [", numbers(12 * gates, 1), "]\n const %r: f32[2,", rows,
                  ",2] = [", numbers(8 * gates, 5), "]\n const %b: f32[2,", std::to_string(4 * gates), "] = [",
                  numbers(8 * gates, 3), "]\n main (%x: f32[4,2,3]) { %y: f32[4,2,2,2], %h: f32[2,2,2]",
                  gates == 4 ? ", %c: f32[2,2,2]" : "", " = ", op, "(%x, %w, %r, %b, direction=\"bidirectional\"",
                  attrs, ")\n yield(%y as y, %h as h) } }");
  };
  struct Case {
    std::string text, together, each;
  };
  const Case cases[] = {
      {layer("lstm", 4, R"(, activations=["sigmoid","tanh","tanh","sigmoid","tanh","tanh"])"),
       "BIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM"},
      {layer("rnn", 1, R"(, activations=["tanh","tanh"])"), "BIDIRECTIONAL_SEQUENCE_RNN",
       "UNIDIRECTIONAL_SEQUENCE_RNN"},
      {layer("rnn", 1, R"(, activations=["relu","relu"])"), "BIDIRECTIONAL_SEQUENCE_RNN",
       "UNIDIRECTIONAL_SEQUENCE_RNN"},
  };
  std::vector<float> numbers;
  for (int i = 0; i < 24; ++i) numbers.push_back(static_cast<float>((i * 29) % 17 - 8) / 4);
  const Tensor x = Tensor::F32({4, 2, 3}, numbers);
  for (const Case& k : cases) {
    auto parsed = ParseGraph(k.text, ops::Find);
    ASSERT_TRUE(parsed.ok()) << FormatDiag(parsed.diag());
    const Graph source = *std::move(parsed);
    const std::vector<Tensor> want = RunOnce(source, {x});
    ASSERT_EQ(want.size(), 2U);
    for (const std::string& op : {k.together, k.each}) {
      targets::TfliteProfile asked;
      asked.prefer.insert(op);
      const Written written = WriteAgain(source, asked);
      EXPECT_NE(written.ops.find(op), std::string::npos) << written.ops;
      const Graph& back = written.graph;
      // Whatever the states are, the results are the same.
      std::vector<RtValue> inputs{x};
      const auto states = StatesOf(back);
      ASSERT_TRUE(states.ok());
      EXPECT_EQ(states->size(), k.together.ends_with("LSTM") ? 4U : 2U);
      for (const StateSlot& slot : *states) {
        std::vector<float> junk;
        for (int64_t i = 0; i < slot.initial.size(); ++i) junk.push_back(static_cast<float>(i % 3) - 0.75F);
        inputs.emplace_back(Tensor::F32(slot.initial.dims(), junk));
      }
      const std::vector<Tensor> got = RunOnce(back, inputs);
      ASSERT_GE(got.size(), 2U);
      for (size_t r = 0; r < 2; ++r) {
        ASSERT_EQ(got[r].dims(), want[r].dims());
        for (int64_t i = 0; i < got[r].size(); ++i) {
          EXPECT_NEAR(got[r].data<float>()[i], want[r].data<float>()[i], 2e-6F) << op << " " << r << " " << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace godwit::testing
