// Recurrent layers that were written out step by step come back as lstm, gru and rnn.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <random>

#include "base/text.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;

std::string N(int64_t v) { return std::to_string(v); }

/// A graph in text form, line by line.
class Net {
 public:
  /// A constant of drawn numbers, the same for the same name.
  std::string Weight(const std::string& name, const std::vector<int64_t>& dims) {
    if (consts_.find(Concat("%", name, ":")) != std::string::npos) return Concat("%", name);
    std::mt19937 random(static_cast<uint32_t>(std::hash<std::string>()(name)));
    std::string shape, numbers;
    int64_t count = 1;
    for (const int64_t d : dims) {
      shape += Concat(shape.empty() ? "" : ",", N(d));
      count *= d;
    }
    for (int64_t k = 0; k < count; ++k) {
      numbers += Concat(k == 0 ? "" : ",", std::to_string(static_cast<double>(random() % 200) / 128 - 0.78));
    }
    consts_ += Concat("const %", name, ": f32[", shape, "] = [", numbers, "]\n");
    return Concat("%", name);
  }
  std::string Zeros(int64_t rows, int64_t columns) {
    const std::string name = Concat("zeros", N(rows), "x", N(columns));
    if (consts_.find(Concat("%", name, ":")) == std::string::npos) {
      std::string numbers = "0";
      for (int64_t k = 1; k < rows * columns; ++k) numbers += ",0";
      consts_ += Concat("const %", name, ": f32[", N(rows), ",", N(columns), "] = [", numbers, "]\n");
    }
    return Concat("%", name);
  }
  std::string Ints(const std::vector<int64_t>& values, bool scalar = false) {
    std::string name = scalar ? "s" : "i", list;
    for (const int64_t v : values) {
      name += Concat("_", v < 0 ? "m" : "", N(v < 0 ? -v : v));
      list += Concat(list.empty() ? "" : ",", N(v));
    }
    if (consts_.find(Concat("%", name, ":")) == std::string::npos) {
      consts_ +=
          Concat("const %", name, ": i64[", scalar ? "" : N(static_cast<int64_t>(values.size())), "] = [", list, "]\n");
    }
    return Concat("%", name);
  }
  std::string Number(const std::string& name, double value) {
    if (consts_.find(Concat("%", name, ":")) == std::string::npos) {
      consts_ += Concat("const %", name, ": f32[] = [", std::to_string(value), "]\n");
    }
    return Concat("%", name);
  }
  std::string Op(const std::string& op, const std::vector<std::string>& in, const std::string& attrs = {}) {
    return Many(op, in, attrs, 1)[0];
  }
  std::vector<std::string> Many(const std::string& op, const std::vector<std::string>& in, const std::string& attrs,
                                size_t n) {
    std::vector<std::string> out;
    std::string line, operands;
    for (size_t k = 0; k < n; ++k) {
      out.push_back(Concat("%v", N(next_++)));
      line += Concat(k == 0 ? "" : ", ", out.back(), ": f32[*]");
    }
    for (const std::string& v : in) operands += Concat(operands.empty() ? "" : ", ", v);
    body_ += Concat(line, " = ", op, "(", operands, attrs.empty() ? "" : ", ", attrs, ")\n");
    return out;
  }
  [[nodiscard]] const std::string& consts() const { return consts_; }
  [[nodiscard]] const std::string& body() const { return body_; }
  std::string Text(const std::string& inputs, const std::vector<std::string>& outputs) const {
    std::string results;
    for (const std::string& v : outputs) results += Concat(results.empty() ? "" : ", ", v);
    return Concat(consts_, "main (", inputs, ") {\n", body_, "yield(", results, ")\n}");
  }

 private:
  std::string consts_, body_;
  int64_t next_ = 0;
};

constexpr int64_t kIn = 3, kHidden = 4;

struct State {
  std::string h, c;
};
using Step = std::function<State(Net&, const std::string& x, const State&)>;

