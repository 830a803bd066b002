#include "passes/layout/split_tokens.h"

#include <algorithm>

#include "ir/walk.h"
#include "ops/commute_rules.h"
#include "ops/elementwise.h"
#include "ops/ops.h"
#include "passes/layout/view.h"
#include "rewrite/match.h"

namespace godwit::layout {

namespace {

constexpr size_t kMaxRank = 5;
constexpr size_t kMaxPath = 16;

bool IsMove(const OpDef* op) {
  return op == &ops::kTranspose || op == &ops::kReshape || op == &ops::kFlatten || op == &ops::kSqueeze ||
         op == &ops::kUnsqueeze;
}

class Splitter {
 public:
  explicit Splitter(Editor& editor) : editor_(editor), graph_(editor.graph()) {}

  Status Run() {
    for (const NodeId id : NodesWithin(graph_)) {
      if (editor_.Alive(id) && Known(id) && IsMove(graph_.node(id).op)) RETURN_IF_ERROR(Follow(id));
    }
    editor_.RemoveDead();
    return editor_.Commit();
  }

 private:
  [[nodiscard]] const Shape& ShapeOf(ValueId v) const { return graph_.value(v).type.shape(); }
  [[nodiscard]] bool Known(NodeId id) const {
    const Node& node = graph_.node(id);
    return node.out.size() == 1 && node.out[0] && graph_.value(node.out[0]).type.ranked() && !node.in.empty() &&
           node.in[0] && graph_.value(node.in[0]).type.ranked();
  }
  // The only user, by its operand 0 or another, in the same region.
  [[nodiscard]] const UseSite* OnlyUse(ValueId v) const {
    const auto& uses = editor_.Uses(v);
    if (uses.size() != 1 || !uses[0].node) return nullptr;
    return graph_.node(uses[0].node).parent == editor_.HomeOf(v) ? &uses[0] : nullptr;
  }

  // Whether the node does to each vector along the last axis the same.
  [[nodiscard]] bool Alike(const UseSite& use) const {
    const Node& node = graph_.node(use.node);
    if (!Known(use.node)) return false;
    const auto rank = static_cast<int64_t>(ShapeOf(node.in[use.index]).size());
    if (node.op->commute == &ops::CommuteElementwise) return use.index == 0;
    const auto last_alone = [&](ValueId v) {
      if (!v) return true;
      if (!graph_.value(v).type.ranked()) return false;
      const Shape& shape = ShapeOf(v);
      if (static_cast<int64_t>(shape.size()) > rank) return false;
      return shape.empty() || std::all_of(shape.begin(), shape.end() - 1, [](const Dim& d) { return d == Dim(1); });
    };
    if (node.op->commute == &ops::CommuteBroadcast) {
      for (size_t i = 0; i < node.in.size(); ++i) {
        if (i != use.index && (!node.in[i] || node.in[i] == node.in[use.index] || !last_alone(node.in[i])))
          return false;
      }
      // The operand itself gives the shape.
      const Shape &x = ShapeOf(node.in[use.index]), &y = ShapeOf(node.out[0]);
      return std::equal(x.begin(), x.end() - 1, y.begin(), y.end() - 1);
    }
    if (node.op == &ops::kMatMul) {
      return use.index == 0 && node.in.size() == 2 && !node.attrs.Flag("transpose_a") &&
             graph_.value(node.in[1]).type.ranked() && ShapeOf(node.in[1]).size() == 2;
    }
    const auto over_last = [&] { return AxisOf(node.attrs.Int("axis", -1), static_cast<int>(rank)) == rank - 1; };
    if (node.op == &ops::kSoftmax) return over_last();
    if (node.op == &ops::kLayerNorm || node.op == &ops::kRmsNorm) {
      return use.index == 0 && over_last() && std::all_of(node.in.begin() + 1, node.in.end(), last_alone);
    }
    return false;
  }

