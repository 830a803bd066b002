// Graphs whose channels are the last axis: the layout is turned at the edges and blocks are worked on between them.
#include "exec/plan_check.h"
#include "ir/builder.h"
#include "ops/ops.h"

namespace godwit {
namespace {

using testing::Numbers;
using Ints = std::vector<int64_t>;

/// A graph under construction, of one input.
class Net {
 public:
  explicit Net(const Dims& input, DType dtype = DType::kF32)
      : inference_(graph_),
        builder_(graph_, inference_),
        x(graph_.AddParam(Graph::main(), Type::Tensor(dtype, ToShape(input)), "x")) {}

  ValueId Op(const OpDef& op, std::vector<ValueId> in, Attrs attrs = {}) {
    auto v = builder_.Emit(op, std::move(in), std::move(attrs));
    if (!v.ok()) {
      ADD_FAILURE() << FormatDiag(v.diag());
      return {};
    }
    made_.push_back(*v);
    return *v;
  }
  ValueId Weights(const Dims& dims) {
    return builder_.Constant(Tensor::F32(dims, Numbers(static_cast<size_t>(ElementCount(dims)), ++seed_)));
  }
  ValueId Constant(Tensor t) { return builder_.Constant(std::move(t)); }
  ValueId I64s(const Ints& values) { return builder_.I64s(values); }
  ValueId Conv(ValueId in, const Dims& weights, const std::string& layout, Attrs attrs = {}) {
    attrs.Set("channel_axis", int64_t{-1});
    attrs.Set("weight_layout", layout);
    return Op(ops::kConv, {in, Weights(weights)}, std::move(attrs));
  }
  /// With `exposed`, everything is a result.
  Graph Finish(ValueId y, bool exposed) {
    Region& main = graph_.region(Graph::main());
    main.results.push_back(y);
    for (ValueId v : made_) {
      if (exposed && v != y) main.results.push_back(v);
    }
    for (size_t i = 0; i < main.results.size(); ++i) graph_.output_names.push_back("y" + std::to_string(i));
    return std::move(graph_);
  }

 private:
  Graph graph_;
  Inference inference_;
  Builder builder_;
  std::vector<ValueId> made_;
  uint32_t seed_ = 0;

