// Reshapes, transposes, slices and concatenations that only move whole runs of elements of one value around are one
// gather by known indices: rolled and partitioned windows, shuffled channels, interleaved neighbours. Where each
// element goes is found by letting the nodes move the numbers of the elements.
#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "ir/eval.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/pass.h"

namespace godwit {

namespace {

constexpr int64_t kMaxElements = int64_t{1} << 21;
constexpr int64_t kMaxWork = int64_t{1} << 28;  // elements moved in all
constexpr int64_t kMinRun = 16;                 // shorter runs are moved faster by what is there
constexpr size_t kMaxNodes = 64;

bool Moves(const OpDef* op) {
  static const std::unordered_set<const OpDef*> kOps = {&ops::kReshape,   &ops::kFlatten, &ops::kSqueeze,
                                                        &ops::kUnsqueeze, &ops::kSlice,   &ops::kTranspose,
                                                        &ops::kConcat,    &ops::kSplit,   &ops::kGather};
  return kOps.contains(op);
}

// Operands that hold data; the others are sizes and positions, and must be constants.
bool IsData(const Node& node, size_t operand) { return operand == 0 || node.op == &ops::kConcat; }

int64_t Product(const Dims& dims, size_t first, size_t last) {
  return std::accumulate(dims.begin() + static_cast<std::ptrdiff_t>(first),
                         dims.begin() + static_cast<std::ptrdiff_t>(last), int64_t{1}, std::multiplies<>());
}

// y = reshape(gather(reshape(x, view), indices, axis), y): either reshape may be absent; where nothing moves, the
// gather is.
struct Plan {
  Dims view;
  int64_t axis = 0;
  Dims index_dims;
  std::vector<int64_t> indices;
  bool reshape_x = false, reshape_y = false, gathers = true;
  [[nodiscard]] size_t nodes() const { return (gathers ? 1U : 0U) + (reshape_x ? 1U : 0U) + (reshape_y ? 1U : 0U); }
};

// Whether y[p, j, b] = x[p, indices[j], b] with x seen as [before, n, run].
bool FindIndices(std::span<const int32_t> from, int64_t before, int64_t n, int64_t run, Plan* plan) {
  const auto total = static_cast<int64_t>(from.size());
  if (before == 0 || run == 0 || total % (before * run) != 0) return false;
  const int64_t picked = total / (before * run);
  plan->indices.clear();
  for (int64_t j = 0; j < picked; ++j) {
    const int64_t at = from[static_cast<size_t>(j * run)];
    if (at % run != 0 || at / run >= n) return false;
    plan->indices.push_back(at / run);
  }
  int64_t place = 0;
  for (int64_t p = 0; p < before; ++p) {
    for (int64_t j = 0; j < picked; ++j) {
      const int64_t at = (p * n + plan->indices[static_cast<size_t>(j)]) * run;
      for (int64_t b = 0; b < run; ++b, ++place) {
        if (from[static_cast<size_t>(place)] != at + b) return false;
      }
    }
  }
  return true;
}

std::optional<Plan> MakePlan(const Dims& x, const Dims& y, std::span<const int32_t> from) {
  std::optional<Plan> best;
  bool in_place = static_cast<int64_t>(from.size()) == Product(x, 0, x.size());
  for (size_t k = 0; k < from.size() && in_place; ++k) in_place = from[k] == static_cast<int32_t>(k);
  if (in_place) {
    best.emplace();
    best->gathers = false;
    best->reshape_y = x != y;
    return best;
  }
  const auto offer = [&](Plan plan) {
    if (!best || plan.nodes() < best->nodes()) best = std::move(plan);
  };
  // Along an axis that x has.
  for (size_t a = 0; a < x.size(); ++a) {
    const int64_t run = Product(x, a + 1, x.size());
    if (run < kMinRun) break;
    Plan plan;
    plan.view = x;
    plan.axis = static_cast<int64_t>(a);
    if (!FindIndices(from, Product(x, 0, a), x[a], run, &plan)) continue;
    const size_t after = x.size() - a - 1;
    const bool fits =
        y.size() >= a + after && std::equal(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(a), y.begin()) &&
        std::equal(x.end() - static_cast<std::ptrdiff_t>(after), x.end(), y.end() - static_cast<std::ptrdiff_t>(after));
    if (fits) {
      plan.index_dims.assign(y.begin() + static_cast<std::ptrdiff_t>(a), y.end() - static_cast<std::ptrdiff_t>(after));
    } else {
      plan.index_dims = {static_cast<int64_t>(plan.indices.size())};
      plan.reshape_y = true;
    }
    offer(std::move(plan));
  }
  // Along rows that end where dims of y end.
  for (size_t k = 0; k < y.size(); ++k) {
    const int64_t run = Product(y, k, y.size());
    if (run < kMinRun) break;
    const int64_t elements = Product(x, 0, x.size());
    Plan plan;
    if (elements % run != 0 || !FindIndices(from, 1, elements / run, run, &plan)) continue;
    plan.view = {elements / run};
    plan.view.insert(plan.view.end(), y.begin() + static_cast<std::ptrdiff_t>(k), y.end());
    plan.reshape_x = plan.view != x;
    plan.index_dims.assign(y.begin(), y.begin() + static_cast<std::ptrdiff_t>(k));
    offer(std::move(plan));
  }
  return best;
}

class Mover {
 public:
  Mover(Editor& editor, Ledger& ledger) : editor_(editor), graph_(editor.graph()), ledger_(ledger) {}

