// Recurrent layers in plans against their operators, over what the attributes allow.
#include <random>

#include "exec/plan_check.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::ImportBuilt;
using testing::Numbers;
using testing::OnnxAttr;
using testing::OnnxGraph;

struct Layer {
  std::string op = "LSTM";
  int64_t steps = 5, batch = 2, input = 3, hidden = 20;
  std::string direction = "forward";
  bool bias = true, initial = false, peephole = false, lens = false, batch_major = false, y = true;
  std::vector<OnnxAttr> attrs;
  std::vector<int32_t> lengths;

  [[nodiscard]] OnnxGraph Build() const {
    const int64_t gates = op == "LSTM" ? 4 : op == "GRU" ? 3 : 1, dirs = direction == "bidirectional" ? 2 : 1;
    OnnxGraph g;
    const auto init = [&](const char* name, const std::vector<int64_t>& dims, uint32_t seed) {
      g.Init(name, dims, Numbers(static_cast<size_t>(ElementCount(dims)), seed));
    };
    if (batch_major)
      g.Input("x", DataType::kFloat, {batch, steps, input});
    else
      g.Input("x", DataType::kFloat, {steps, batch, input});
    init("w", {dirs, gates * hidden, input}, 1), init("r", {dirs, gates * hidden, hidden}, 2);
    std::vector<std::string> in{"x", "w", "r", "", "", "", "", ""};
    if (bias) init("b", {dirs, 2 * gates * hidden}, 3), in[3] = "b";
    if (lens) g.Init("lens", {batch}, lengths), in[4] = "lens";
    const std::vector<int64_t> state =
        batch_major ? std::vector<int64_t>{batch, dirs, hidden} : std::vector<int64_t>{dirs, batch, hidden};
    if (initial) init("h0", state, 4), in[5] = "h0";
    if (initial && op == "LSTM") init("c0", state, 5), in[6] = "c0";
    if (peephole) init("p", {dirs, 3 * hidden}, 6), in[7] = "p";
    if (op != "LSTM") in.resize(6);
    std::vector<OnnxAttr> all = attrs;
    all.emplace_back("hidden_size", hidden), all.emplace_back("direction", direction);
    all.emplace_back("layout", batch_major ? 1 : 0);
    std::vector<std::string> out{y ? "y" : "", "h"};
    if (op == "LSTM") out.emplace_back("c");
    g.Node(op, in, out, all);
    for (const std::string& name : out) {
      if (!name.empty()) g.Output(name, DataType::kFloat);
    }
    return g;
  }
  [[nodiscard]] RtValue Input() const {
    const Dims dims = batch_major ? Dims{batch, steps, input} : Dims{steps, batch, input};
    return RtValue(Tensor::F32(dims, Numbers(static_cast<size_t>(ElementCount(dims)), 7)));
  }
};

std::string StepOf(const Layer& layer) {
  const Graph graph = ImportBuilt(layer.Build());
  Session session(graph, {});
  std::vector<plan::StepTime> times;
  EXPECT_TRUE(session.Run({layer.Input()}, &times).ok());
  return times.empty() ? "" : times.back().label;
}

void Check(const Layer& layer, bool fast = true) {
  testing::ExpectOnePlan(ImportBuilt(layer.Build()), {layer.Input()}, 2e-6);
  EXPECT_EQ(StepOf(layer).find(" to ") != std::string::npos, fast);
}

TEST(RecurrentPlan, LayersAgreeWithTheirOperators) {
  std::mt19937 random(3);
  for (int round = 0; round < 36; ++round) {
    SCOPED_TRACE(round);
    const auto pick = [&](int n) { return static_cast<int64_t>(random() % static_cast<uint32_t>(n)); };
    Layer layer;
    layer.op = std::vector<std::string>{"LSTM", "GRU", "RNN"}[static_cast<size_t>(round % 3)];
    layer.steps = 1 + pick(7), layer.batch = 1 + pick(4), layer.input = 1 + pick(9), layer.hidden = 1 + pick(40);
    layer.direction = std::vector<std::string>{"forward", "reverse", "bidirectional"}[static_cast<size_t>(pick(3))];
    layer.bias = pick(3) != 0, layer.initial = pick(2) == 0, layer.batch_major = pick(3) == 0, layer.y = pick(4) != 0;
    layer.peephole = layer.op == "LSTM" && pick(2) == 0;
    if (pick(2) == 0) layer.attrs.emplace_back("clip", 0.5F);
    if (layer.op == "GRU") layer.attrs.emplace_back("linear_before_reset", pick(2));
    if (layer.op == "LSTM" && pick(2) == 0) layer.attrs.emplace_back("input_forget", 1);
    Check(layer);
  }
}

// More rows than are multiplied at a time.
TEST(RecurrentPlan, LongSequencesAreTakenInParts) {
  for (const bool batch_major : {false, true}) {
    for (const char* direction : {"forward", "bidirectional"}) {
      Layer layer;
      layer.op = "GRU", layer.steps = 600, layer.batch = 3, layer.hidden = 5, layer.batch_major = batch_major;
      layer.direction = direction;
      Check(layer);
    }
  }
}

TEST(RecurrentPlan, FullLengthsAreNoLengths) {
  Layer layer;
  layer.lens = true, layer.lengths = {5, 5};
  Check(layer);
}

TEST(RecurrentPlan, OtherLengthsAndFunctionsRunOnTheOperator) {
  Layer layer;
  layer.lens = true, layer.lengths = {5, 2};
  Check(layer, false);
  Layer other;
  other.attrs.emplace_back("activations", std::vector<std::string>{"HardSigmoid", "Tanh", "Tanh"});
  Check(other, false);
  Layer relu;
  relu.op = "RNN", relu.attrs.emplace_back("activations", std::vector<std::string>{"Relu"});
  Check(relu);
}

}  // namespace
}  // namespace godwit