// As nn.LSTMCell is exported: gates i, f, g, o of two products.
State TorchLstm(Net& n, const std::string& x, const State& s) {
  const std::string a =
      n.Op("gemm", {x, n.Weight("w", {4 * kHidden, kIn}), n.Weight("bi", {4 * kHidden})}, "transpose_b=1");
  const std::string b =
      n.Op("gemm", {s.h, n.Weight("r", {4 * kHidden, kHidden}), n.Weight("bh", {4 * kHidden})}, "transpose_b=1");
  const auto g = n.Many("split", {n.Op("add", {a, b})}, "axis=1", 4);
  const std::string c = n.Op("add", {n.Op("mul", {n.Op("sigmoid", {g[1]}), s.c}),
                                     n.Op("mul", {n.Op("sigmoid", {g[0]}), n.Op("tanh", {g[2]})})});
  return {n.Op("mul", {n.Op("sigmoid", {g[3]}), n.Op("tanh", {c})}), c};
}

// As TensorFlow's cells are: one product of both, gates i, j, f, o, a bias on the forget gate, sigmoids of slices.
State TensorflowLstm(Net& n, const std::string& x, const State& s) {
  const std::string both = n.Op("concat", {x, s.h}, "axis=1");
  const std::string sum =
      n.Op("add", {n.Op("matmul", {both, n.Weight("k", {kIn + kHidden, 4 * kHidden})}), n.Weight("b", {4 * kHidden})});
  const auto part = [&](int64_t k) {
    return n.Op("slice", {sum, n.Ints({k * kHidden}), n.Ints({(k + 1) * kHidden}), n.Ints({1})});
  };
  const std::string f = n.Op("sigmoid", {n.Op("add", {part(2), n.Number("forget", 1)})});
  const std::string c =
      n.Op("add", {n.Op("mul", {s.c, f}), n.Op("mul", {n.Op("sigmoid", {part(0)}), n.Op("tanh", {part(1)})})});
  return {n.Op("mul", {n.Op("tanh", {c}), n.Op("sigmoid", {part(3)})}), c};
}

// As nn.GRUCell is: the reset gate on the product, n + z (h - n).
State TorchGru(Net& n, const std::string& x, const State& s) {
  const auto a = n.Many(
      "split", {n.Op("gemm", {x, n.Weight("w", {3 * kHidden, kIn}), n.Weight("bi", {3 * kHidden})}, "transpose_b=1")},
      "axis=1", 3);
  const auto b = n.Many(
      "split",
      {n.Op("gemm", {s.h, n.Weight("r", {3 * kHidden, kHidden}), n.Weight("bh", {3 * kHidden})}, "transpose_b=1")},
      "axis=1", 3);
  const std::string r = n.Op("sigmoid", {n.Op("add", {b[0], a[0]})});
  const std::string z = n.Op("sigmoid", {n.Op("add", {a[1], b[1]})});
  const std::string m = n.Op("tanh", {n.Op("add", {a[2], n.Op("mul", {r, b[2]})})});
  return {n.Op("add", {m, n.Op("mul", {n.Op("sub", {s.h, m}), z})}), {}};
}

// The reset gate on the state, one activation for two gates, (1 - u) h + u candidate.
State ResetFirstGru(Net& n, const std::string& x, const State& s) {
  const auto g =
      n.Many("split",
             {n.Op("sigmoid", {n.Op("gemm",
                                    {n.Op("concat", {x, s.h}, "axis=1"), n.Weight("k", {2 * kHidden, kIn + kHidden}),
                                     n.Weight("b", {2 * kHidden})},
                                    "transpose_b=1")})},
             "axis=1", 2);
  const std::string m = n.Op("tanh", {n.Op("gemm",
                                           {n.Op("concat", {x, n.Op("mul", {g[0], s.h})}, "axis=1"),
                                            n.Weight("k2", {kHidden, kIn + kHidden}), n.Weight("b2", {kHidden})},
                                           "transpose_b=1")});
  return {n.Op("add", {n.Op("mul", {n.Op("sub", {n.Number("one", 1), g[1]}), s.h}), n.Op("mul", {g[1], m})}), {}};
}

State PlainRnn(Net& n, const std::string& x, const State& s) {
  const std::string a = n.Op("gemm", {x, n.Weight("w", {kHidden, kIn}), n.Weight("bi", {kHidden})}, "transpose_b=1");
  const std::string b = n.Op("matmul", {s.h, n.Weight("r", {kHidden, kHidden})});
  return {n.Op("tanh", {n.Op("add", {b, a})}), {}};
}

/// Where the steps read what they read.
enum class Take { kTimeMajor, kBatchMajor, kBackwards, kSplit, kOwn };

struct Shape {
  int64_t steps = 5, rows = 2;
  Take take = Take::kTimeMajor;
  bool given = false;  ///< the first state is an input
  bool all = true;     ///< what is wanted: h of all steps, or the last
};

