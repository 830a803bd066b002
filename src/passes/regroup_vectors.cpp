#include "passes/regroup_vectors.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/vector_nodes.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

constexpr size_t kMaxChoices = 8;
constexpr size_t kMaxRank = 4;  // beyond it runtimes are slow, or broadcast no more

bool IsUnscaled(const Node& gemm) { return gemm.attrs.Float("alpha", 1) == 1 && gemm.attrs.Float("beta", 1) == 1; }

class Regrouper {
 public:
  explicit Regrouper(Editor& editor) : editor_(editor), graph_(editor.graph()) {}

  Status Run() {
    Collect();
    for (size_t k = 0; k < parts_.size(); ++k) {
      const auto lead = Choose(k);
      if (lead && !Settled(k, *lead)) RETURN_IF_ERROR(Rewrite(k, *lead));
    }
    editor_.RemoveDead();
    return editor_.Commit();
  }

 private:
  static constexpr size_t kNone = SIZE_MAX;

  const Shape& ShapeOf(ValueId v) const { return graph_.value(v).type.shape(); }
  size_t PartOf(NodeId id) const { return id && id.index < part_of_.size() ? part_of_[id.index] : kNone; }
  size_t PartOf(ValueId v) const { return PartOf(graph_.value(v).def); }

  // Operands that change with the node.
  std::vector<ValueId> Vectors(const Node& node) const {
    std::vector<ValueId> out;
    for (size_t i = 0; i < (IsVectorBinary(node.op) ? node.in.size() : 1); ++i) {
      if (!graph_.IsConstant(node.in[i])) out.push_back(node.in[i]);
    }
    return out;
  }

  // Biases and activations belong to what is before them, where that stays as it is.
  bool EndsAnother(const Node& node, const std::vector<bool>& member) const {
    const bool activation = node.op == &ops::kRelu || node.op == &ops::kClip;
    if (!activation && node.op != &ops::kAdd) return false;
    const ValueId x = node.in[graph_.IsConstant(node.in[0]) && node.in.size() > 1 ? 1 : 0];
    const NodeId def = graph_.value(x).def;
    if (!def || member[def.index] || editor_.Uses(x).size() != 1) return false;
    const OpDef* op = graph_.node(def).op;
    if (activation) return !IsViewNode(graph_, graph_.node(def));
    return (IsProduct(op) || op == &ops::kConv) && Vectors(node).size() == 1;
  }

  void Collect() {
    part_of_.assign(graph_.node_count(), kNone);
    std::vector<NodeId> nodes;
    std::vector<bool> member(graph_.node_count());
    for (const NodeId id : NodesWithin(graph_)) {
      if (!TreatsVectorsAlike(graph_, graph_.node(id)) || EndsAnother(graph_.node(id), member)) continue;
      nodes.push_back(id);
      member[id.index] = true;
    }
    std::vector<uint32_t> root(graph_.value_count());
    std::iota(root.begin(), root.end(), 0U);
    const auto find = [&](uint32_t v) {
      while (root[v] != v) v = root[v] = root[root[v]];
      return v;
    };
    // Values of other regions keep what they have.
    for (const NodeId id : nodes) {
      const Node& node = graph_.node(id);
      for (const ValueId v : Vectors(node)) {
        const NodeId def = graph_.value(v).def;
        const bool own = def && member[def.index] && graph_.node(def).parent == node.parent;
        if (own) root[find(v.index)] = find(node.out[0].index);
      }
    }
    std::map<uint32_t, size_t> numbers;
    for (const NodeId id : nodes) {
      const auto [it, fresh] = numbers.try_emplace(find(graph_.node(id).out[0].index), parts_.size());
      if (fresh) parts_.emplace_back();
      part_of_[id.index] = it->second;
      parts_[it->second].push_back(id);
    }
  }

  std::vector<ValueId> Enters(size_t part, const std::vector<NodeId>& nodes) const {
    std::vector<ValueId> out;
    std::unordered_set<uint32_t> seen;
    for (const NodeId id : nodes) {
      for (const ValueId v : Vectors(graph_.node(id))) {
        if (PartOf(v) != part && seen.insert(v.index).second) out.push_back(v);
      }
    }
    return out;
  }

  bool Outside(const UseSite& use, size_t part) const { return PartOf(use.node) != part; }
  bool LeavesPart(ValueId v, size_t part) const {
    const auto& uses = editor_.Uses(v);
    return std::any_of(uses.begin(), uses.end(), [&](const UseSite& u) { return Outside(u, part); });
  }
  static bool IsProduct(const OpDef* op) { return op == &ops::kMatMul || op == &ops::kGemm; }
  // The left side of a product with a known matrix: rows, which the product makes of any grouping itself.
  bool IsLeftSide(const UseSite& use) const {
    return use.index == 0 && use.node && IsProduct(graph_.node(use.node).op) &&
           graph_.IsConstant(graph_.node(use.node).in[1]);
  }
  bool OnlyLeftSide(ValueId v) const { return editor_.Uses(v).size() == 1 && IsLeftSide(editor_.Uses(v)[0]); }

