#include "passes/legalise/repairs.h"

#include <algorithm>
#include <map>

#include "exec/region_runner.h"
#include "ir/builder.h"
#include "ir/decompose.h"
#include "ops/ops.h"
#include "ops/weight_axes.h"
#include "passes/lazy_weight.h"
#include "passes/legalise/draft.h"
#include "passes/legalise/rank_repair.h"

namespace godwit {

namespace {

constexpr int64_t kFoldedElements = 4096;

// The operand's place in its operator's table; variadic ones share the last row.
const OperandDef& DefOf(std::span<const OperandDef> defs, size_t i) { return defs[std::min(i, defs.size() - 1)]; }

Result<std::unique_ptr<Scope>> CastRepair(Scope& scope, NodeId id, const targets::Misfit& misfit) {
  const Node& node = scope.graph().node(id);
  if (!node.regions.empty() || misfit.operand >= node.in.size() || !node.in[misfit.operand]) return NotThis();
  const DType from = scope.TypeOf(node.in[misfit.operand]).dtype();
  const DType to = misfit.cast_to;
  if (from == DType::kNone || to == DType::kNone || from == to) return NotThis();
  Draft d = Begin(scope, id);
  const char group = DefOf(node.op->operands, misfit.operand).group;
  std::map<ValueId, ValueId> done;
  for (size_t i = 0; i < d.in.size(); ++i) {
    const bool along = i == misfit.operand || (group != 0 && DefOf(node.op->operands, i).group == group) ||
                       (d.in[i] && d.in[i] == d.in[misfit.operand]) || (group == 0 && IsFloat(from) && d.in[i]);
    if (!along || !d.in[i] || d.build->TypeOf(d.in[i]).dtype() != from) continue;
    ValueId& cast = done[d.in[i]];
    if (!cast) {
      TRY(cast, d.build->Emit(ops::kCast, {d.in[i]}, {{"to", to}}));
    }
  }
  for (ValueId& v : d.in) {
    if (const auto it = done.find(v); it != done.end()) v = it->second;
  }
  TRY(std::vector<ValueId> out, d.build->EmitN(*node.op, d.in, node.out.size(), node.attrs));
  for (size_t i = 0; i < out.size(); ++i) {
    if (!node.out[i]) continue;
    const DType want = scope.TypeOf(node.out[i]).dtype();
    if (want == DType::kNone || d.build->TypeOf(out[i]).dtype() == want) continue;
    TRY(out[i], d.build->Emit(ops::kCast, {out[i]}, {{"to", want}}));
  }
  return Finish(std::move(d), scope, id, std::move(out));
}

// A constant with its axes permuted, worked out when somebody loads it.
class Turned final : public TensorSource {
 public:
  Turned(Constant constant, std::vector<int64_t> perm) : constant_(std::move(constant)), perm_(std::move(perm)) {}
  [[nodiscard]] Result<Tensor> Load() const override {
    TRY(Tensor tensor, constant_.Load());
    Graph graph;
    const ValueId x = graph.AddParam(Graph::main(), Type(tensor.type()), "");
    const NodeId node = graph.AddNode(Graph::main(), ops::kTranspose, {x}, 1, {{"perm", perm_}});
    const GraphFacts facts(graph);
    Widening as_stored;
    RegionRunner runner(facts, {}, &as_stored);
    TRY(std::vector<RtValue> out, runner.RunNode(node, {RtValue(std::move(tensor))}));
    return out[0].tensor;
  }
  [[nodiscard]] uint64_t stored_bytes() const override { return constant_.stored_bytes(); }