std::string Inputs(const Shape& s) {
  std::string in;
  if (s.take == Take::kOwn) {
    for (int64_t t = 0; t < s.steps; ++t)
      in += Concat(t == 0 ? "" : ", ", "%x", N(t), ": f32[", N(s.rows), ",", N(kIn), "]");
  } else {
    const bool batch = s.take == Take::kBatchMajor;
    in = Concat("%x: f32[", N(batch ? s.rows : s.steps), ",", N(batch ? s.steps : s.rows), ",", N(kIn), "]");
  }
  if (s.given) in += Concat(", %h: f32[", N(s.rows), ",", N(kHidden), "], %c: f32[", N(s.rows), ",", N(kHidden), "]");
  return in;
}

std::vector<std::string> Taken(Net& n, const Shape& s) {
  std::vector<std::string> x;
  if (s.take == Take::kSplit) {
    for (const std::string& part : n.Many("split", {"%x"}, "axis=0", static_cast<size_t>(s.steps))) {
      x.push_back(n.Op("squeeze", {part, n.Ints({0})}));
    }
    return x;
  }
  for (int64_t t = 0; t < s.steps; ++t) {
    const int64_t at = s.take == Take::kBackwards ? s.steps - 1 - t : t;
    x.push_back(s.take == Take::kOwn ? Concat("%x", N(t))
                                     : n.Op("gather", {"%x", n.Ints({at}, true)},
                                            Concat("axis=", N(s.take == Take::kBatchMajor ? 1 : 0))));
  }
  return x;
}

std::string Joined(Net& n, const Shape& s, std::vector<std::string> h) {
  const int64_t axis = s.take == Take::kBatchMajor ? 1 : 0;
  if (s.take == Take::kBackwards) std::reverse(h.begin(), h.end());
  std::vector<std::string> parts;
  for (const std::string& v : h) parts.push_back(n.Op("unsqueeze", {v, n.Ints({axis})}));
  return n.Op("concat", parts, Concat("axis=", N(axis)));
}

std::string Unrolled(const Shape& s, const Step& step) {
  Net n;
  State state = s.given ? State{"%h", "%c"} : State{n.Zeros(s.rows, kHidden), n.Zeros(s.rows, kHidden)};
  std::vector<State> states;
  for (const std::string& x : Taken(n, s)) states.push_back(state = step(n, x, state));
  std::vector<std::string> h, out;
  for (const State& one : states) h.push_back(one.h);
  out.push_back(s.all ? Joined(n, s, h) : h.back());
  if (!states.back().c.empty()) out.push_back(states.back().c);
  return n.Text(Inputs(s), out);
}

int64_t Layers(const Graph& g) { return CountOps(g, "lstm") + CountOps(g, "gru") + CountOps(g, "rnn"); }

void ExpectOneLayer(const std::string& text, const char* op, int64_t nodes) {
  const auto c = CheckSimplify(text, {}, test::Same::kClose, {1});
  EXPECT_EQ(CountOps(c.graph, op), 1) << test::Print(c.graph);
  EXPECT_EQ(Layers(c.graph), 1);
  EXPECT_LE(CountNodes(c.graph), nodes) << test::Print(c.graph);
}

TEST(RecurrentSteps, EverySpellingOfACell) {
  const Step lstms[] = {TorchLstm, TensorflowLstm}, grus[] = {TorchGru, ResetFirstGru};
  for (const Take take : {Take::kTimeMajor, Take::kBatchMajor, Take::kBackwards, Take::kSplit, Take::kOwn}) {
    for (const bool given : {false, true}) {
      for (const bool all : {false, true}) {
        const Shape shape{4, 2, take, given, all};
        const int64_t nodes = take == Take::kOwn ? 14 : 9;
        SCOPED_TRACE(Concat(N(static_cast<int64_t>(take)), given ? " given" : "", all ? " all" : ""));
        for (const Step& step : lstms) ExpectOneLayer(Unrolled(shape, step), "lstm", nodes);
        for (const Step& step : grus) ExpectOneLayer(Unrolled(shape, step), "gru", nodes);
        ExpectOneLayer(Unrolled(shape, PlainRnn), "rnn", nodes);
      }
    }
  }
}

