// Where values lie while a graph is lowered: the slot of each value in each layout, constants, and who makes what.
#include <algorithm>

#include "base/text.h"
#include "exec/plan/lowering.h"
#include "exec/plan/reorder_step.h"
#include "ir/operands.h"
#include "ops/ops.h"

namespace godwit::plan {

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

}  // namespace godwit::plan