 private:
  Constant constant_;
  std::vector<int64_t> perm_;
};

Result<ValueId> Transposed(Draft* d, ValueId v, const std::vector<int64_t>& perm) {
  if (!d->graph->IsConstant(v)) return d->build->Emit(ops::kTranspose, {v}, {{"perm", perm}});
  const Constant& constant = d->graph->constant(d->graph->value(v).constant);
  TensorType type = constant.type;
  for (size_t k = 0; k < perm.size(); ++k) type.shape[k] = constant.type.shape[static_cast<size_t>(perm[k])];
  return d->graph->AddConstant(Constant{std::move(type), std::make_shared<const Turned>(constant, perm)});
}

// Channels to the second axis, or to the last one, and back again. Weights go to the order that goes with the second;
// a target with the last takes them in any.
Result<std::unique_ptr<Scope>> RelayoutRepair(Scope& scope, NodeId id, bool channels_last) {
  const Node& node = scope.graph().node(id);
  const Type x = scope.TypeOf(node.in[0]);
  if (!node.regions.empty() || !x.ranked() || x.rank() < 2) return NotThis("the rank is not known");
  if (node.op == &ops::kMaxPool && node.out.size() > 1 && node.out[1] && scope.wanted[node.out[1].index]) {
    return NotThis("indices count in the layout of the operand");
  }
  Draft d = Begin(scope, id);
  Attrs attrs = node.attrs;
  int64_t channels = attrs.Int("channel_axis", 1);
  if (channels < 0) channels += x.rank();
  const int64_t wanted = channels_last ? x.rank() - 1 : 1;
  std::vector<int64_t> perm, back(static_cast<size_t>(x.rank()));
  for (int64_t k = 0; k < x.rank(); ++k) {
    if (k != channels) perm.push_back(k);
  }
  perm.insert(perm.begin() + wanted, channels);
  for (size_t k = 0; k < perm.size(); ++k) back[static_cast<size_t>(perm[k])] = static_cast<int64_t>(k);
  if (wanted == 1) {
    attrs.Erase("channel_axis");
  } else {
    attrs.Set("channel_axis", wanted);
  }
  if (channels != wanted) {
    TRY(d.in[0], Transposed(&d, d.in[0], perm));
  }
  const bool down = node.op == &ops::kConvTranspose;
  if (attrs.Has("weight_layout") && !channels_last) {
    const auto rank = static_cast<size_t>(x.rank());
    const std::string has = ops::WeightAxes(attrs.Str("weight_layout"), rank);
    const std::string wants = ops::WeightAxes(down ? "iohw" : "oihw", rank);
    std::vector<int64_t> turn;
    for (const char axis : wants) turn.push_back(static_cast<int64_t>(has.find(axis)));
    TRY(d.in[1], Transposed(&d, d.in[1], turn));
    attrs.Erase("weight_layout");
  }
  TRY(std::vector<ValueId> out, d.build->EmitN(*node.op, d.in, node.out.size(), std::move(attrs)));
  if (channels != wanted) {
    TRY(out[0], d.build->Emit(ops::kTranspose, {out[0]}, {{"perm", back}}));
  }
  return Finish(std::move(d), scope, id, std::move(out));
}

// The node itself is put into the fragment, and what it decomposes to hands back the results.
Result<std::unique_ptr<Scope>> DecomposeRepair(Scope& scope, NodeId id) {
  const Node& node = scope.graph().node(id);
  if (!node.regions.empty() || node.op->decompose == nullptr) return NotThis();
  Draft d = Begin(scope, id);
  const NodeId whole = d.graph->AddNode(Graph::main(), *node.op, d.in, node.out.size(), node.attrs, d.build->origin());
  RETURN_IF_ERROR(d.facts->InferNode(whole));
  // Results that nobody wants need not be made.
  Node& copy = d.graph->node(whole);
  for (size_t i = 0; i < node.out.size(); ++i) {
    if (!node.out[i] || !scope.wanted[node.out[i].index]) copy.out[i] = ValueId();
  }
  TRY(std::vector<ValueId> out, Decompose(*d.build, whole));
  return Finish(std::move(d), scope, id, std::move(out));
}

// A result that is worth storing in the place of what it is made of, and too large to be made while graphs change.
bool IsLargeWeight(const Graph& graph, const Node& node) {
  if (node.op->eval == nullptr || node.op->effect != Effect::kPure || !node.regions.empty() || node.out.size() != 1) {
    return false;
  }
  const Type& type = graph.value(node.out[0]).type;
  if (!type.is_tensor() || !type.tensor().is_static()) return false;
  const int64_t size = ElementCount(type.shape()).known().value_or(0);
  int64_t from = 0;
  for (const ValueId v : node.in) {
    if (v) from = std::max(from, ElementCount(graph.value(v).type.shape()).known().value_or(0));
  }
  return size > kFoldedElements && size / 4 <= from;
}

std::optional<Constant> LaterWeight(const Graph& graph, const Node& node) {
  std::vector<Constant> in;
  std::vector<bool> present;
  for (const ValueId v : node.in) {
    present.push_back(v.valid());
    if (v) in.push_back(graph.constant(graph.value(v).constant));
  }
  const OpDef* op = node.op;
  auto made = LazyWeight(graph.value(node.out[0]).type.tensor(), std::move(in),
                         [op, attrs = node.attrs, present](const std::vector<Tensor>& loaded) -> Result<Tensor> {
                           Graph single;
                           std::vector<ValueId> params;
                           std::vector<RtValue> values;
                           size_t next = 0;
                           for (const bool has : present) {
                             params.emplace_back();
                             values.emplace_back();
                             if (!has) continue;
                             params.back() = single.AddParam(Graph::main(), Type(loaded[next].type()), "");
                             values.back() = RtValue(loaded[next++]);
                           }
                           const NodeId id = single.AddNode(Graph::main(), *op, params, 1, attrs);
                           const GraphFacts facts(single);
                           Widening as_stored;
                           RegionRunner runner(facts, {}, &as_stored);
                           TRY(std::vector<RtValue> out, runner.RunNode(id, std::move(values)));
                           return out[0].tensor;
                         });
  if (!made.ok()) return std::nullopt;
  return *std::move(made);
}

}  // namespace

void FoldSmall(Graph* graph, Inference* facts) {
  std::map<ValueId, ValueId> now;
  const auto current = [&](ValueId v) {
    const auto it = now.find(v);
    return it == now.end() ? v : it->second;
  };
  for (const NodeId id : graph->region(Graph::main()).nodes) {
    Node& node = graph->node(id);
    bool constant = true, stored = true;
    for (ValueId& v : node.in) {
      v = current(v);
      stored = stored && (!v || graph->IsConstant(v));
      constant = constant && (!v || (graph->IsConstant(v) && facts->Const(v) != nullptr));
    }
    if (stored && IsLargeWeight(*graph, node)) {
      if (auto made = LaterWeight(*graph, node)) now[node.out[0]] = graph->AddConstant(*std::move(made));
      continue;
    }
    bool small = node.op->effect == Effect::kPure && node.op->eval != nullptr && node.regions.empty();
    for (const ValueId v : node.out) {
      if (!v) continue;
      const Type& type = graph->value(v).type;
      small = small && type.is_tensor() && type.tensor().is_static() &&
              ElementCount(type.shape()).known().value_or(kFoldedElements + 1) <= kFoldedElements;
    }
    if (!small) continue;
    if (constant) {
      const GraphFacts graph_facts(*graph);
      Widening as_stored;
      RegionRunner runner(graph_facts, {}, &as_stored);
      std::vector<RtValue> in;
      for (const ValueId v : node.in) in.push_back(v ? RtValue(*facts->Const(v)) : RtValue());
      auto out = runner.RunNode(id, std::move(in));
      if (!out.ok()) continue;
      for (size_t i = 0; i < node.out.size() && i < out->size(); ++i) {
        if (node.out[i] && (*out)[i].is_tensor()) now[node.out[i]] = graph->AddConstant((*out)[i].tensor);
      }
      continue;
    }
    for (const ValueId v : node.out) {
      if (!v) continue;
      const Type type = graph->value(v).type;
      if (type.dtype() != DType::kI64 || type.rank() > 1) continue;
      const auto contents = facts->Contents(v);
      if (!contents) continue;
      std::vector<int64_t> values;
      for (const Dim& dim : *contents) {
        if (dim.is_static()) values.push_back(dim.value());
      }
      if (values.size() != contents->size()) continue;
      Dims dims;
      if (type.rank() == 1) dims.push_back(static_cast<int64_t>(values.size()));
      now[v] = graph->AddConstant(Tensor::I64(std::move(dims), values));
    }
  }
  for (ValueId& v : graph->region(Graph::main()).results) v = current(v);
}

Result<std::unique_ptr<Scope>> MakeRepair(Scope& scope, NodeId id, const targets::Misfit& misfit) {
  switch (misfit.repair) {
    case targets::Repair::kCast: return CastRepair(scope, id, misfit);
    case targets::Repair::kDecompose: return DecomposeRepair(scope, id);
    case targets::Repair::kRelayout: return RelayoutRepair(scope, id, misfit.channels_last);
    case targets::Repair::kCollapse: return CollapseRepair(scope, id);
    case targets::Repair::kNone: break;
  }
  return NotThis();
}

}  // namespace godwit