TEST(RecurrentSteps, WhatTheyAreFollows) {
  const auto back = CheckSimplify(Unrolled({4, 2, Take::kBackwards}, TorchGru), {}, test::Same::kClose, {1});
  for (const NodeId id : NodesWithin(back.graph)) {
    const Node& node = back.graph.node(id);
    if (node.op != &ops::kGru) continue;
    EXPECT_EQ(node.attrs.Str("direction"), "reverse");
    EXPECT_EQ(node.attrs.Int("linear_before_reset"), 1);
  }
  const auto first = CheckSimplify(Unrolled({4, 2}, ResetFirstGru), {}, test::Same::kClose, {1});
  for (const NodeId id : NodesWithin(first.graph)) {
    if (first.graph.node(id).op != &ops::kGru) continue;
    EXPECT_EQ(first.graph.node(id).attrs.Int("linear_before_reset"), 0);
  }
}

// c = f c + (1 - f) g
State CoupledLstm(Net& n, const std::string& x, const State& s) {
  const std::string both = n.Op("concat", {x, s.h}, "axis=1");
  const auto gate = [&](const std::string& w) {
    return n.Op("gemm", {both, n.Weight(w, {kHidden, kIn + kHidden}), n.Weight(Concat(w, "b"), {kHidden})},
                "transpose_b=1");
  };
  const std::string f = n.Op("sigmoid", {gate("f")});
  const std::string c = n.Op(
      "add", {n.Op("mul", {f, s.c}), n.Op("mul", {n.Op("sub", {n.Number("one", 1), f}), n.Op("tanh", {gate("g")})})});
  return {n.Op("mul", {n.Op("sigmoid", {gate("o")}), n.Op("tanh", {c})}), c};
}

TEST(RecurrentSteps, CoupledGates) {
  const auto c = CheckSimplify(Unrolled({4, 2, Take::kTimeMajor, true}, CoupledLstm), {}, test::Same::kClose, {1});
  ASSERT_EQ(CountOps(c.graph, "lstm"), 1) << test::Print(c.graph);
  for (const NodeId id : NodesWithin(c.graph)) {
    if (c.graph.node(id).op != &ops::kLstm) continue;
    EXPECT_EQ(c.graph.node(id).attrs.Int("input_forget"), 1);
  }
}

// What comes in may be multiplied by its weights for all steps at once.
TEST(RecurrentSteps, ProductsMadeBefore) {
  Net n;
  const std::string sums = n.Op("matmul", {"%x", n.Weight("w", {kIn, 4 * kHidden})});
  const std::string biased = n.Op("add", {sums, n.Weight("b", {4 * kHidden})});
  State s{n.Zeros(2, kHidden), n.Zeros(2, kHidden)};
  std::vector<std::string> h;
  for (int64_t t = 0; t < 4; ++t) {
    const std::string at = n.Op("gather", {biased, n.Ints({t}, true)}, "axis=1");
    const auto g = n.Many(
        "split", {n.Op("add", {n.Op("gemm", {s.h, n.Weight("r", {4 * kHidden, kHidden})}, "transpose_b=1"), at})},
        "axis=1", 4);
    s.c = n.Op("add", {n.Op("mul", {n.Op("sigmoid", {g[1]}), s.c}),
                       n.Op("mul", {n.Op("sigmoid", {g[0]}), n.Op("tanh", {g[2]})})});
    s.h = n.Op("mul", {n.Op("sigmoid", {g[3]}), n.Op("tanh", {s.c})});
    h.push_back(s.h);
  }
  const Shape shape{4, 2, Take::kBatchMajor};
  const std::string y = Joined(n, shape, h);
  ExpectOneLayer(n.Text(Inputs(shape), {y}), "lstm", 4);
}

// One layer upon another, step by step.
TEST(RecurrentSteps, LayersUponLayers) {
  Net n;
  State a{n.Zeros(2, kHidden), n.Zeros(2, kHidden)}, b = a;
  std::vector<std::string> h;
  const Shape shape{4, 2};
  for (const std::string& x : Taken(n, shape)) {
    a = TorchLstm(n, x, a);
    const std::string sum = n.Op(
        "add",
        {n.Op("gemm", {a.h, n.Weight("w2", {4 * kHidden, kHidden})}, "transpose_b=1"),
         n.Op("gemm", {b.h, n.Weight("r2", {4 * kHidden, kHidden}), n.Weight("b2", {4 * kHidden})}, "transpose_b=1")});
    const auto g = n.Many("split", {sum}, "axis=1", 4);
    b.c = n.Op("add", {n.Op("mul", {n.Op("sigmoid", {g[1]}), b.c}),
                       n.Op("mul", {n.Op("sigmoid", {g[0]}), n.Op("tanh", {g[2]})})});
    b.h = n.Op("mul", {n.Op("sigmoid", {g[3]}), n.Op("tanh", {b.c})});
    h.push_back(b.h);
  }
  const std::string y = Joined(n, shape, h);
  const auto c = CheckSimplify(n.Text(Inputs(shape), {y}), {}, test::Same::kClose, {1});
  EXPECT_EQ(CountOps(c.graph, "lstm"), 2);
  EXPECT_LE(CountNodes(c.graph), 5) << test::Print(c.graph);
}

