#include "passes/channel_group.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "ops/ops.h"
#include "passes/channel_move.h"
#include "rewrite/match.h"
#include "rewrite/recipe.h"

namespace godwit {

namespace {

bool IsUnary(const OpDef* op) {
  static const std::unordered_set<const OpDef*> kOps = {
      &ops::kRelu,       &ops::kGelu, &ops::kSigmoid, &ops::kTanh, &ops::kErf,       &ops::kSilu,
      &ops::kHardSwish,  &ops::kExp,  &ops::kSqrt,    &ops::kNeg,  &ops::kLeakyRelu, &ops::kSoftplus,
      &ops::kReciprocal, &ops::kElu,  &ops::kAbs,     &ops::kLog,  &ops::kIdentity,  &ops::kHardSigmoid};
  return kOps.contains(op);
}

bool IsBinary(const OpDef* op) {
  return op == &ops::kAdd || op == &ops::kSub || op == &ops::kMul || op == &ops::kDiv || op == &ops::kMax ||
         op == &ops::kMin || op == &ops::kPRelu;
}

// A node that treats each channel for itself.
struct Between {
  std::vector<ValueId> values;                        // operands and results that have the channels
  std::vector<std::pair<size_t, int64_t>> constants;  // operands that do, and along which of their axes
};

// The axis of weights that a letter of their layout stands for.
int64_t WeightAxis(const Node& conv, char letter, int rank) {
  int64_t at = 0;
  for (const char c : conv.attrs.Str("weight_layout", "oihw")) {
    if (c == letter) return at;
    if (c == 'w') continue;
    at += c == 'h' ? rank - 2 : 1;
  }
  return -1;
}

class Grouper {
 public:
  Grouper(Editor& editor, int64_t axis, int64_t channels)
      : editor_(editor), graph_(editor.graph()), axis_(axis), channels_(channels) {}

  [[nodiscard]] bool Carries(ValueId v) const { return v && ExtentOf(graph_, v, axis_) == channels_; }
  [[nodiscard]] bool HasWeights(const Node& node) const {
    if (node.op != &ops::kConv || !graph_.value(node.in[0]).type.ranked()) return false;
    const int rank = graph_.value(node.in[0]).type.rank();
    if (AxisOf(node.attrs.Int("channel_axis", 1), rank) != axis_) return false;
    for (size_t i = 1; i < node.in.size(); ++i) {
      if (!node.in[i]) continue;
      if (i > 2 || !graph_.IsConstant(node.in[i]) || !IsFloat(graph_.value(node.in[i]).type.dtype())) return false;
    }
    return graph_.value(node.in[1]).type.ranked() && graph_.value(node.in[1]).type.tensor().is_static();
  }
  [[nodiscard]] bool IsDense(const Node& node) const { return HasWeights(node) && node.attrs.Int("group", 1) == 1; }

  [[nodiscard]] std::optional<Between> AsBetween(const Node& node) const {
    if (node.out.empty() || !Carries(node.out[0])) return std::nullopt;
    for (size_t i = 1; i < node.out.size(); ++i) {
      if (node.out[i] && editor_.Used(node.out[i])) return std::nullopt;
    }
    Between out;
    out.values.push_back(node.out[0]);
    const bool single = IsUnary(node.op) || IsClip(node) || IsPool(node) || IsReduction(node);
    if (single) {
      if (!Carries(node.in[0])) return std::nullopt;
      out.values.push_back(node.in[0]);
      return out;
    }
    if (node.op == &ops::kConv) return DepthwiseBetween(node, std::move(out));
    if (node.op == &ops::kBatchNorm) return NormBetween(node, std::move(out));
    return IsBinary(node.op) ? BinaryBetween(node, std::move(out)) : std::nullopt;
  }

 private:
  [[nodiscard]] bool IsClip(const Node& node) const {
    if (node.op != &ops::kClip) return false;
    for (size_t i = 1; i < node.in.size(); ++i) {
      if (node.in[i] && (!graph_.value(node.in[i]).type.ranked() || graph_.value(node.in[i]).type.rank() != 0)) {
        return false;
      }
    }
    return true;
  }
  [[nodiscard]] bool AtAxis(const Node& node) const {
    const Type& x = graph_.value(node.in[0]).type;
    return x.ranked() && AxisOf(node.attrs.Int("channel_axis", 1), x.rank()) == axis_;
  }
  [[nodiscard]] bool IsPool(const Node& node) const {
    return (node.op == &ops::kAvgPool || node.op == &ops::kMaxPool) && AtAxis(node);
  }
  [[nodiscard]] bool IsReduction(const Node& node) const {
    if (node.op != &ops::kReduce || !node.attrs.Flag("keep_dims", true) || node.in.size() < 2 || !node.in[1]) {
      return false;
    }
    const auto axes = editor_.inference().Contents(node.in[1]);
    const Type& x = graph_.value(node.in[0]).type;
    if (!axes || axes->empty() || !x.ranked()) return false;
    return std::all_of(axes->begin(), axes->end(), [&](const Dim& d) {
      const auto a = d.is_static() ? AxisOf(d.value(), x.rank()) : std::nullopt;
      return a && *a != axis_;
    });
  }

  [[nodiscard]] std::optional<Between> DepthwiseBetween(const Node& node, Between out) const {
    if (!HasWeights(node) || node.attrs.Int("group", 1) != channels_ || !Carries(node.in[0])) return std::nullopt;
    const int rank = graph_.value(node.in[1]).type.rank();
    const int64_t o = WeightAxis(node, 'o', rank);
    if (o < 0 || ExtentOf(graph_, node.in[1], o) != channels_) return std::nullopt;
    out.values.push_back(node.in[0]);
    out.constants.emplace_back(1, o);
    if (node.in.size() > 2 && node.in[2]) out.constants.emplace_back(2, 0);
    return out;
  }