  // Whether a real transposition stands in the moves that lead to `v`, or that start with `node`.
  [[nodiscard]] bool TransposedBefore(ValueId v) const {
    for (size_t k = 0; k < kMaxPath; ++k) {
      const NodeId def = graph_.value(v).def;
      if (!def || !IsMove(graph_.node(def).op) || !Known(def)) return false;
      if (graph_.node(def).op == &ops::kTranspose) return true;
      v = graph_.node(def).in[0];
    }
    return false;
  }
  [[nodiscard]] bool TransposedAfter(NodeId node) const {
    for (size_t k = 0; k < kMaxPath; ++k) {
      if (graph_.node(node).op == &ops::kTranspose) return true;
      const UseSite* use = OnlyUse(graph_.node(node).out[0]);
      if (use == nullptr || use->index != 0 || !IsMove(graph_.node(use->node).op) || !Known(use->node)) return false;
      node = use->node;
    }
    return false;
  }

  // The dims but the last, where a move leaves that alone.
  [[nodiscard]] Shape LeadAcross(ValueId side, ValueId path) const {
    const Shape &a = ShapeOf(side), &b = ShapeOf(path);
    if (a.size() <= b.size() || a.size() > kMaxRank || b.size() < 2 || a.back() != b.back()) return {};
    return {a.begin(), a.end() - 1};
  }

  Status Follow(NodeId start) {
    const ValueId begin = graph_.node(start).out[0];
    if (ShapeOf(begin).size() < 2) return Ok{};
    std::vector<UseSite> path;
    ValueId at = begin;
    NodeId end;
    while (path.size() < kMaxPath) {
      const UseSite* use = OnlyUse(at);
      if (use == nullptr) return Ok{};
      if (IsMove(graph_.node(use->node).op)) {
        if (use->index != 0 || !Known(use->node)) return Ok{};
        end = use->node;
        break;
      }
      if (!Alike(*use)) return Ok{};
      path.push_back(*use);
      at = graph_.node(use->node).out[0];
    }
    if (!end || path.empty()) return Ok{};
    const bool before = TransposedBefore(begin), after = TransposedAfter(end);
    Shape lead;
    if (graph_.node(start).op != &ops::kTranspose) lead = LeadAcross(graph_.node(start).in[0], begin);
    if (graph_.node(end).op != &ops::kTranspose) {
      const Shape other = LeadAcross(graph_.node(end).out[0], at);
      if (other.size() > lead.size()) lead = other;
    }
    if (lead.empty() || !(before || after)) return Ok{};
    return Rebuild(begin, path, at, lead);
  }

  Status Rebuild(ValueId begin, const std::vector<UseSite>& path, ValueId last, const Shape& lead) {
    const RegionId region = editor_.HomeOf(begin);
    const auto with = [&](ValueId v) {
      Shape shape = lead;
      shape.push_back(ShapeOf(v).back());
      return shape;
    };
    const auto there = ShapeNumbers(ShapeOf(begin), with(begin)), back = ShapeNumbers(with(last), ShapeOf(last));
    if (!there || !back) return Ok{};
    TRY(ValueId now, Emit(region, ops::kReshape, {begin, Numbers(*there)}, {}, graph_.node(path[0].node).origin));
    for (const UseSite& use : path) {
      const Node node = graph_.node(use.node);
      std::vector<ValueId> in = node.in;
      in[use.index] = now;
      Attrs attrs = node.attrs;
      if (attrs.Has("axis") || node.op == &ops::kSoftmax) attrs.Set("axis", int64_t{-1});
      TRY(now, Emit(region, *node.op, std::move(in), std::move(attrs), node.origin));
      if (!(graph_.value(now).type.ranked() && ShapeOf(now) == with(node.out[0]))) return Ok{};
    }
    TRY(now, Emit(region, ops::kReshape, {now, Numbers(*back)}, {}, graph_.node(path.back().node).origin));
    if (!Meet(graph_.value(last).type, graph_.value(now).type)) return Ok{};
    return editor_.ReplaceValue(last, now);
  }

  ValueId Numbers(const std::vector<int64_t>& numbers) {
    return editor_.AddConstant(Tensor::I64({static_cast<int64_t>(numbers.size())}, numbers));
  }
  Result<ValueId> Emit(RegionId region, const OpDef& op, std::vector<ValueId> in, Attrs attrs, OriginId origin) {
    TRY(const NodeId id, editor_.AddNode(region, op, std::move(in), 1, std::move(attrs), origin));
    return graph_.node(id).out[0];
  }

  Editor& editor_;
  Graph& graph_;
};

}  // namespace

Status SplitTokens(Editor& editor) { return Splitter(editor).Run(); }

}  // namespace godwit::layout