TEST(RecurrentSteps, ASingleStep) {
  for (const Step& step : {Step(TorchLstm), Step(TensorflowLstm), Step(TorchGru), Step(ResetFirstGru)}) {
    const auto c = CheckSimplify(Unrolled({1, 3, Take::kOwn, true, false}, step), {}, test::Same::kClose, {1});
    EXPECT_EQ(Layers(c.graph), 1) << test::Print(c.graph);
    EXPECT_LE(CountNodes(c.graph), 6) << test::Print(c.graph);
  }
  // A layer of a perceptron is no step of anything.
  const auto rnn = CheckSimplify(Unrolled({1, 3, Take::kOwn, true, false}, PlainRnn), {}, test::Same::kClose, {1});
  EXPECT_EQ(Layers(rnn.graph), 0);
}

void ExpectNoChain(const std::string& text) {
  SimplifyOptions options;
  options.rewrite.off = {"fuse-recurrent-cell"};
  const auto c = CheckSimplify(text, options, test::Same::kClose, {1});
  EXPECT_EQ(Layers(c.graph), 0) << test::Print(c.graph);
}

TEST(RecurrentSteps, OtherWeightsAreAnotherLayer) {
  int64_t turn = 0;
  ExpectNoChain(Unrolled({3, 2, Take::kTimeMajor, true}, [&](Net& n, const std::string& x, const State& s) -> State {
    const std::string own = Concat("w", N(turn++));
    const std::string g = n.Op("gemm", {x, n.Weight(own, {kHidden, kIn}), n.Weight("b", {kHidden})}, "transpose_b=1");
    return {n.Op("tanh", {n.Op("add", {g, n.Op("matmul", {s.h, n.Weight("r", {kHidden, kHidden})})})}), {}};
  }));
}

TEST(RecurrentSteps, AClippedCellIsNone) {
  ExpectNoChain(Unrolled({3, 2, Take::kTimeMajor, true}, [](Net& n, const std::string& x, const State& s) -> State {
    State next = TorchLstm(n, x, s);
    next.c = n.Op("clip", {next.c, n.Number("low", -0.5), n.Number("high", 0.5)});
    return next;
  }));
}

TEST(RecurrentSteps, AGateThatOthersSeeStays) {
  std::vector<std::string> gates;
  Net n;
  State s{"%h", "%c"};
  const Shape shape{3, 2, Take::kTimeMajor, true};
  for (const std::string& x : Taken(n, shape)) {
    const std::string a = n.Op("gemm", {x, n.Weight("w", {kHidden, kIn}), n.Weight("b", {kHidden})}, "transpose_b=1");
    const std::string z = n.Op("sigmoid", {n.Op("add", {a, n.Op("matmul", {s.h, n.Weight("r", {kHidden, kHidden})})})});
    s.h = n.Op("tanh", {z});
    gates.push_back(z);
  }
  gates.push_back(s.h);
  gates.push_back("%c");
  ExpectNoChain(n.Text(Inputs(shape), gates));
}

// A cell state that others see ends a layer: it is what the layer gives at its end.
TEST(RecurrentSteps, AnInnerCellStateCutsTheLayer) {
  std::string inner;
  Net n;
  State s{"%h", "%c"};
  const Shape shape{6, 2, Take::kTimeMajor, true};
  std::vector<std::string> out;
  for (const std::string& x : Taken(n, shape)) {
    s = TorchLstm(n, x, s);
    if (out.size() == 2) inner = s.c;
    out.push_back(s.h);
  }
  const std::string y = Joined(n, shape, out);
  const auto c = CheckSimplify(n.Text(Inputs(shape), {y, inner, s.c}), {}, test::Same::kClose, {1});
  EXPECT_EQ(CountOps(c.graph, "lstm"), 2) << test::Print(c.graph);
}