 public:
  ValueId x;
};

void Check(const std::function<Graph(bool)>& make, const Dims& input) {
  const std::vector<RtValue> inputs{RtValue(Tensor::F32(input, Numbers(static_cast<size_t>(ElementCount(input)), 77)))};
  const Graph fused = make(false), exposed = make(true);
  testing::ExpectOnePlan(fused, inputs, 2e-6);
  testing::ExpectIdentical({testing::RunPlan(exposed, {}, inputs)[0]}, testing::RunPlan(fused, {}, inputs));
}

int Steps(const Graph& graph, const Dims& input, std::string_view label) {
  std::vector<plan::StepTime> steps;
  Session session(graph, {});
  EXPECT_TRUE(
      session.Run({RtValue(Tensor::F32(input, Numbers(static_cast<size_t>(ElementCount(input)), 77)))}, &steps).ok());
  int n = 0;
  for (const plan::StepTime& step : steps) n += step.label.find(label) == 0 ? 1 : 0;
  return n;
}

Graph Network(bool exposed) {
  Net n({2, 13, 11, 3});
  const ValueId c1 = n.Conv(n.x, {20, 3, 3, 3}, "ohwi", {{"strides", Ints{2, 1}}, {"auto_pad", "same_upper"}});
  const ValueId b1 = n.Op(ops::kAdd, {c1, n.Weights({20})});
  const ValueId a1 = n.Op(ops::kRelu, {b1});
  const ValueId c2 = n.Conv(a1, {3, 3, 1, 20}, "hwio", {{"group", int64_t{20}}, {"pads", Ints{1, 1, 1, 1}}});
  const ValueId a2 = n.Op(ops::kHardSwish, {c2});
  const ValueId r2 = n.Op(ops::kAdd, {a2, a1});
  const ValueId mean = n.Op(ops::kReduce, {r2, n.I64s({1, 2})}, {{"mode", "mean"}});
  const ValueId gate = n.Op(ops::kSigmoid, {mean});
  const ValueId m2 = n.Op(ops::kMul, {r2, gate});
  const ValueId s2 = n.Op(ops::kMul, {m2, n.Weights({1, 1, 1, 20})});
  const ValueId p2 =
      n.Op(ops::kMaxPool, {s2}, {{"kernel", Ints{2, 2}}, {"strides", Ints{2, 2}}, {"channel_axis", int64_t{3}}});
  const ValueId c3 = n.Conv(p2, {16, 1, 1, 20}, "ohwi");
  const ValueId t3 = n.Op(
      ops::kConvTranspose, {p2, n.Weights({17, 2, 2, 20})},
      {{"strides", Ints{1, 1}}, {"pads", Ints{1, 1, 0, 0}}, {"channel_axis", int64_t{-1}}, {"weight_layout", "ohwi"}});
  const ValueId both = n.Op(ops::kConcat, {c3, t3}, {{"axis", int64_t{-1}}});
  const ValueId q =
      n.Op(ops::kAvgPool, {both}, {{"kernel", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}, {"channel_axis", int64_t{-1}}});
  const ValueId c4 = n.Conv(q, {9, 33, 1, 1}, "oihw");
  const ValueId nchw = n.Op(ops::kTranspose, {c4}, {{"perm", Ints{0, 3, 1, 2}}});
  return n.Finish(n.Op(ops::kRelu, {nchw}), exposed);
}

TEST(ChannelsLastPlan, NetworksAgreeWithTheirOperators) { Check(Network, {2, 13, 11, 3}); }

TEST(ChannelsLastPlan, LayoutsAreTurnedAtTheEdgesOnly) {
  const Graph graph = Network(false);
  EXPECT_EQ(Steps(graph, {2, 13, 11, 3}, "transpose"), 1);         // of the input
  EXPECT_EQ(Steps(graph, {2, 13, 11, 3}, "reorder to plain"), 1);  // of the result
}

TEST(ChannelsLastPlan, TransposesBetweenTheTwoMoveNothing) {
  const auto make = [](bool exposed) {
    Net n({1, 24, 6, 5});
    const ValueId c1 = n.Op(ops::kConv, {n.x, n.Weights({32, 24, 1, 1})});
    const ValueId last = n.Op(ops::kTranspose, {c1}, {{"perm", Ints{0, 2, 3, 1}}});
    const ValueId c2 = n.Conv(last, {16, 3, 3, 32}, "ohwi");
    const ValueId first = n.Op(ops::kTranspose, {c2}, {{"perm", Ints{0, 3, 1, 2}}});
    return n.Finish(n.Op(ops::kConv, {first, n.Weights({16, 16, 1, 1})}), exposed);
  };
  Check(make, {1, 24, 6, 5});
  EXPECT_EQ(Steps(make(false), {1, 24, 6, 5}, "transpose"), 0);
  EXPECT_EQ(Steps(make(false), {1, 24, 6, 5}, "reorder"), 1);
}

TEST(ChannelsLastPlan, NormsAndResizes) {
  for (const char* mode : {"nearest", "linear"}) {
    for (const bool blocks : {false, true}) {
      const auto make = [&](bool exposed) {
        Net n({2, 4, 5, 18});
        const ValueId x = blocks ? n.Conv(n.x, {18, 1, 1, 18}, "ohwi") : n.x;
        const ValueId r = n.Op(ops::kResize, {x, n.I64s({2, 8, 7, 18})}, {{"mode", mode}});
        const ValueId b = n.Op(ops::kBatchNorm,
                               {r, n.Weights({18}), n.Weights({18}), n.Weights({18}),
                                n.Constant(Tensor::F32({18}, std::vector<float>(18, 0.7F)))},
                               {{"channel_axis", int64_t{-1}}});
        return n.Finish(b, exposed);
      };
      Check(make, {2, 4, 5, 18});
      EXPECT_EQ(Steps(make(false), {2, 4, 5, 18}, "resize " + std::string(mode)), 1);
      EXPECT_EQ(Steps(make(false), {2, 4, 5, 18}, "batch norm"), 1);
    }
  }
}

TEST(ChannelsLastPlan, OtherRanks) {
  Check(
      [](bool exposed) {
        Net n({2, 9, 5});
        return n.Finish(n.Op(ops::kRelu, {n.Conv(n.x, {3, 5, 7}, "hwio")}), exposed);
      },
      {2, 9, 5});
  Check(
      [](bool exposed) {
        Net n({1, 3, 4, 5, 17});
        const ValueId c = n.Conv(n.x, {6, 2, 2, 2, 17}, "ohwi", {{"strides", Ints{1, 2, 1}}});
        return n.Finish(n.Op(ops::kAdd, {c, n.Weights({6})}), exposed);
      },
      {1, 3, 4, 5, 17});
}

TEST(ChannelsLastPlan, BytesToo) {
  Net n({1, 6, 7, 20}, DType::kI8);
  Tensor w(DType::kI8, {18, 3, 3, 20});
  for (int64_t i = 0; i < w.size(); ++i) w.mutable_data<int8_t>()[i] = static_cast<int8_t>(i * 37);
  const ValueId c = n.Op(ops::kConv, {n.x, n.Constant(w)}, {{"channel_axis", int64_t{-1}}, {"weight_layout", "ohwi"}});
  const Graph graph = n.Finish(c, false);
  Tensor x(DType::kI8, {1, 6, 7, 20});
  for (int64_t i = 0; i < x.size(); ++i) x.mutable_data<int8_t>()[i] = static_cast<int8_t>(i * 91);
  testing::ExpectOnePlan(graph, {RtValue(x)}, 0);
}

}  // namespace
}  // namespace godwit
