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
#include "passes/lazy_weight.h"
#include "passes/pass.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

// The same elements in the same order, transposes of dims of 1 included.
bool IsView(const Graph& graph, const Node& node) {
  if (node.op == &ops::kTranspose) {
    const Type& type = graph.value(node.in[0]).type;
    const auto perm = type.ranked() ? PermOf(node, type.rank()) : std::nullopt;
    return perm && MovesNothing(*perm, type.shape());
  }
  return node.op == &ops::kReshape || node.op == &ops::kFlatten || node.op == &ops::kSqueeze ||
         node.op == &ops::kUnsqueeze;
}

// Element by element, whatever the shape.
bool IsUnary(const OpDef* op) {
  static const std::unordered_set<const OpDef*> kOps = {
      &ops::kRelu,      &ops::kGelu, &ops::kSigmoid,     &ops::kTanh,      &ops::kErf,       &ops::kSilu,
      &ops::kHardSwish, &ops::kExp,  &ops::kSqrt,        &ops::kNeg,       &ops::kLeakyRelu, &ops::kElu,
      &ops::kSoftplus,  &ops::kMish, &ops::kAbs,         &ops::kClip,      &ops::kCast,      &ops::kLog,
      &ops::kIdentity,  &ops::kSelu, &ops::kHardSigmoid, &ops::kReciprocal};
  return kOps.contains(op);
}

bool IsBinary(const OpDef* op) { return op == &ops::kAdd || op == &ops::kSub || op == &ops::kMul || op == &ops::kDiv; }