// What a step reads was made by the step before.
TEST(RecurrentSteps, ADecoderFeedsItself) {
  Net n;
  State s{"%h", "%c"};
  const Shape shape{3, 2, Take::kOwn, true, false};
  std::string x = "%x0";
  for (int64_t t = 0; t < 3; ++t) {
    s = TorchLstm(n, x, s);
    x = n.Op("softmax", {n.Op("gemm", {s.h, n.Weight("out", {kIn, kHidden})}, "transpose_b=1")}, "axis=1");
  }
  ExpectNoChain(n.Text(Inputs(shape), {x, s.c, "%x1", "%x2"}));
}

TEST(RecurrentSteps, LongOnesTakeLinearTime) {
  const auto seconds = [](int64_t steps) {
    Graph graph = test::Parse(Unrolled({steps, 1}, TorchGru));
    const auto start = std::chrono::steady_clock::now();
    SimplifyReport report;
    EXPECT_TRUE(Simplify(graph, {}, &report).ok());
    EXPECT_EQ(CountOps(graph, "gru"), 1);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  seconds(50);
  const double small = seconds(150), large = seconds(1200);
  EXPECT_LT(large, 40 * small + 0.5);
}

std::string Dims3(int64_t steps, bool batch_major, int64_t columns) {
  return batch_major ? Concat("[2,", N(steps), ",", N(columns), "]") : Concat("[", N(steps), ",2,", N(columns), "]");
}

/// A scan over steps of a cell; `more` is what a turn stacks, made of the new state, its h where empty.
std::string Scanned(const Step& step, bool batch_major, bool in_reversed, bool out_reversed,
                    const std::function<std::string(Net&, const State&)>& more = {}) {
  Net n;
  const bool lstm = !step(n, "%xt", {"%h0", "%c0"}).c.empty();
  Net body;
  const State next = step(body, "%xt", {"%h0", "%c0"});
  const std::string row = more ? more(body, next) : next.h;
  const std::string axis = batch_major ? "1" : "0";
  std::string text =
      Concat(body.consts(), "main (%x: f32", Dims3(6, batch_major, kIn), ", %h: f32[2,4], %c: f32[2,4]) {\n");
  text += Concat("%last_h: f32[2,4], ", lstm ? "%last_c: f32[2,4], " : "", "%y: f32[*] = scan(%h, ", lstm ? "%c, " : "",
                 "%x, sliced=1, in_axes=[", axis, "], out_axes=[", axis, "], in_reversed=[", in_reversed ? "1" : "0",
                 "], out_reversed=[", out_reversed ? "1" : "0", "]) region (%h0: f32[2,4], ",
                 lstm ? "%c0: f32[2,4], " : "", "%xt: f32[2,3]) {\n");
  text += Concat(body.body(), "yield(", next.h, lstm ? Concat(", ", next.c) : "", ", ", row, ")\n}\n");
  return Concat(text, "yield(%last_h, ", lstm ? "%last_c" : "%c", ", %y)\n}");
}

TEST(RecurrentLoop, EveryScanOfACell) {
  for (const bool batch_major : {false, true}) {
    for (const bool in_reversed : {false, true}) {
      for (const bool out_reversed : {false, true}) {
        SCOPED_TRACE(Concat(batch_major ? "batch " : "", in_reversed ? "in " : "", out_reversed ? "out" : ""));
        const auto text = [&](const Step& step) { return Scanned(step, batch_major, in_reversed, out_reversed); };
        ExpectOneLayer(text(TorchLstm), "lstm", 9);
        ExpectOneLayer(text(TensorflowLstm), "lstm", 9);
        ExpectOneLayer(text(TorchGru), "gru", 9);
        ExpectOneLayer(text(ResetFirstGru), "gru", 9);
        ExpectOneLayer(text(PlainRnn), "rnn", 9);
      }
    }
  }
}

TEST(RecurrentLoop, WhatElseATurnLeavesKeepsIt) {
  const auto stays = [](const std::string& text) {
    SimplifyOptions options;
    options.rewrite.off = {"fuse-recurrent-cell"};
    const auto c = CheckSimplify(text, options, test::Same::kClose, {1});
    EXPECT_EQ(Layers(c.graph), 0) << test::Print(c.graph);
    EXPECT_EQ(CountOps(c.graph, "scan"), 1);
  };
  stays(Scanned(TorchLstm, false, false, false, [](Net&, const State& s) { return s.c; }));
  stays(Scanned(TorchLstm, false, false, false, [](Net& n, const State& s) { return n.Op("exp", {s.h}); }));
  // The old state beside the new one.
  stays(Scanned(TorchGru, false, false, false, [](Net& n, const State& s) { return n.Op("add", {s.h, "%h0"}); }));
}

/// As tf2onnx writes a while loop: no limit, a counter that is compared, what comes in gathered by it.
std::string Looped(const std::string& steps, const std::string& first, const std::string& condition) {
  Net body;
  const std::string at = body.Op("gather", {"%x", "%time"}, "axis=0");
  const State next = TensorflowLstm(body, at, {"%h0", "%c0"});
  return Concat(body.consts(), R"(const %endless: i64[] = [9223372036854775807]
    const %zero: i64[] = [0]
    const %unit: i64[] = [1]
    const %limit: i64[] = [5]
    main (%x: f32[)",
                steps, R"(,2,3], %h: f32[2,4], %c: f32[2,4]) {
      %shape: i64[3] = shape_of(%x)
      %n: i64[] = gather(%shape, %zero)
      %go: bool[] = less(%zero, )",
                condition, R"()
      %t: i64[], %last_h: f32[2,4], %last_c: f32[2,4], %y: f32[*] = loop(%endless, %go, )",
                first, R"(, %h, %c)
        region (%turn: i64[], %on: bool[], %time: i64[], %h0: f32[2,4], %c0: f32[2,4]) {
        )",
                body.body(), R"(%later: i64[] = add(%time, %unit)
        %again: bool[] = less(%later, )",
                condition, R"()
        yield(%again, %later, )",
                next.h, ", ", next.c, ", ", next.h, R"()
      }
      yield(%last_h, %last_c, %y, %t)
    })");
}

