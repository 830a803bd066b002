// Shuffled channels that weights take in: the same bits, since the numbers here are whole and their sums exact.
#include "passes/absorb_shuffles.h"

#include <gtest/gtest.h>

#include <random>

#include "base/text.h"
#include "exec/region_runner.h"
#include "exec/widen.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ir/walk.h"
#include "ops/ops.h"

namespace godwit {
namespace {

// A network in text form, node by node.
class Net {
 public:
  explicit Net(uint32_t seed) : rng_(seed) { body_ = "main (%x: f64[1,4,3,2]) {\n"; }

  int64_t Pick(int64_t n) { return static_cast<int64_t>(rng_() % static_cast<uint64_t>(n)); }
  struct Value {
    std::string name;
    int64_t channels;
  };
  static Value Input() { return {"%x", 4}; }

  Value Conv(const Value& x, int64_t out) {
    const std::string w = Constant({out, x.channels, 1, 1}), b = Constant({out});
    return Node(out, Concat("conv(", x.name, ", ", w, ", ", b, ")"));
  }
  Value Depthwise(const Value& x) {
    const std::string w = Constant({x.channels, 1, 3, 3});
    return Node(x.channels,
                Concat("conv(", x.name, ", ", w, ", pads=[1,1,1,1], group=", std::to_string(x.channels), ")"));
  }
  Value Grouped(const Value& x) {
    const std::string w = Constant({x.channels, x.channels / 2, 1, 1});
    return Node(x.channels, Concat("conv(", x.name, ", ", w, ", group=2)"));
  }
  Value Relu(const Value& x) { return Node(x.channels, Concat("relu(", x.name, ")")); }
  Value Scale(const Value& x) {
    return Node(x.channels, Concat("mul(", x.name, ", ", Constant({x.channels, 1, 1}), ")"));
  }
  Value Gate(const Value& x) {
    const Value mean = Node(x.channels, Concat("reduce(", x.name, ", ", List({2, 3}), ", mode=\"max\")"), "1,1");
    return Node(x.channels, Concat("mul(", mean.name, ", ", x.name, ")"));
  }
  Value Add(const Value& a, const Value& b) { return Node(a.channels, Concat("add(", a.name, ", ", b.name, ")")); }
  Value Concat2(const Value& a, const Value& b) {
    return Node(a.channels + b.channels, Concat("concat(", a.name, ", ", b.name, ", axis=1)"));
  }
  std::pair<Value, Value> Split(const Value& x, int64_t first) {
    const Value a = Fresh(first), b = Fresh(x.channels - first);
    body_ += Concat(" ", a.name, ": ", TypeOf(first), ", ", b.name, ": ", TypeOf(b.channels), " = split(", x.name, ", ",
                    List({first, b.channels}), ", axis=1)\n");
    return {a, b};
  }
  Value Shuffle(const Value& x, int64_t groups) {
    const std::string g = std::to_string(groups), n = std::to_string(x.channels / groups);
    const Value cut = Fresh(0), turned = Fresh(0);
    body_ += Concat(" ", cut.name, ": f64[1,", g, ",", n, ",3,2] = reshape(", x.name, ", ",
                    List({1, groups, x.channels / groups, 3, 2}), ")\n");
    body_ += Concat(" ", turned.name, ": f64[1,", n, ",", g, ",3,2] = transpose(", cut.name, ", perm=[0,2,1,3,4])\n");
    return Node(x.channels, Concat("reshape(", turned.name, ", ", List({1, x.channels, 3, 2}), ")"));
  }
  Value Permuted(const Value& x) {
    std::vector<int64_t> order;
    for (int64_t c = 0; c < x.channels; ++c) order.push_back(c);
    std::shuffle(order.begin(), order.end(), rng_);
    return Node(x.channels, Concat("gather(", x.name, ", ", List(order), ", axis=1)"));
  }

  Graph Build(const std::vector<Value>& results) const {
    std::string list;
    for (const Value& v : results) list += Concat(list.empty() ? "" : ", ", v.name);
    const std::string text = Concat("graph g {\n", constants_, body_, " yield(", list, ")\n}\n}");
    auto graph = ParseGraph(text, ops::Find);
    EXPECT_TRUE(graph.ok()) << FormatDiag(graph.diag()) << "\n" << text;
    return graph.ok() ? *std::move(graph) : Graph();
  }

