#include "exec/plan/lowering.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "exec/plan/dispatch.h"
#include "exec/plan/kernel_step.h"
#include "exec/plan/reorder_step.h"
#include "ir/eval.h"
#include "ir/operands.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

// hard_swish is x * clip(x / 6 + 1/2, 0, 1); exporters write the factor in f32.
bool IsHardSwishGate(const Attrs& attrs) {
  return static_cast<float>(attrs.Float("alpha", 0.2)) == 1.0F / 6.0F && attrs.Float("beta", 0.5) == 0.5;
}

}  // namespace

Lowering::Lowering(Executable& out, Specialised specialised, const PlanOptions& options, Widening* widening)
    : out_(out),
      graph_(out.facts_.graph),
      facts_(std::move(specialised)),
      options_(options),
      widening_(*widening),
      uses_(graph_.value_count(), 0),
      is_output_(graph_.value_count(), false),
      users_(graph_.value_count()),
      absorbed_(graph_.node_count(), false) {
  for (std::vector<SlotId>& places : places_) places.resize(graph_.value_count());
}

void Lowering::EmitKernel(NodeId id) {
  const Node& node = graph_.node(id);
  auto step = std::make_unique<KernelStep>(out_.facts_, id);
  for (ValueId v : node.in) step->reads.push_back(Plain(v));
  for (ValueId v : step->captures()) step->reads.push_back(Plain(v));
  for (ValueId v : node.out) {
    if (!v) {
      step->writes.emplace_back();
      continue;
    }
    step->writes.push_back(Define(v, Layout::kPlain));
  }
  Emit(std::move(step), id);
}

std::optional<ValueId> Lowering::GatedBy(NodeId id, const OpDef* gate) const {
  const Node& node = graph_.node(id);
  if (node.op != &ops::kMul) return std::nullopt;
  for (size_t i = 0; i < 2; ++i) {
    const ValueId x = node.in[i], g = node.in[1 - i];
    const NodeId def = graph_.value(g).def;
    if (!def || graph_.node(def).op != gate || graph_.node(def).in[0] != x || is_output_[g.index]) continue;
    if (users_[g.index].size() == 1 && users_[g.index][0] == id) return x;
  }
  return std::nullopt;
}

// x * sigmoid(x) and its like are one function to the kernels: x is used once then, and can be fused further.
void Lowering::FindGates() {
  for (NodeId id : order_) {
    for (const OpDef* gate : {&ops::kSigmoid, &ops::kHardSigmoid}) {
      const auto x = GatedBy(id, gate);
      if (!x || !IsStatic(*x) || !IsPlanFloat(TypeOf(*x).dtype())) continue;
      const Node& node = graph_.node(id);
      const ValueId g = node.in[0] == *x ? node.in[1] : node.in[0];
      const NodeId def = graph_.value(g).def;
      if (gate == &ops::kHardSigmoid && !IsHardSwishGate(AttrsOf(def))) continue;
      absorbed_[def.index] = true;
      --uses_[x->index];
    }
  }
}

// The operators of a cluster are left to its last node, and what they took from dequantize nodes is not asked for.
void Lowering::TakeClusters() {
  clusters_ = FindClusters(*this, order_);
  for (const auto& [last, cluster] : clusters_) {
    for (const NodeId id : cluster.body) absorbed_[id.index] = true;
    if (cluster.activation) absorbed_[cluster.activation.index] = true;
    for (const NodeId id : cluster.others) absorbed_[id.index] = true;
    for (const ValueId v : cluster.reals) --uses_[v.index];
  }
}

// No kernel takes the cluster: its nodes are lowered one by one after all.
Status Lowering::Dissolve(const Cluster& cluster) {
  for (const ValueId v : cluster.reals) ++uses_[v.index];
  for (const ValueId v : cluster.reals) {
    const bool there = LayoutOf(v) != Layout::kPlain || Has(v, Layout::kPlain);
    if (!there && !facts_.known[v.index].is_tensor()) RETURN_IF_ERROR(LowerNode(graph_.value(v).def));
  }
  for (const NodeId id : cluster.others) absorbed_[id.index] = false;
  std::vector<NodeId> nodes = cluster.body;
  if (cluster.activation) nodes.push_back(cluster.activation);
  for (const NodeId id : nodes) {
    absorbed_[id.index] = false;
    RETURN_IF_ERROR(LowerNode(id));
  }
  return Ok{};
}