TEST(RecurrentLoop, AWhileLoopThatCounts) {
  ExpectOneLayer(Looped("7", "%zero", "%n"), "lstm", 9);
  ExpectOneLayer(Looped("7", "%zero", "%limit"), "lstm", 9);
  // From another place than the limit is asked for, so that the first turn may not be.
  const auto other = CheckSimplify(Looped("7", "%unit", "%limit"), {}, test::Same::kClose, {1});
  EXPECT_EQ(CountOps(other.graph, "lstm"), 1) << test::Print(other.graph);
}

TEST(RecurrentLoop, LayersInOneTurn) {
  Net body;
  const State a = TorchLstm(body, "%xt", {"%h0", "%c0"});
  const std::string sum =
      body.Op("add", {body.Op("gemm", {a.h, body.Weight("w2", {3 * kHidden, kHidden})}, "transpose_b=1"),
                      body.Weight("b2", {3 * kHidden})});
  const auto x = body.Many("split", {sum}, "axis=1", 3);
  const auto g = body.Many(
      "split", {body.Op("gemm", {"%g0", body.Weight("r2", {3 * kHidden, kHidden})}, "transpose_b=1")}, "axis=1", 3);
  const std::string z = body.Op("sigmoid", {body.Op("add", {x[0], g[0]})}),
                    r = body.Op("sigmoid", {body.Op("add", {x[1], g[1]})});
  const std::string m = body.Op("tanh", {body.Op("add", {x[2], body.Op("mul", {r, g[2]})})});
  const std::string h =
      body.Op("add", {body.Op("mul", {z, "%g0"}), body.Op("mul", {body.Op("sub", {body.Number("one", 1), z}), m})});
  const std::string text = Concat(body.consts(), R"(main (%x: f32[5,2,3], %h: f32[2,4], %c: f32[2,4]) {
      %a: f32[2,4], %b: f32[2,4], %e: f32[2,4], %y: f32[*] = scan(%h, %c, %h, %x, sliced=1)
        region (%h0: f32[2,4], %c0: f32[2,4], %g0: f32[2,4], %xt: f32[2,3]) {
        )",
                                  body.body(), "yield(", a.h, ", ", a.c, ", ", h, ", ", h, R"()
      }
      yield(%b, %e, %y)
    })");
  const auto c = CheckSimplify(text, {}, test::Same::kClose, {1});
  EXPECT_EQ(CountOps(c.graph, "scan"), 0) << test::Print(c.graph);
  EXPECT_EQ(CountOps(c.graph, "lstm"), 1);
  EXPECT_EQ(CountOps(c.graph, "gru"), 1);
}