 private:
  static std::string TypeOf(int64_t channels, std::string_view area = "3,2") {
    return Concat("f64[1,", std::to_string(channels), ",", area, "]");
  }
  Value Fresh(int64_t channels) { return {Concat("%v", std::to_string(next_++)), channels}; }
  Value Node(int64_t channels, std::string_view what, std::string_view area = "3,2") {
    Value v = Fresh(channels);
    body_ += Concat(" ", v.name, ": ", TypeOf(channels, area), " = ", what, "\n");
    return v;
  }
  std::string Constant(const Dims& dims) {
    std::string shape, numbers;
    int64_t count = 1;
    for (const int64_t d : dims) {
      shape += Concat(shape.empty() ? "" : ",", std::to_string(d));
      count *= d;
    }
    for (int64_t k = 0; k < count; ++k) {
      numbers += Concat(k == 0 ? "" : ",", std::to_string(static_cast<int>(Pick(5)) - 2), ".0");
    }
    const std::string name = Concat("%c", std::to_string(next_++));
    constants_ += Concat(" const ", name, ": f64[", shape, "] = [", numbers, "]\n");
    return name;
  }
  std::string List(const std::vector<int64_t>& values) {
    std::string numbers;
    for (const int64_t v : values) numbers += Concat(numbers.empty() ? "" : ",", std::to_string(v));
    const std::string name = Concat("%c", std::to_string(next_++));
    constants_ += Concat(" const ", name, ": i64[", std::to_string(values.size()), "] = [", numbers, "]\n");
    return name;
  }