Dim Product(const Shape& shape, size_t first, size_t last) {
  Dim out(1);
  for (size_t k = first; k < last; ++k) out = out * shape[k];
  return out;
}

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

  // A value that may be seen as a matrix of vectors.
  bool IsStream(ValueId v) const {
    if (!v || graph_.IsConstant(v)) return false;
    const Type& type = graph_.value(v).type;
    return type.is_tensor() && type.ranked() && type.rank() >= 2 && type.shape().back().is_static() &&
           !type.tensor().quant && Expressible(type.shape());
  }
  // Whether a reshape can state the shape: one dim at most is not a number, and none is zero, which would mean a copy.
  static bool Expressible(const Shape& shape) {
    return std::count_if(shape.begin(), shape.end(), [](const Dim& d) { return !d.is_static(); }) <= 1 &&
           std::find(shape.begin(), shape.end(), Dim(0)) == shape.end();
  }

  bool LastAxis(int64_t axis, ValueId v) const {
    return AxisOf(axis, graph_.value(v).type.rank()) == int64_t{graph_.value(v).type.rank()} - 1;
  }

  // A constant that broadcasts along the vectors' elements alone, or holds a vector for each.
  bool FitsConstant(ValueId c, ValueId y) const {
    const Shape& own = ShapeOf(c);
    const Shape& out = ShapeOf(y);
    if (!graph_.value(c).type.ranked() || own.size() > out.size()) return false;
    if (own == out) return IsStatic(own);
    for (size_t k = 0; k + 1 < own.size(); ++k) {
      if (own[k] != Dim(1)) return false;
    }
    return own.empty() || own.back() == out.back() || own.back() == Dim(1);
  }

  // Whether the node treats every vector alike, or only groups the vectors in another way. Its streams are the operands
  // that change with it.
  bool IsMember(const Node& node) const {
    if (node.in.empty() || node.out.size() != 1 || !node.regions.empty()) return false;
    const ValueId x = node.in[0];
    const ValueId y = node.out[0];
    if (!IsStream(y)) return false;
    if (IsBinary(node.op)) {
      bool stream = false;
      for (ValueId v : node.in) {
        if (graph_.IsConstant(v) ? !FitsConstant(v, y) : !IsStream(v) || ShapeOf(v) != ShapeOf(y)) return false;
        stream = stream || !graph_.IsConstant(v);
      }
      return stream;
    }
    if (!IsStream(x)) return false;
    if (IsUnary(node.op)) return ShapeOf(x) == ShapeOf(y);
    if (IsView(graph_, node)) {
      return ShapeOf(x).back() == ShapeOf(y).back() &&
             Product(ShapeOf(x), 0, ShapeOf(x).size() - 1) == Product(ShapeOf(y), 0, ShapeOf(y).size() - 1);
    }
    if (node.op == &ops::kMatMul) {
      return node.in.size() == 2 && graph_.IsConstant(node.in[1]) && graph_.value(node.in[1]).type.rank() == 2 &&
             !node.attrs.Flag("transpose_a") && IsFloat(graph_.value(y).type.dtype());
    }
    if (node.op == &ops::kGemm) return !node.attrs.Flag("transpose_a") && !VariesByRow(node);
    if (node.op == &ops::kSoftmax) return LastAxis(node.attrs.Int("axis", -1), x);
    if (node.op == &ops::kLayerNorm || node.op == &ops::kRmsNorm) {
      for (size_t k = 1; k < node.in.size(); ++k) {
        if (node.in[k] && (!graph_.value(node.in[k]).type.ranked() || graph_.value(node.in[k]).type.rank() != 1))
          return false;
      }
      return LastAxis(node.attrs.Int("axis", -1), x);
    }
    return false;
  }
  bool VariesByRow(const Node& node) const {
    if (node.in.size() < 3 || !node.in[2]) return !graph_.IsConstant(node.in[1]);
    return !graph_.IsConstant(node.in[1]) || !graph_.IsConstant(node.in[2]) || !FitsConstant(node.in[2], node.out[0]);
  }

  void Collect() {
    for (NodeId id : NodesWithin(graph_)) {
      if (IsMember(graph_.node(id))) members_.push_back(id);
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
    if (IsView(graph_, node)) return true;
    if (!TurnsMatrix(node)) return false;
    const NodeId before = graph_.value(node.in[0]).def;
    return before && IsView(graph_, graph_.node(before)) && editor_.Uses(node.in[0]).size() == 1;
  }
  bool FreeExit(const UseSite& use) const {
    if (!use.node) return false;
    const Node& node = graph_.node(use.node);
    if (IsView(graph_, node)) return use.index == 0 && Expressible(ShapeOf(node.out[0]));
    if (!TurnsMatrix(node)) return false;
    const auto& uses = editor_.Uses(node.out[0]);
    return std::all_of(uses.begin(), uses.end(),
                       [&](const UseSite& u) { return u.node && IsView(graph_, graph_.node(u.node)); });
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
      if (IsView(graph_, node)) ++gain;
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
    if (graph_.IsConstant(v)) return shape.size() > 2 ? FlatConstant(v) : Result<ValueId>(v);
    if (const auto it = flat_.find(v.index); it != flat_.end()) return it->second;
    if (Flat(shape)) return v;
    TRY(NodeId made, AddReshape(node.parent, v, {-1, shape.back().value()}, node.origin));
    return flat_[v.index] = graph_.node(made).out[0];
  }
  Result<ValueId> FlatConstant(ValueId v) {
    const Constant& constant = graph_.constant(graph_.value(v).constant);
    const Shape& shape = constant.type.shape;
    const Dims dims = {Product(shape, 0, shape.size() - 1).value(), shape.back().value()};
    TRY(Constant flat,
        LazyWeight(TensorType(constant.type.dtype, ToShape(dims)), {constant},
                   [dims](const std::vector<Tensor>& in) -> Result<Tensor> { return in[0].Reshaped(dims); }));
    return editor_.AddConstant(std::move(flat));
  }
  Result<NodeId> AddReshape(RegionId region, ValueId x, const std::vector<int64_t>& shape, OriginId origin) {
    const ValueId to = editor_.AddConstant(Tensor::I64({static_cast<int64_t>(shape.size())}, shape));
    return editor_.AddNode(region, ops::kReshape, {x, to}, 1, {}, origin);
  }

  Result<bool> Rewrite(const std::vector<NodeId>& nodes) {
    flat_.clear();
    std::vector<std::pair<ValueId, ValueId>> replaced;
    for (NodeId id : nodes) {
      const Node node = graph_.node(id);
      const ValueId y = node.out[0];
      std::vector<ValueId> in;
      if (IsView(graph_, node)) {
        TRY(flat_[y.index], FlatOperand(node, node.in[0]));
      } else {
        const bool streams = IsBinary(node.op);
        for (size_t k = 0; k < node.in.size(); ++k) {
          ValueId v = node.in[k];
          if (k == 0 || streams) {
            TRY(v, FlatOperand(node, v));
          }
          in.push_back(v);
        }
        Attrs attrs = node.attrs;
        if (attrs.Has("axis")) attrs.Set("axis", int64_t{-1});
        TRY(NodeId made, editor_.AddNode(node.parent, *node.op, std::move(in), 1, std::move(attrs), node.origin));
        flat_[y.index] = graph_.node(made).out[0];
      }
      const auto& uses = editor_.Uses(y);
      if (std::none_of(uses.begin(), uses.end(), [&](const UseSite& u) { return Outside(u); })) continue;
      ValueId out = flat_[y.index];
      if (!Flat(ShapeOf(y))) {
        std::vector<int64_t> shape;
        for (const Dim& d : ShapeOf(y)) shape.push_back(d.is_static() ? d.value() : -1);
        TRY(NodeId made, AddReshape(node.parent, out, shape, node.origin));
        out = graph_.node(made).out[0];
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