TEST(RecurrentOperands, WhatGoesWithoutSayingGoes) {
  const auto c = CheckSimplify(R"(const %w: f32[1,3,2] = [1,0.5,-1,0.25,2,-0.5]
    const %r: f32[1,3,1] = [0.5,-0.5,1]
    const %b: f32[1,6] = [0,0,0,0,0,0]
    const %lens: i32[2] = [4,4]
    const %zero: f32[] = [0]
    const %one: i64[1] = [1]
    const %axis: i64[] = [1]
    main (%x: f32[4,2,2], %s: f32[1,B,3]) {
      %shape: i64[3] = shape_of(%s)
      %n: i64[] = gather(%shape, %axis)
      %y: f32[*], %e: f32[*] = gru(%x, %w, %r, %b, %lens, activations=["sigmoid","tanh"])
      yield(%y, %e, %n)
    })",
                               {}, test::Same::kBits, {2});
  for (const NodeId id : NodesWithin(c.graph)) {
    if (c.graph.node(id).op != &ops::kGru) continue;
    EXPECT_EQ(c.graph.node(id).in.size(), 3U);
  }
  // Of as many rows as are fed.
  const auto rows = CheckSimplify(R"(const %w: f32[1,1,2] = [1,0.5]
    const %r: f32[1,1,1] = [0.5]
    const %zero: f32[] = [0]
    const %one: i64[1] = [1]
    const %axis: i64[1] = [1]
    main (%x: f32[4,B,2]) {
      %shape: i64[3] = shape_of(%x)
      %n: i64[1] = gather(%shape, %axis)
      %dims: i64[3] = concat(%one, %n, %one, axis=0)
      %first: f32[*] = expand(%zero, %dims)
      %y: f32[*], %e: f32[*] = rnn(%x, %w, %r, _, _, %first, activations=["tanh"])
      yield(%y, %e)
    })",
                                  {}, test::Same::kBits, {1, 3});
  EXPECT_EQ(CountNodes(rows.graph), 1) << test::Print(rows.graph);
  // Shorter rows are another thing.
  const auto shorter = CheckSimplify(R"(const %w: f32[1,1,2] = [1,0.5]
    const %r: f32[1,1,1] = [0.5]
    const %lens: i32[2] = [4,3]
    main (%x: f32[4,2,2]) {
      %y: f32[*], %e: f32[*] = rnn(%x, %w, %r, _, %lens, activations=["tanh"])
      yield(%y, %e)
    })");
  for (const NodeId id : NodesWithin(shorter.graph)) EXPECT_EQ(shorter.graph.node(id).in.size(), 5U);
}

TEST(Picks, JoinedAgain) {
  const auto turned = CheckSimplify(R"(const %a: i64[] = [0]
    const %b: i64[] = [1]
    const %one: i64[1] = [1]
    main (%x: f32[2,N,3]) {
      %p: f32[N,3] = gather(%x, %a, axis=0)
      %q: f32[N,3] = gather(%x, %b, axis=0)
      %u: f32[N,1,3] = unsqueeze(%p, %one)
      %v: f32[N,1,3] = unsqueeze(%q, %one)
      %y: f32[N,2,3] = concat(%u, %v, axis=1)
      %z: f32[N,2,3] = concat(%v, %u, axis=1)
      yield(%y, %z)
    })");
  EXPECT_EQ(CountOps(turned.graph, "gather"), 0) << test::Print(turned.graph);
  EXPECT_EQ(CountOps(turned.graph, "concat"), 0);
  const auto gap = CheckSimplify(R"(const %a: i64[] = [0]
    const %b: i64[] = [2]
    const %zero: i64[1] = [0]
    main (%x: f32[4,N,3]) {
      %p: f32[N,3] = gather(%x, %a, axis=0)
      %q: f32[N,3] = gather(%x, %b, axis=0)
      %u: f32[1,N,3] = unsqueeze(%p, %zero)
      %v: f32[1,N,3] = unsqueeze(%q, %zero)
      %y: f32[2,N,3] = concat(%u, %v, axis=0)
      yield(%y)
    })");
  EXPECT_GE(CountNodes(gap.graph), 1);
}

}  // namespace
}  // namespace godwit
