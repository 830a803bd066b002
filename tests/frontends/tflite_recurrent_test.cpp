// Recurrent layers of TFLite against a cell that is worked out number by number.
#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "ir/state.h"
#include "support/tflite_import.h"

namespace godwit::testing {
namespace {

using T = tflite::TensorType;
using B = tflite::BuiltinOperator;
using Ints = TfliteBuilder::Ints;
using Set = tflite::OptionsSetter;

// One cell of one number: weights, recurrent weights, biases and peepholes of the gates input, forget, cell, output.
struct Cell {
  float w[4] = {0.3F, -0.2F, 0.9F, 0.4F};
  float r[4] = {0.1F, 0.5F, -0.7F, 0.2F};
  float bias[4] = {0.05F, 0.6F, -0.1F, 0.2F};
  std::optional<float> peephole[3];
  bool coupled = false;  ///< the input gate is what the forget gate leaves
  std::optional<float> projection;
  float cell_clip = 0, projection_clip = 0;
};

float Sigmoid(float x) { return 1 / (1 + std::exp(-x)); }
float Clipped(float x, float most) { return most > 0 ? std::min(std::max(x, -most), most) : x; }

std::vector<float> Expected(const Cell& k, const std::vector<float>& x) {
  std::vector<float> out;
  float h = 0, c = 0;
  for (const float v : x) {
    const auto gate = [&](size_t g, float sees) {
      const size_t p = g == 3 ? 2 : g;
      const float peep = g != 2 && k.peephole[p] ? *k.peephole[p] * sees : 0;
      return k.w[g] * v + k.r[g] * h + peep + k.bias[g];
    };
    const float f = Sigmoid(gate(1, c));
    const float i = k.coupled ? 1 - f : Sigmoid(gate(0, c));
    c = Clipped(f * c + i * std::tanh(gate(2, 0)), k.cell_clip);
    h = Sigmoid(gate(3, c)) * std::tanh(c);
    if (k.projection) h = Clipped(*k.projection * h, k.projection_clip);
    out.push_back(h);
  }
  return out;
}

// Places 1 to 17 of the operands.
void AddCell(TfliteBuilder* b, const Cell& k, Ints* operands) {
  for (size_t g = 0; g < 4; ++g) operands->push_back(g == 0 && k.coupled ? -1 : b->F32({1, 1}, {k.w[g]}));
  for (size_t g = 0; g < 4; ++g) operands->push_back(g == 0 && k.coupled ? -1 : b->F32({1, 1}, {k.r[g]}));
  for (const auto& p : k.peephole) operands->push_back(p ? b->F32({1}, {*p}) : -1);
  for (size_t g = 0; g < 4; ++g) operands->push_back(g == 0 && k.coupled ? -1 : b->F32({1}, {k.bias[g]}));
  operands->push_back(k.projection ? b->F32({1, 1}, {*k.projection}) : -1);
  operands->push_back(-1);
}

int32_t AddStateTo(TfliteBuilder* b, const std::string& name) {
  const int32_t t = b->Add(name, T::kFloat32, {1, 1});
  b->At(t).is_variable = true;
  return t;
}

std::vector<float> RunFromZero(const Graph& graph, const Tensor& x) {
  std::vector<RtValue> inputs{x};
  const auto states = StatesOf(graph);
  EXPECT_TRUE(states.ok());
  for (const StateSlot& slot : *states) inputs.emplace_back(slot.initial);
  const auto results = RunOnce(graph, inputs);
  return results.empty() ? std::vector<float>() : Floats(results[0]);
}

void CheckUnidirectional(const Cell& k) {
  const std::vector<float> x{0.5F, -1, 2};
  TfliteBuilder b;
  Ints operands{b.Input("x", T::kFloat32, {1, 3, 1})};
  AddCell(&b, k, &operands);
  operands.push_back(AddStateTo(&b, "h"));
  operands.push_back(AddStateTo(&b, "c"));
  for (int i = 0; i < 4; ++i) operands.push_back(-1);
  const int32_t y = b.Add("y", T::kFloat32, {1, 3, 1});
  b.Emit(B::kUnidirectionalSequenceLstm, operands, {y}, [&](Set& s) {
    s.Enum("fused_activation_function", tflite::ActivationFunctionType::kTanh)
        .Float("cell_clip", k.cell_clip)
        .Float("proj_clip", k.projection_clip);
  });
  b.Outputs({y});
  const Graph graph = b.Import();
  const auto got = RunFromZero(graph, Tensor::F32({1, 3, 1}, x));
  const auto want = Expected(k, x);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-6F) << i;
}

TEST(TfliteRecurrent, PlainLstm) { CheckUnidirectional({}); }

TEST(TfliteRecurrent, LstmWithPeepholes) {
  Cell k;
  k.peephole[0] = 0.3F, k.peephole[1] = -0.4F, k.peephole[2] = 0.5F;
  CheckUnidirectional(k);
}

TEST(TfliteRecurrent, LstmWithCoupledGates) {
  Cell k;
  k.coupled = true;
  CheckUnidirectional(k);
}

TEST(TfliteRecurrent, LstmWithProjectionAndClips) {
  Cell k;
  k.projection = 2;
  k.cell_clip = 0.3F, k.projection_clip = 0.4F;
  CheckUnidirectional(k);
}

TEST(TfliteRecurrent, BothDirections) {
  const std::vector<float> x{0.5F, -1, 2};
  Cell bw;
  bw.w[0] = -0.6F;
  TfliteBuilder b;
  Ints operands{b.Input("x", T::kFloat32, {3, 1, 1})};
  AddCell(&b, {}, &operands);
  AddCell(&b, bw, &operands);
  for (const char* name : {"fh", "fc", "bh", "bc"}) operands.push_back(AddStateTo(&b, name));
  for (int i = 0; i < 9; ++i) operands.push_back(-1);
  const int32_t y = b.Add("y", T::kFloat32, {3, 1, 2});
  b.Emit(B::kBidirectionalSequenceLstm, operands, {y}, [](Set& s) {
    s.Enum("fused_activation_function", tflite::ActivationFunctionType::kTanh)
        .Bool("merge_outputs", true)
        .Bool("time_major", true);
  });
  b.Outputs({y});
  const Graph graph = b.Import();
  const auto got = RunFromZero(graph, Tensor::F32({3, 1, 1}, x));
  const auto forward = Expected({}, x);
  auto backward = Expected(bw, {x.rbegin(), x.rend()});
  ASSERT_EQ(got.size(), 6U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(got[2 * i], forward[i], 1e-6F) << i;
    EXPECT_NEAR(got[2 * i + 1], backward[2 - i], 1e-6F) << i;
  }
}

// The old kind: one matrix for [x, h], gates input, new, forget, output, and states that are operands and results.
TEST(TfliteRecurrent, BasicLstmCell) {
  const Cell k;
  TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {1, 1}), h = b.Input("h", T::kFloat32, {1, 1}),
                c = b.Input("c", T::kFloat32, {1, 1});
  const int32_t w = b.F32({4, 2}, {k.w[0], k.r[0], k.w[2], k.r[2], k.w[1], k.r[1], k.w[3], k.r[3]});
  const int32_t bias = b.F32({4}, {k.bias[0], k.bias[2], k.bias[1], k.bias[3]});
  const int32_t y = b.Add("y", T::kFloat32, {1, 1}), next = b.Add("next", T::kFloat32, {1, 1});
  const int32_t joined = b.Add("joined", T::kFloat32, {1, 2}), sums = b.Add("sums", T::kFloat32, {1, 4});
  b.Emit(B::kLstm, {x, h, w, bias, c}, {y, next, joined, sums},
         [](Set& s) { s.Enum("kernel_type", tflite::LSTMKernelType::kBasic); });
  b.Outputs({y, next});
  const Graph graph = b.Import();
  const Tensor zero = Tensor::F32({1, 1}, {0});
  auto results = RunOnce(graph, {Tensor::F32({1, 1}, {0.5F}), zero, zero});
  ASSERT_EQ(results.size(), 2U);
  results = RunOnce(graph, {Tensor::F32({1, 1}, {-1}), results[0], results[1]});
  EXPECT_NEAR(Floats(results[0])[0], Expected(k, {0.5F, -1})[1], 1e-6F);
}