Status Lowering::LowerNode(NodeId id) {
  const Node& node = graph_.node(id);
  if (absorbed_[id.index] || (IsStoredConstant(graph_, node) && options_.lower)) return Ok{};
  at_ = id;
  if (const auto it = facts_.chosen.find(id.index); it != facts_.chosen.end()) {
    JoinBranch(id, it->second);
    return Ok{};
  }
  bool needed = node.op->effect != Effect::kPure;
  for (ValueId v : node.out) {
    if (v && uses_[v.index] > 0 && !facts_.known[v.index].is_tensor()) needed = true;
  }
  const auto it = clusters_.find(id.index);
  if (it != clusters_.end() && !it->second.others.empty()) needed = true;
  if (!needed) return Ok{};
  if (it != clusters_.end()) {
    TRY(const bool taken, LowerCluster(*this, it->second));
    if (taken) return Ok{};
    RETURN_IF_ERROR(Dissolve(it->second));
    at_ = id;
  }
  if (options_.lower) {
    for (LowerFn rule : RulesFor(node.op)) {
      TRY(const bool taken, rule(*this, id));
      if (taken) return Ok{};
    }
  }
  EmitKernel(id);
  return Ok{};
}

// The nodes in the order in which they run. Those of a branch that is known to be taken stand before their `if`.
void Lowering::CollectNodes(RegionId region) {
  for (NodeId id : graph_.region(region).nodes) {
    if (const auto it = facts_.chosen.find(id.index); it != facts_.chosen.end()) CollectNodes(it->second);
    order_.push_back(id);
  }
}

// The results of a chosen branch are those of the node.
void Lowering::JoinBranch(NodeId id, RegionId branch) {
  const Node& node = graph_.node(id);
  for (size_t i = 0; i < node.out.size(); ++i) {
    const ValueId v = node.out[i], result = graph_.region(branch).results[i];
    if (!v || !result || uses_[v.index] == 0 || facts_.known[v.index].is_tensor()) continue;
    if (LayoutOf(result) == Layout::kPlain) Plain(result);
    Share(v, result);
  }
}

Status Lowering::Run() {
  const Region& region = graph_.region(facts_.region);
  for (uint32_t r = 0; r < graph_.region_count(); ++r) {
    for (NodeId id : graph_.region(RegionId{r}).nodes) {
      for (ValueId v : graph_.node(id).in) {
        if (v) ++uses_[v.index];
      }
    }
    for (ValueId v : graph_.region(RegionId{r}).results) {
      if (v) ++uses_[v.index];
    }
  }
  CollectNodes(facts_.region);
  for (NodeId id : order_) {
    for (ValueId v : graph_.node(id).in) {
      if (v) users_[v.index].push_back(id);
    }
  }
  for (ValueId v : region.results) {
    if (v) is_output_[v.index] = true;
  }
  if (options_.lower) {
    FindGates();
    TakeClusters();
  }
  for (ValueId v : facts_.inputs) {
    const SlotId place = NewSlot(v, Layout::kPlain);
    if (slot(place).kind != Slot::Kind::kDynamic) slot(place).kind = Slot::Kind::kInput;
    out_.inputs_.push_back(place);
    if (facts_.known[v.index].absent()) Places(Layout::kPlain)[v.index] = place;
  }
  for (NodeId id : order_) {
    RETURN_IF_ERROR(LowerNode(id));
    if (failure_) return std::move(failure_);
    // Weights converted to another precision, and packed by now, need not wait for the end.
    for (ValueId v : graph_.node(id).in) {
      if (!v || users_[v.index].back() != id) continue;
      if (graph_.IsConstant(v) || IsMadeReal(v)) facts_.known[v.index] = RtValue();
    }
  }
  for (ValueId v : region.results) out_.outputs_.push_back(Plain(v));
  if (failure_) return std::move(failure_);
  std::erase(out_.steps_, nullptr);
  return Ok{};
}

Result<std::unique_ptr<Executable>> Executable::Build(const GraphFacts& facts, Specialised specialised,
                                                      const PlanOptions& options, Widening* widening) {
  std::unique_ptr<Executable> out(new Executable(facts));
  Lowering lowering(*out, std::move(specialised), options, widening);
  RETURN_IF_ERROR(lowering.Run());
  out->PlanMemory();
  return out;
}

}  // namespace godwit::plan
