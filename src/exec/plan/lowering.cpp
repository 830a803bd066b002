#include "exec/plan/lowering.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "exec/plan/dispatch.h"
#include "exec/plan/reorder_step.h"
#include "ir/eval.h"
#include "ir/operands.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

/// Runs a node on its operator's own kernel, which writes into the arena where the results' sizes are known.
class KernelStep final : public Step {
 public:
  KernelStep(const GraphFacts& facts, NodeId id) : facts_(facts), captures_(facts.Captures(id)) { node = id; }

  [[nodiscard]] const std::vector<ValueId>& captures() const { return captures_; }

  // reads: the operands, then the captured values.
  Status Run(Frame& frame) const override {
    const size_t operands = reads.size() - captures_.size();
    std::vector<RtValue> in;
    in.reserve(operands);
    for (size_t i = 0; i < operands; ++i) in.push_back(frame.Value(reads[i]));
    for (size_t i = 0; i < captures_.size(); ++i) frame.regions->Set(captures_[i], frame.Value(reads[operands + i]));
    std::vector<Tensor> targets(writes.size());
    for (size_t i = 0; i < writes.size(); ++i) {
      if (writes[i] && !frame.IsDynamic(writes[i])) targets[i] = frame.Value(writes[i]).tensor;
    }
    TRY(std::vector<RtValue> out, frame.regions->RunNode(node, std::move(in), targets));
    for (size_t i = 0; i < writes.size(); ++i) {
      if (!writes[i]) continue;
      if (frame.IsDynamic(writes[i])) {
        RETURN_IF_ERROR(frame.SetDynamic(writes[i], std::move(out[i])));
      } else {
        RETURN_IF_ERROR(Keep(out[i], &targets[i]));
      }
    }
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override { return std::string(facts_.graph.node(node).op->name); }

 private:
  // A kernel may hand back one of its operands instead of filling the memory it was given.
  Status Keep(const RtValue& made, Tensor* place) const {
    if (!made.is_tensor() || made.tensor.dtype() != place->dtype() || made.tensor.dims() != place->dims()) {
      return Diag(diag::kDefect, Concat(facts_.graph.node(node).op->name, " made ",
                                        made.is_tensor() ? Type(made.tensor.type()).ToString() : "something else",
                                        " where ", Type(place->type()).ToString(), " was inferred"));
    }
    if (made.tensor.raw() != place->raw() && place->bytes() > 0) {
      std::memcpy(place->mutable_raw(), made.tensor.raw(), place->bytes());
    }
    return Ok{};
  }

  const GraphFacts& facts_;
  std::vector<ValueId> captures_;
};

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

Dims Lowering::DimsOf(ValueId v) const {
  Dims dims;
  for (const Dim& d : TypeOf(v).shape()) dims.push_back(d.value());
  return dims;
}

bool Lowering::IsStatic(ValueId v) const {
  const Type& type = TypeOf(v);
  return type.is_tensor() && type.dtype() != DType::kNone && type.tensor().is_static();
}

const Tensor* Lowering::Known(ValueId v) {
  if (!v) return nullptr;
  RtValue& known = facts_.known[v.index];
  if (known.absent() && graph_.IsConstant(v)) {
    auto tensor = graph_.constant(graph_.value(v).constant).Load();
    auto wide = tensor.ok() ? widening_.Map(*std::move(tensor)) : Result<Tensor>(tensor.TakeDiag());
    if (!wide.ok()) {
      // A plan without the bytes of a constant is none: Run hands the reason on.
      if (!failure_) failure_ = wide.TakeDiag();
      return nullptr;
    }
    known = RtValue(*std::move(wide));
  }
  if (known.absent()) MakeReal(v);
  return known.is_tensor() ? &known.tensor : nullptr;
}

bool Lowering::IsMadeReal(ValueId v) const {
  const NodeId def = graph_.value(v).def;
  return def && IsStoredConstant(graph_, graph_.node(def));
}

void Lowering::MakeReal(ValueId v) {
  if (!IsMadeReal(v)) return;
  const NodeId id = graph_.value(v).def;
  const Node& node = graph_.node(id);
  std::vector<RtValue> in;
  for (const ValueId operand : node.in) {
    const Tensor* t = Known(operand);
    if (operand && t == nullptr) return;
    in.push_back(t != nullptr ? RtValue(*t) : RtValue());
  }
  if (!CheckOperandValues(*node.op, in).ok()) return;
  EvalCtx ctx(*node.op, AttrsOf(id), std::move(in), 1);
  if (node.op->eval(ctx).ok()) facts_.known[v.index] = std::move(ctx.results()[0]);
}

int64_t Lowering::BytesOf(DType dtype, const Dims& dims) {
  auto bytes = CheckedByteSize(dtype, dims);
  if (bytes.ok()) return *bytes;
  // There is no plan for a tensor that cannot be: Run hands the reason on.
  if (!failure_) failure_ = bytes.TakeDiag();
  return 0;
}

SlotId Lowering::NewSlot(ValueId v, Layout layout) {
  Slot slot;
  slot.value = v;
  slot.layout = layout;
  if (IsStatic(v)) {
    slot.dtype = TypeOf(v).dtype();
    slot.dims = DimsOf(v);
    const int64_t plain = BytesOf(slot.dtype, slot.dims);
    slot.bytes = layout == Layout::kPlain || plain == 0
                     ? plain
                     : ElementsIn(slot.dims, layout) * static_cast<int64_t>(ByteSize(slot.dtype));
    slot.kind = is_output_[v.index] && layout == Layout::kPlain ? Slot::Kind::kOutput : Slot::Kind::kArena;
  }
  out_.slots_.push_back(std::move(slot));
  return SlotId{static_cast<uint32_t>(out_.slots_.size() - 1)};
}

SlotId Lowering::Define(ValueId v, Layout layout) { return Places(layout)[v.index] = NewSlot(v, layout); }

bool Lowering::IsBefore(NodeId a, NodeId b) const {
  for (const NodeId id : order_) {
    if (id == a || id == b) return id == a && a != b;
  }
  return false;
}

Layout Lowering::LayoutOf(ValueId v) const {
  if (Has(v, Layout::kPlain)) return Layout::kPlain;
  for (const Layout layout : {Layout::kBlocked, Layout::kBlockedLast}) {
    if (Has(v, layout)) return layout;
  }
  return Layout::kPlain;
}

SlotId Lowering::AddConstant(Tensor tensor) {
  Slot slot;
  slot.kind = Slot::Kind::kConstant;
  slot.dtype = tensor.dtype();
  slot.dims = tensor.dims();
  slot.bytes = static_cast<int64_t>(tensor.bytes());
  slot.constant = std::move(tensor);
  out_.slots_.push_back(std::move(slot));
  return SlotId{static_cast<uint32_t>(out_.slots_.size() - 1)};
}

SlotId Lowering::AddTemporary(DType dtype, Dims dims) {
  Slot slot;
  slot.kind = Slot::Kind::kArena;
  slot.dtype = dtype;
  slot.bytes = BytesOf(dtype, dims);
  slot.dims = std::move(dims);
  out_.slots_.push_back(std::move(slot));
  return SlotId{static_cast<uint32_t>(out_.slots_.size() - 1)};
}

SlotId Lowering::In(ValueId v, Layout layout) {
  if (!v) return {};
  if (Has(v, layout)) return Places(layout)[v.index];
  if (layout != Layout::kPlain || LayoutOf(v) != Layout::kPlain) {
    const SlotId from = layout == Layout::kPlain ? Places(LayoutOf(v))[v.index] : Plain(v);
    const SlotId to = Define(v, layout);
    Emit(MakeReorder(slot(from), from, to, layout), at_);
    return to;
  }
  if (facts_.known[v.index].absent()) Known(v);
  RtValue& known = facts_.known[v.index];
  SlotId& place = Places(layout)[v.index];
  if (known.is_tensor()) {
    place = AddConstant(known.tensor);
    slot(place).value = v;
    return place;
  }
  // What could not be made real says why when it is run.
  if (known.absent() && IsMadeReal(v)) {
    EmitKernel(graph_.value(v).def);
    return Places(layout)[v.index];
  }
  // Not a tensor.
  place = NewSlot(v, layout);
  slot(place).kind = Slot::Kind::kDynamic;
  return place;
}

void Lowering::Alias(ValueId v, SlotId source) { AliasIn(v, Layout::kPlain, source); }

void Lowering::AliasIn(ValueId v, Layout layout, SlotId source) {
  const SlotId root = slot(source).alias_of ? slot(source).alias_of : source;
  const SlotId id = NewSlot(v, layout);
  Slot& s = slot(id);
  s.alias_of = root;
  s.kind = slot(root).kind == Slot::Kind::kOutput ? Slot::Kind::kArena : slot(root).kind;
  if (slot(root).kind == Slot::Kind::kConstant) s.constant = slot(root).constant.Reshaped(s.dims);
  Places(layout)[v.index] = id;
}

void Lowering::Share(ValueId v, ValueId source) {
  for (std::vector<SlotId>& places : places_) places[v.index] = places[source.index];
  // Nothing may be fused into what others use too.
  uses_[v.index] += uses_[source.index] - 1;
}

void Lowering::Emit(std::unique_ptr<Step> step, NodeId node) {
  step->node = node;
  step->position = out_.steps_.size();
  producers_.resize(out_.slots_.size(), nullptr);
  for (SlotId w : step->writes) {
    if (w) producers_[w.index] = step.get();
  }
  out_.steps_.push_back(std::move(step));
}

Step* Lowering::Producer(ValueId v, Layout layout) {
  const SlotId place = Places(layout)[v.index];
  if (!place || slot(place).alias_of || place.index >= producers_.size()) return nullptr;
  for (const std::vector<SlotId>& places : places_) {
    if (places[v.index] && places[v.index] != place) return nullptr;
  }
  return producers_[place.index];
}

void Lowering::Redirect(Step* step, ValueId from, ValueId to, Layout layout, NodeId node) {
  const SlotId old = Places(layout)[from.index];
  const SlotId now = Define(to, layout);
  for (SlotId& w : step->writes) {
    if (w == old) w = now;
  }
  Places(layout)[from.index] = SlotId();
  step->fused.push_back(step->node);
  // The place it leaves stays empty until all is lowered.
  std::unique_ptr<Step> moved = std::move(out_.steps_[step->position]);
  Emit(std::move(moved), node);
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
