// Sequences of vectors are matrices. Transformers keep [batch, tokens, channels] (or images of tokens) through layers
// that treat every vector alike; as one matrix of all vectors each linear layer is a single gemm, and reshapes between
// groupings of the vectors disappear. Whole connected parts of the graph change, where that takes fewer nodes.
#include <algorithm>
#include <map>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/pass.h"
#include "passes/vector_nodes.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

Shape WithoutOnes(const Shape& shape) {
  Shape out;
  for (const Dim& d : shape) {
    if (d != Dim(1)) out.push_back(d);
  }
  return out;
}

class Flattener {
 public:
  Flattener(Editor& editor, Ledger& ledger) : editor_(editor), graph_(editor.graph()), ledger_(ledger) {}

  Status Run() {
    Collect();
    for (const auto& [root, nodes] : Components()) {
      if (!ledger_.Open()) break;
      if (Gain(nodes) <= 0) continue;
      const auto done = Rewrite(nodes);
      if (done.ok() && *done) ledger_.Count(kFlattenTokensPass.name, nodes.front());
    }
    editor_.RemoveDead();
    return editor_.Commit();
  }

 private:
  const Shape& ShapeOf(ValueId v) const { return graph_.value(v).type.shape(); }

  void Collect() {
    for (NodeId id : NodesWithin(graph_)) {
      if (TreatsVectorsAlike(graph_, graph_.node(id))) members_.push_back(id);
    }
    is_member_.assign(graph_.node_count(), false);
    for (NodeId id : members_) is_member_[id.index] = true;
  }

  bool Member(ValueId v) const {
    const NodeId def = graph_.value(v).def;
    return def && def.index < is_member_.size() && is_member_[def.index];
  }

  // Member nodes of one region that hang together, in order.
  std::map<uint32_t, std::vector<NodeId>> Components() const {
    std::vector<uint32_t> root(graph_.value_count());
    std::iota(root.begin(), root.end(), 0U);
    const auto find = [&](uint32_t v) {
      while (root[v] != v) v = root[v] = root[root[v]];
      return v;
    };
    for (NodeId id : members_) {
      const Node& node = graph_.node(id);
      for (ValueId v : node.in) {
        if (v && !graph_.IsConstant(v) && Local(v, node.parent)) root[find(v.index)] = find(node.out[0].index);
      }
    }
    std::map<uint32_t, std::vector<NodeId>> out;
    for (NodeId id : members_) out[find(graph_.node(id).out[0].index)].push_back(id);
    return out;
  }
  bool Local(ValueId v, RegionId region) const { return editor_.HomeOf(v) == region; }

  static bool Flat(const Shape& shape) { return shape.size() == 2; }

  // Views and transposes that only place dims of 1 take in or give out the matrix as it is.
  bool TurnsMatrix(const Node& node) const {
    return node.op == &ops::kTranspose && WithoutOnes(ShapeOf(node.out[0])).size() == 2;
  }
  bool FreeEntry(ValueId v) const {
    const NodeId def = graph_.value(v).def;
    if (!def || editor_.Uses(v).size() != 1) return false;
    const Node& node = graph_.node(def);
    if (IsViewNode(graph_, node)) return true;
    if (!TurnsMatrix(node)) return false;
    const NodeId before = graph_.value(node.in[0]).def;
    return before && IsViewNode(graph_, graph_.node(before)) && editor_.Uses(node.in[0]).size() == 1;
  }
  bool FreeExit(const UseSite& use) const {
    if (!use.node) return false;
    const Node& node = graph_.node(use.node);
    if (IsViewNode(graph_, node)) return use.index == 0 && IsExpressible(ShapeOf(node.out[0]));
    if (!TurnsMatrix(node)) return false;
    const auto& uses = editor_.Uses(node.out[0]);
    return std::all_of(uses.begin(), uses.end(),
                       [&](const UseSite& u) { return u.node && IsViewNode(graph_, graph_.node(u.node)); });
  }

  bool Outside(const UseSite& use) const {
    return !use.node || use.node.index >= is_member_.size() || !is_member_[use.node.index];
  }