  Status Run() {
    const std::vector<NodeId> nodes = NodesWithin(graph_);
    // Later nodes first: a chain is taken from its end.
    for (size_t k = nodes.size(); k-- > 0 && ledger_.Open();) {
      if (!editor_.Alive(nodes[k]) || !Moves(graph_.node(nodes[k]).op)) continue;
      const auto done = Visit(nodes[k]);
      if (!done.ok() || !*done) continue;
      ledger_.Count(kGatherMovesPass.name, nodes[k]);
      editor_.RemoveDead();
    }
    return editor_.Commit();
  }

 private:
  std::optional<Dims> Static(ValueId v) const {
    const Type& type = graph_.value(v).type;
    if (!type.is_tensor() || !type.tensor().is_static() || type.tensor().quant) return std::nullopt;
    Dims out;
    int64_t count = 1;
    for (const Dim& d : type.shape()) {
      out.push_back(d.value());
      if (d.value() <= 0 || d.value() > kMaxElements || (count *= d.value()) > kMaxElements) return std::nullopt;
    }
    return out;
  }

  // A node of the kind, with sizes all known.
  bool Movable(NodeId id) const {
    const Node& node = graph_.node(id);
    if (!Moves(node.op)) return false;
    for (size_t k = 0; k < node.in.size(); ++k) {
      if (!node.in[k]) continue;
      if (IsData(node, k) ? graph_.IsConstant(node.in[k]) || !Static(node.in[k]) : !graph_.IsConstant(node.in[k])) {
        return false;
      }
    }
    return std::all_of(node.out.begin(), node.out.end(), [&](ValueId v) { return v && Static(v); });
  }

  bool OnlyWithin(const Node& node, const std::unordered_set<uint32_t>& cone) const {
    for (ValueId out : node.out) {
      for (const UseSite& use : editor_.Uses(out)) {
        if (!use.node || !cone.contains(use.node.index)) return false;
      }
    }
    return true;
  }

  // Joins parts that other nodes compute.
  bool Joins(const Node& node) const {
    return node.op == &ops::kConcat && std::any_of(node.in.begin(), node.in.end(), [&](ValueId v) {
             const NodeId def = graph_.value(v).def;
             return !def || !Moves(graph_.node(def).op);
           });
  }

  // Nodes before `last` that only it needs, itself included, in order; and the one value that they all move.
  struct Cone {
    std::vector<NodeId> nodes;
    ValueId source;
  };
  std::optional<Cone> ConeOf(NodeId last, bool through_joins) const {
    std::unordered_set<uint32_t> in_cone = {last.index};
    std::vector<NodeId> found = {last};
    const RegionId region = graph_.node(last).parent;
    // Until nothing is added: a node joins when all its readers have.
    for (bool grown = true; grown && found.size() <= kMaxNodes;) {
      grown = false;
      for (size_t k = 0; k < found.size(); ++k) {
        const Node& node = graph_.node(found[k]);
        for (size_t i = 0; i < node.in.size(); ++i) {
          if (!node.in[i] || !IsData(node, i)) continue;
          const NodeId def = graph_.value(node.in[i]).def;
          if (!def || in_cone.contains(def.index) || graph_.node(def).parent != region || !Movable(def)) continue;
          if (!OnlyWithin(graph_.node(def), in_cone) || (!through_joins && Joins(graph_.node(def)))) continue;
          in_cone.insert(def.index);
          found.push_back(def);
          grown = true;
        }
      }
    }
    Cone cone;
    for (NodeId id : found) {
      const Node& node = graph_.node(id);
      for (size_t i = 0; i < node.in.size(); ++i) {
        if (!node.in[i] || !IsData(node, i)) continue;
        const NodeId def = graph_.value(node.in[i]).def;
        if (def && in_cone.contains(def.index)) continue;
        if (cone.source && cone.source != node.in[i]) return std::nullopt;
        cone.source = node.in[i];
      }
    }
    if (!cone.source || found.size() > kMaxNodes) return std::nullopt;
    cone.nodes = std::move(found);
    return cone;
  }