  static Shape WithLast(const Shape& lead, const Shape& shape) {
    Shape out = lead;
    out.push_back(shape.back());
    return out;
  }
  static Shape LeadOf(const Shape& shape) { return {shape.begin(), shape.end() - 1}; }

  // Reshapes that stand where the part begins and ends.
  int64_t Cost(size_t part, const std::vector<NodeId>& nodes, const Shape& lead) const {
    int64_t cost = 0;
    for (const ValueId v : Enters(part, nodes)) {
      const auto& uses = editor_.Uses(v);
      const NodeId def = graph_.value(v).def;
      const bool all_here = std::none_of(uses.begin(), uses.end(), [&](const UseSite& u) { return Outside(u, part); });
      const bool view = def && IsViewNode(graph_, graph_.node(def)) && all_here;
      if (lead.size() == 1 && OnlyLeftSide(v)) {
        cost -= view ? 1 : 0;
      } else if (WithLast(lead, ShapeOf(v)) != ShapeOf(v) && !view) {
        ++cost;
      }
    }
    for (const NodeId id : nodes) {
      const ValueId y = graph_.node(id).out[0];
      if (WithLast(lead, ShapeOf(y)) == ShapeOf(y)) continue;
      const auto& uses = editor_.Uses(y);
      const bool kept = std::any_of(uses.begin(), uses.end(), [&](const UseSite& u) {
        return Outside(u, part) && !(u.node && u.index == 0 && IsViewNode(graph_, graph_.node(u.node)) &&
                                     IsExpressible(ShapeOf(graph_.node(u.node).out[0])));
      });
      cost += kept ? 1 : 0;
    }
    return cost;
  }

  bool Allowed(size_t part, const Shape& lead) const {
    if (lead.empty() || (lead.size() > 1 && lead.size() >= kMaxRank)) return false;
    for (const NodeId id : parts_[part]) {
      const Node& node = graph_.node(id);
      if (!IsExpressible(WithLast(lead, ShapeOf(node.out[0])))) return false;
      if (lead.size() > 1 && node.op == &ops::kGemm && !IsUnscaled(node)) return false;
    }
    return true;
  }

  // The dims before the last; nothing where the part is as it should be.
  std::optional<Shape> Choose(size_t part) {
    const std::vector<NodeId>& nodes = parts_[part];
    const auto is_view = [&](NodeId id) { return IsViewNode(graph_, graph_.node(id)); };
    if (std::all_of(nodes.begin(), nodes.end(), is_view)) return std::nullopt;
    const Shape& any = ShapeOf(graph_.node(nodes[0]).out[0]);
    std::vector<Shape> leads = {{ProductOf(any, 0, any.size() - 1)}};
    const auto add = [&](ValueId v) {
      Shape lead = LeadOf(ShapeOf(v));
      const bool fresh = std::find(leads.begin(), leads.end(), lead) == leads.end();
      if (fresh && leads.size() < kMaxChoices) leads.push_back(std::move(lead));
    };
    for (const ValueId v : Enters(part, nodes)) add(v);
    for (const NodeId id : nodes) {
      if (LeavesPart(graph_.node(id).out[0], part)) add(graph_.node(id).out[0]);
    }
    std::optional<Shape> best;
    int64_t least = 0;
    for (const Shape& lead : leads) {
      if (!Allowed(part, lead)) continue;
      Rows rows = FindRows(part, lead);
      const int64_t cost = Cost(part, nodes, lead) - rows.saves;
      if (best && cost >= least) continue;
      best = lead;
      least = cost;
      rows_ = std::move(rows);
    }
    return best;
  }

  // Behind products that see rows by themselves, what is better off with all vectors in a row is not held to the rest.
  struct Rows {
    Shape row;
    std::unordered_set<uint32_t> nodes;
    int64_t saves = 0;
  };
  Rows FindRows(size_t part, const Shape& lead) const {
    Rows out;
    out.row = {ProductOf(lead, 0, lead.size())};
    if (lead.size() == 1 || !Allowed(part, out.row)) return out;
    const std::vector<NodeId>& nodes = parts_[part];
    std::unordered_map<uint32_t, uint32_t> root;  // by node
    for (const NodeId id : nodes) root[id.index] = id.index;
    const auto find = [&](uint32_t n) {
      while (root[n] != n) n = root[n] = root[root[n]];
      return n;
    };
    for (const NodeId id : nodes) {
      for (const ValueId v : Vectors(graph_.node(id))) {
        if (PartOf(v) == part && !OnlyLeftSide(v)) root[find(graph_.value(v).def.index)] = find(id.index);
      }
    }
    std::map<uint32_t, std::vector<NodeId>> pieces;
    std::vector<uint32_t> order;
    for (const NodeId id : nodes) {
      std::vector<NodeId>& piece = pieces[find(id.index)];
      if (piece.empty()) order.push_back(find(id.index));
      piece.push_back(id);
    }
    // What a piece leads to is settled before it. Rows are what a piece has where it is all the same, so that it makes
    // no difference what else hangs together with it.
    for (size_t k = order.size(); k-- > 0;) {
      const std::vector<NodeId>& piece = pieces[order[k]];
      int64_t more = Cost(part, piece, out.row) - Cost(part, piece, lead);
      for (const NodeId id : piece) {
        const ValueId y = graph_.node(id).out[0];
        const bool joint = OnlyLeftSide(y) && PartOf(editor_.Uses(y)[0].node) == part;
        if (joint && !out.nodes.contains(editor_.Uses(y)[0].node.index)) ++more;
      }
      if (more > 0) continue;
      for (const NodeId id : piece) out.nodes.insert(id.index);
      out.saves -= more;
    }
    return out;
  }
  const Shape& LeadOfNode(NodeId id, const Shape& lead) const {
    return rows_.nodes.contains(id.index) ? rows_.row : lead;
  }