  // Nodes that go less nodes that come.
  int64_t Gain(const std::vector<NodeId>& nodes) const {
    int64_t gain = 0;
    std::unordered_set<uint32_t> entries;
    for (NodeId id : nodes) {
      const Node& node = graph_.node(id);
      const ValueId y = node.out[0];
      if (IsViewNode(graph_, node)) ++gain;
      if (node.op == &ops::kMatMul && !Flat(ShapeOf(y)) && editor_.Uses(y).size() == 1 && TakesBias(y)) ++gain;
      for (ValueId v : node.in) {
        if (!v || graph_.IsConstant(v) || Member(v) || Flat(ShapeOf(v)) || !entries.insert(v.index).second) continue;
        if (!FreeEntry(v)) --gain;
      }
      if (Flat(ShapeOf(y))) continue;
      const auto& uses = editor_.Uses(y);
      if (std::any_of(uses.begin(), uses.end(), [&](const UseSite& u) { return Outside(u) && !FreeExit(u); })) --gain;
    }
    return gain;
  }
  bool TakesBias(ValueId product) const {
    const UseSite use = editor_.Uses(product)[0];
    if (!use.node) return false;
    const Node& add = graph_.node(use.node);
    if (add.op != &ops::kAdd || !is_member_[use.node.index]) return false;
    const ValueId bias = add.in[1 - use.index];
    return graph_.IsConstant(bias) && ShapeOf(bias) != ShapeOf(product);
  }

  Result<ValueId> FlatOperand(const Node& node, ValueId v) {
    if (!v) return v;
    const Shape& shape = ShapeOf(v);
    if (graph_.IsConstant(v)) {
      if (shape.size() <= 2) return v;
      return ReshapedConstant(editor_, v, {ProductOf(shape, 0, shape.size() - 1).value(), shape.back().value()});
    }
    if (const auto it = flat_.find(v.index); it != flat_.end()) return it->second;
    if (Flat(shape)) return v;
    TRY(flat_[v.index], AddReshape(editor_, node.parent, v, {-1, shape.back().value()}, node.origin));
    return flat_[v.index];
  }

  Result<bool> Rewrite(const std::vector<NodeId>& nodes) {
    flat_.clear();
    std::vector<std::pair<ValueId, ValueId>> replaced;
    for (NodeId id : nodes) {
      const Node node = graph_.node(id);
      const ValueId y = node.out[0];
      std::vector<ValueId> in;
      if (IsViewNode(graph_, node)) {
        TRY(flat_[y.index], FlatOperand(node, node.in[0]));
      } else {
        const bool streams = IsVectorBinary(node.op);
        for (size_t k = 0; k < node.in.size(); ++k) {
          ValueId v = node.in[k];
          if (k == 0 || streams) {
            TRY(v, FlatOperand(node, v));
          }
          in.push_back(v);
        }
        TRY(flat_[y.index], AddRegrouped(editor_, node, std::move(in)));
      }
      const auto& uses = editor_.Uses(y);
      if (std::none_of(uses.begin(), uses.end(), [&](const UseSite& u) { return Outside(u); })) {
        HandName(graph_, y, flat_[y.index]);
        continue;
      }
      ValueId out = flat_[y.index];
      if (!Flat(ShapeOf(y))) {
        TRY(out, AddReshape(editor_, node.parent, out, ReshapeNumbers(ShapeOf(y)), node.origin));
      }
      if (!Meet(graph_.value(y).type, graph_.value(out).type)) return false;
      replaced.emplace_back(y, out);
    }
    for (const auto& [old, now] : replaced) RETURN_IF_ERROR(editor_.ReplaceValue(old, now));
    return true;
  }

  Editor& editor_;
  Graph& graph_;
  Ledger& ledger_;
  std::vector<NodeId> members_;
  std::vector<bool> is_member_;                 // by node
  std::unordered_map<uint32_t, ValueId> flat_;  // by value, of the component at hand
};

Status Run(Editor& editor, Ledger& ledger) { return Flattener(editor, ledger).Run(); }

}  // namespace

const Pass kFlattenTokensPass{"flatten-tokens",
                              "Layers that treat vectors alike work on one matrix of vectors where that takes fewer "
                              "nodes.",
                              Numerics::kReassociating, Run};

}  // namespace godwit