  [[nodiscard]] std::optional<Between> NormBetween(const Node& node, Between out) const {
    if (node.attrs.Flag("training") || !AtAxis(node) || !Carries(node.in[0])) return std::nullopt;
    out.values.push_back(node.in[0]);
    for (size_t i = 1; i < node.in.size(); ++i) {
      if (!node.in[i]) continue;
      if (!graph_.IsConstant(node.in[i]) || ExtentOf(graph_, node.in[i], 0) != channels_) return std::nullopt;
      out.constants.emplace_back(i, 0);
    }
    return out;
  }

  [[nodiscard]] std::optional<Between> BinaryBetween(const Node& node, Between out) const {
    const int rank = graph_.value(node.out[0]).type.rank();
    for (size_t i = 0; i < node.in.size(); ++i) {
      const Type& type = graph_.value(node.in[i]).type;
      if (!type.ranked() || type.rank() > rank) return std::nullopt;
      const int64_t at = axis_ - (rank - type.rank());
      const int64_t extent = at < 0 ? 1 : ExtentOf(graph_, node.in[i], at);
      if (extent == 1) continue;
      if (extent != channels_) return std::nullopt;
      if (graph_.IsConstant(node.in[i])) {
        out.constants.emplace_back(i, at);
      } else if (type.rank() == rank) {
        out.values.push_back(node.in[i]);
      } else {
        return std::nullopt;
      }
    }
    return out;
  }

  Editor& editor_;
  const Graph& graph_;
  const int64_t axis_, channels_;
};

Result<ValueId> Gathered(Editor& editor, ValueId from, int64_t axis, const std::vector<int64_t>& order) {
  const Constant constant = editor.graph().constant(editor.graph().value(from).constant);
  const Tensor tensor = Tensor::I64({static_cast<int64_t>(order.size())}, order);
  const Constant indices{tensor.type(), tensor};
  TRY(Constant made, Computed(ops::kGather, {{"axis", axis}}, {&constant, &indices}, constant.type));
  return editor.AddConstant(std::move(made));
}

}  // namespace

ChannelGroup GroupOf(Editor& editor, ValueId value, int64_t axis, const std::function<bool(NodeId)>& moves) {
  const Graph& graph = editor.graph();
  ChannelGroup group;
  group.axis = axis;
  group.channels = ExtentOf(graph, value, axis);
  const Grouper grouper(editor, axis, group.channels);
  const int rank = graph.value(value).type.rank();
  const RegionId home = editor.HomeOf(value);
  std::unordered_set<uint32_t> seen_values = {value.index}, seen_nodes;
  group.values.push_back(value);
  const auto join = [&](NodeId id) {
    if (seen_nodes.contains(id.index)) return true;
    const auto between = grouper.AsBetween(graph.node(id));
    if (!between || graph.node(id).parent != home) return false;
    seen_nodes.insert(id.index);
    group.along.push_back(id);
    for (const ValueId v : between->values) {
      if (seen_values.insert(v.index).second) group.values.push_back(v);
    }
    return true;
  };
  for (size_t k = 0; k < group.values.size(); ++k) {
    const ValueId v = group.values[k];
    const NodeId def = graph.value(v).def;
    if (!def || graph.value(v).type.rank() != rank || !IsFloat(graph.value(v).type.dtype())) {
      group.free = false;
    } else if (moves(def)) {
      ++group.given;
    } else if (grouper.IsDense(graph.node(def))) {
      group.makers.push_back(def);
    } else {
      group.free = join(def) && group.free;
    }
    for (const UseSite& use : editor.Uses(v)) {
      if (!use.node) {
        group.free = false;
      } else if (moves(use.node)) {
        group.moved = true;
      } else if (use.index == 0 && grouper.IsDense(graph.node(use.node))) {
        group.takers.push_back(use.node);
      } else {
        group.free = join(use.node) && group.free;
      }
    }
  }
  return group;
}

Status Reorder(Editor& editor, const ChannelGroup& group, const std::vector<int64_t>& order) {
  const Grouper grouper(editor, group.axis, group.channels);
  const auto put = [&](NodeId id, size_t operand, int64_t axis) -> Status {
    TRY(const ValueId made, Gathered(editor, editor.graph().node(id).in[operand], axis, order));
    editor.SetOperand(id, operand, made);
    return Ok{};
  };
  const auto weights = [&](NodeId id, char letter) {
    const Node& node = editor.graph().node(id);
    return put(id, 1, WeightAxis(node, letter, editor.graph().value(node.in[1]).type.rank()));
  };
  for (const NodeId id : group.along) {
    const auto between = grouper.AsBetween(editor.graph().node(id));
    if (!between) continue;
    for (const auto& [operand, axis] : between->constants) RETURN_IF_ERROR(put(id, operand, axis));
  }
  for (const NodeId id : group.makers) {
    RETURN_IF_ERROR(weights(id, 'o'));
    const Node& node = editor.graph().node(id);
    if (node.in.size() > 2 && node.in[2]) RETURN_IF_ERROR(put(id, 2, 0));
  }
  for (const NodeId id : group.takers) RETURN_IF_ERROR(weights(id, 'i'));
  // What they hold is not what the source calls by these names.
  for (const ValueId v : group.values) editor.graph().value(v).name.clear();
  return Ok{};
}

}  // namespace godwit