  std::mt19937 rng_;
  std::string constants_, body_;
  int next_ = 0;
};

std::vector<RtValue> Results(const Graph& graph) {
  Tensor x(DType::kF64, {1, 4, 3, 2});
  for (int64_t k = 0; k < x.size(); ++k) x.mutable_data<double>()[k] = static_cast<double>((k * 5 + 3) % 7 - 3);
  const GraphFacts facts(graph);
  Widening as_stored;
  RegionRunner runner(facts, {}, &as_stored);
  auto out = runner.Run(Graph::main(), {RtValue(std::move(x))});
  EXPECT_TRUE(out.ok()) << (out.ok() ? "" : FormatDiag(out.diag()));
  return out.ok() ? *std::move(out) : std::vector<RtValue>();
}

int64_t Count(const Graph& graph, const OpDef& op) {
  int64_t n = 0;
  for (const NodeId id : NodesWithin(graph)) n += graph.node(id).op == &op ? 1 : 0;
  return n;
}

// How many are gone; the results must be the same bits.
int64_t Absorbed(Graph* graph) {
  const std::vector<RtValue> want = Results(*graph);
  const auto gone = AbsorbShuffles(graph);
  EXPECT_TRUE(gone.ok()) << (gone.ok() ? "" : FormatDiag(gone.diag()));
  const Status sound = VerifyGraph(*graph);
  EXPECT_TRUE(sound.ok()) << (sound.ok() ? "" : FormatDiag(sound.diag()));
  const std::vector<RtValue> got = Results(*graph);
  EXPECT_EQ(got.size(), want.size());
  for (size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    EXPECT_TRUE(Identical(got[i].tensor, want[i].tensor)) << i << "\n" << *PrintGraph(*graph, {});
  }
  return gone.ok() ? *gone : 0;
}

// The units of ShuffleNet: half of the channels go on as they are, the other half through convolutions.
TEST(AbsorbShuffles, ChainsOfUnits) {
  for (const int units : {1, 2, 3, 7}) {
    Net net(7);
    auto x =
        net.Shuffle(net.Concat2(net.Relu(net.Conv(Net::Input(), 10)), net.Conv(net.Depthwise(Net::Input()), 10)), 2);
    for (int u = 0; u < units; ++u) {
      const auto [kept, taken] = net.Split(x, 10);
      const auto made = net.Relu(net.Conv(net.Depthwise(net.Relu(net.Conv(taken, 10))), 10));
      x = net.Shuffle(net.Concat2(kept, made), 2);
    }
    const auto down = net.Add(net.Conv(net.Scale(net.Depthwise(x)), 6), net.Conv(net.Relu(x), 6));
    Graph graph = net.Build({down});
    EXPECT_EQ(Absorbed(&graph), units + 1);
    EXPECT_EQ(Count(graph, ops::kTranspose), 0);
    EXPECT_EQ(Count(graph, ops::kReshape), 0);
  }
}

TEST(AbsorbShuffles, AShuffleBetweenConvolutionsCostsNothing) {
  Net net(3);
  Graph graph = net.Build({net.Conv(net.Gate(net.Scale(net.Shuffle(net.Relu(net.Conv(Net::Input(), 6)), 3))), 4)});
  EXPECT_EQ(Absorbed(&graph), 1);
  for (const OpDef* op : {&ops::kTranspose, &ops::kConcat, &ops::kSlice, &ops::kSplit}) EXPECT_EQ(Count(graph, *op), 0);
  // One side is enough.
  Net given(4);
  graph = given.Build({given.Conv(given.Permuted(Net::Input()), 4)});
  EXPECT_EQ(Absorbed(&graph), 1);
  EXPECT_EQ(Count(graph, ops::kGather), 0);
}

TEST(AbsorbShuffles, WhatTheOrderMattersToStays) {
  Net output(5);
  Graph graph = output.Build({output.Shuffle(output.Add(output.Conv(Net::Input(), 4), Net::Input()), 2)});
  EXPECT_EQ(Absorbed(&graph), 0);
  Net grouped(6);
  graph = grouped.Build({grouped.Grouped(grouped.Shuffle(grouped.Grouped(Net::Input()), 2))});
  EXPECT_EQ(Absorbed(&graph), 0);
  EXPECT_EQ(Count(graph, ops::kTranspose), 1);
}

TEST(AbsorbShuffles, RandomNetworksGiveTheSame) {
  int64_t gone = 0;
  for (uint32_t seed = 0; seed < 1500; ++seed) {
    SCOPED_TRACE(seed);
    Net net(seed);
    std::vector<Net::Value> values = {net.Conv(Net::Input(), 8), Net::Input()};
    const int64_t steps = 4 + net.Pick(14);
    for (int64_t s = 0; s < steps; ++s) {
      const Net::Value x = values[static_cast<size_t>(net.Pick(static_cast<int64_t>(values.size())))];
      const Net::Value y = values[static_cast<size_t>(net.Pick(static_cast<int64_t>(values.size())))];
      switch (net.Pick(11)) {
        case 0:
        case 1: values.push_back(net.Conv(x, 4 + 2 * net.Pick(3))); break;
        case 2: values.push_back(net.Relu(net.Depthwise(x))); break;
        case 3: values.push_back(net.Scale(x)); break;
        case 4: values.push_back(net.Gate(x)); break;
        case 5: values.push_back(net.Shuffle(x, 2)); break;
        case 6: values.push_back(net.Permuted(x)); break;
        case 7:
          if (x.channels + y.channels <= 16) values.push_back(net.Shuffle(net.Concat2(x, y), 2));
          break;
        case 8: {
          const auto [a, b] = net.Split(x, 2 * (1 + net.Pick(x.channels / 2 - 1)));
          values.push_back(net.Conv(a, 4));
          values.push_back(b.channels % 2 == 0 && b.channels >= 4 ? b : net.Conv(b, 4));
          break;
        }
        case 9:
          if (x.channels == y.channels) values.push_back(net.Add(x, y));
          break;
        default: values.push_back(x.channels % 2 == 0 ? net.Grouped(x) : x); break;
      }
    }
    std::vector<Net::Value> results = {net.Conv(values.back(), 4)};
    if (net.Pick(3) == 0) results.push_back(values[static_cast<size_t>(net.Pick(static_cast<int64_t>(values.size())))]);
    for (const Net::Value& v : values) {
      if (net.Pick(2) == 0) results.push_back(net.Conv(v, 2));
    }
    Graph graph = net.Build(results);
    gone += Absorbed(&graph);
    if (testing::Test::HasFailure()) break;
  }
  EXPECT_GT(gone, 500);
}

}  // namespace
}  // namespace godwit