// Where both directions are handed an input each, LiteRT's plain layer takes the second one with the time in front
// alone.
TEST(TfliteRecurrent, BackwardRnnReadsItsOwnInputWithTheTimeInFront) {
  for (const bool time_major : {false, true}) {
    const Ints shape = time_major ? Ints{2, 1, 1} : Ints{1, 2, 1};
    TfliteBuilder b;
    const int32_t x = b.Input("x", T::kFloat32, shape), aux = b.Input("aux", T::kFloat32, shape);
    const auto one = [&](float v) { return b.F32({1, 1}, {v}); };
    const int32_t fh = AddStateTo(&b, "fh"), bh = AddStateTo(&b, "bh");
    const int32_t fw = b.Add("fw", T::kFloat32, shape), bw = b.Add("bw", T::kFloat32, shape);
    b.Emit(B::kBidirectionalSequenceRnn,
           {x, one(1), one(0.5F), b.F32({1}, {0}), fh, one(1), one(0.5F), b.F32({1}, {0}), bh, aux, -1, -1}, {fw, bw},
           [&](Set& s) { s.Bool("time_major", time_major); });
    b.Outputs({fw, bw});
    const Graph graph = b.Import();
    const Dims dims(shape.begin(), shape.end());
    const Tensor zero = Tensor::F32({1, 1}, {0});
    const auto results = RunOnce(graph, {Tensor::F32(dims, {1, 2}), Tensor::F32(dims, {10, 20}), zero, zero});
    ASSERT_GE(results.size(), 2U);
    EXPECT_EQ(Floats(results[0]), (std::vector<float>{1, 2.5F}));
    EXPECT_EQ(Floats(results[1]), time_major ? (std::vector<float>{20, 20}) : (std::vector<float>{2, 2}));
  }
}

}  // namespace
}  // namespace godwit::testing