  bool Settled(size_t part, const Shape& lead) const {
    const std::vector<NodeId>& nodes = parts_[part];
    return std::none_of(nodes.begin(), nodes.end(), [&](NodeId id) {
      const ValueId y = graph_.node(id).out[0];
      if (!IsViewNode(graph_, graph_.node(id))) return ShapeOf(y) != WithLast(LeadOfNode(id, lead), ShapeOf(y));
      return !LeavesPart(y, part) || PartOf(graph_.node(id).in[0]) == part;
    });
  }

  Result<ValueId> Regrouped(const Node& node, ValueId v, const Shape& lead) {
    const Shape& shape = ShapeOf(v);
    if (graph_.IsConstant(v)) {
      if (shape.size() <= 1) return v;
      const bool vectors = std::any_of(shape.begin(), shape.end() - 1, [](const Dim& d) { return d != Dim(1); });
      Dims dims;
      for (const Dim& d : vectors ? lead : Shape()) dims.push_back(d.value());
      dims.push_back(shape.back().value());
      return ReshapedConstant(editor_, v, std::move(dims));
    }
    const auto it = now_.find(v.index);
    const ValueId has = it == now_.end() ? v : it->second;
    const Shape to = WithLast(lead, shape);
    if (ShapeOf(has) == to) return has;
    if (it != now_.end()) return AddReshape(editor_, node.parent, has, ReshapeNumbers(to), node.origin);
    TRY(now_[v.index], AddReshape(editor_, node.parent, v, ReshapeNumbers(to), node.origin));
    return now_[v.index];
  }

  // Products of matrices alone are of two axes.
  Result<ValueId> AddGemm(const Node& node, ValueId x, const Shape& lead) {
    Attrs attrs;
    if (node.attrs.Flag("transpose_b")) attrs.Set("transpose_b", int64_t{1});
    TRY(const NodeId product, editor_.AddNode(node.parent, ops::kMatMul, {x, node.in[1]}, 1, attrs, node.origin));
    const ValueId y = graph_.node(product).out[0];
    if (node.in.size() < 3 || !node.in[2]) return y;
    TRY(const ValueId bias, Regrouped(node, node.in[2], lead));
    TRY(const NodeId sum, editor_.AddNode(node.parent, ops::kAdd, {y, bias}, 1, {}, node.origin));
    return graph_.node(sum).out[0];
  }

  Status Rewrite(size_t part, const Shape& most) {
    now_.clear();
    std::vector<std::pair<ValueId, ValueId>> replaced;
    for (const NodeId id : parts_[part]) {
      const Node node = graph_.node(id);
      const Shape& lead = LeadOfNode(id, most);
      const ValueId y = node.out[0];
      const bool leaves = LeavesPart(y, part);
      const Shape shape = ShapeOf(y);
      if (IsViewNode(graph_, node)) {
        TRY(now_[y.index], Regrouped(node, node.in[0], lead));
      } else {
        std::vector<ValueId> in = node.in;
        for (size_t i = 0; i < (IsVectorBinary(node.op) ? in.size() : 1); ++i) {
          TRY(in[i], Regrouped(node, in[i], lead));
        }
        if (node.op == &ops::kGemm && lead.size() > 1) {
          TRY(now_[y.index], AddGemm(node, in[0], lead));
        } else {
          TRY(now_[y.index], AddRegrouped(editor_, node, std::move(in)));
        }
      }
      ValueId out = now_[y.index];
      if (ShapeOf(out) != shape) {
        if (!leaves) {
          HandName(graph_, y, out);
          continue;
        }
        TRY(out, AddReshape(editor_, node.parent, out, ReshapeNumbers(shape), node.origin));
      }
      if (!Meet(graph_.value(y).type, graph_.value(out).type)) return Ok{};
      replaced.emplace_back(y, out);
    }
    for (const auto& [old, now] : replaced) RETURN_IF_ERROR(editor_.ReplaceValue(old, now));
    return Ok{};
  }

  Editor& editor_;
  Graph& graph_;
  std::vector<std::vector<NodeId>> parts_;  // nodes in order
  std::vector<size_t> part_of_;             // by node
  // Of the part at hand.
  std::unordered_map<uint32_t, ValueId> now_;  // by value
  Rows rows_;                                  // nodes that have all vectors in a row, where the others have not
};

}  // namespace

Status RegroupVectors(Editor& editor) { return Regrouper(editor).Run(); }

}  // namespace godwit