  // Moves the numbers of the source's elements to the results of `last`.
  Result<std::vector<RtValue>> Follow(const Cone& cone, NodeId last, const Dims& x) const {
    std::unordered_map<uint32_t, RtValue> values;
    Tensor numbers(DType::kI32, x);
    std::iota(numbers.mutable_data<int32_t>(), numbers.mutable_data<int32_t>() + numbers.size(), 0);
    values[cone.source.index] = std::move(numbers);
    std::vector<NodeId> left = cone.nodes;
    while (!left.empty()) {
      const size_t before = left.size();
      for (size_t k = left.size(); k-- > 0;) {
        const Node& node = graph_.node(left[k]);
        std::vector<RtValue> in;
        bool ready = true;
        for (size_t i = 0; i < node.in.size() && ready; ++i) {
          if (!node.in[i]) {
            in.emplace_back();
          } else if (const auto it = values.find(node.in[i].index); it != values.end()) {
            in.push_back(it->second);
          } else if (graph_.IsConstant(node.in[i])) {
            TRY(Tensor t, graph_.constant(graph_.value(node.in[i]).constant).Load());
            in.emplace_back(std::move(t));
          } else {
            ready = false;
          }
        }
        if (!ready) continue;
        EvalCtx ctx(*node.op, node.attrs, std::move(in), node.out.size());
        RETURN_IF_ERROR(node.op->eval(ctx));
        if (left[k] == last) return std::move(ctx.results());
        for (size_t i = 0; i < node.out.size(); ++i) values[node.out[i].index] = std::move(ctx.results()[i]);
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(k));
      }
      if (left.size() == before) break;
    }
    return Diag(diag::kRewriteScope, "nodes that move elements depend on one another");
  }

  Result<bool> Visit(NodeId last) {
    const Node node = graph_.node(last);
    if (!Movable(last)) return false;
    // Part of a longer chain, which is taken from its own end.
    bool ends = false;
    for (ValueId out : node.out) {
      for (const UseSite& use : editor_.Uses(out)) {
        ends = ends || !use.node || !Movable(use.node) || graph_.node(use.node).parent != node.parent;
      }
    }
    if (!ends) return false;
    auto cone = ConeOf(last, true);
    if (!cone) cone = ConeOf(last, false);
    if (!cone || cone->nodes.size() <= node.out.size()) return false;
    const auto x = Static(cone->source);
    if (!x || graph_.IsConstant(cone->source)) return false;
    work_ += Product(*x, 0, x->size()) * static_cast<int64_t>(cone->nodes.size());
    if (work_ > kMaxWork) return false;
    TRY(std::vector<RtValue> results, Follow(*cone, last, *x));
    std::vector<Plan> plans;
    size_t made = 0;
    for (const RtValue& y : results) {
      if (!y.is_tensor() || y.tensor.dtype() != DType::kI32) return false;
      auto plan = MakePlan(*x, y.tensor.dims(), y.tensor.span<int32_t>());
      if (!plan) return false;
      made += plan->nodes();
      plans.push_back(*std::move(plan));
    }
    if (made >= cone->nodes.size()) return false;
    std::vector<ValueId> now;
    for (size_t i = 0; i < plans.size(); ++i) {
      TRY(ValueId v, Emit(node, plans[i], cone->source, results[i].tensor.dims()));
      if (!Meet(graph_.value(node.out[i]).type, graph_.value(v).type)) return false;
      now.push_back(v);
    }
    for (size_t i = 0; i < now.size(); ++i) {
      if (editor_.Used(node.out[i])) RETURN_IF_ERROR(editor_.ReplaceValue(node.out[i], now[i]));
    }
    return true;
  }

  Result<ValueId> Reshape(const Node& like, ValueId x, const Dims& dims) {
    const ValueId to = editor_.AddConstant(Tensor::I64({static_cast<int64_t>(dims.size())}, dims));
    TRY(NodeId made, editor_.AddNode(like.parent, ops::kReshape, {x, to}, 1, {}, like.origin));
    return graph_.node(made).out[0];
  }

  Result<ValueId> Emit(const Node& like, const Plan& plan, ValueId x, const Dims& y) {
    if (plan.reshape_x) {
      TRY(x, Reshape(like, x, plan.view));
    }
    if (!plan.gathers) return plan.reshape_y ? Reshape(like, x, y) : Result<ValueId>(x);
    const ValueId indices = editor_.AddConstant(Tensor::I64(plan.index_dims, plan.indices));
    TRY(NodeId made, editor_.AddNode(like.parent, ops::kGather, {x, indices}, 1, {{"axis", plan.axis}}, like.origin));
    const ValueId out = graph_.node(made).out[0];
    return plan.reshape_y ? Reshape(like, out, y) : Result<ValueId>(out);
  }

  Editor& editor_;
  Graph& graph_;
  Ledger& ledger_;
  int64_t work_ = 0;
};

Status Run(Editor& editor, Ledger& ledger) { return Mover(editor, ledger).Run(); }

}  // namespace

const Pass kGatherMovesPass{"gather-moves",
                            "Chains of nodes that move runs of elements of one value around are one gather, where that "
                            "takes fewer nodes.",
                            Numerics::kExact, Run};

}  // namespace godwit
