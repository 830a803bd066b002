#include "rewrite/editor.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/text.h"
#include "ir/walk.h"

namespace godwit {

Editor::Editor(Graph& graph, Types types) : graph_(graph), inference_(graph) {
  Grow();
  unused_ = NodesWithin(graph_);
  for (NodeId id : unused_) dead_[id.index] = false;
  ForEachUse(graph_, [this](const Use& use) {
    AddUse(use.value, use.node ? UseSite{use.node, {}, use.index} : UseSite{{}, use.region, use.index});
  });
  inference_.AvoidSymbolsInUse();
  if (types == Types::kAnew) InferAll();
  TakeTouched();
}

namespace {

using Names = std::unordered_set<std::string>;

bool SpeaksOf(const Names& names, const Dim& dim) {
  std::vector<std::string> symbols;
  dim.CollectSymbols(&symbols);
  return std::all_of(symbols.begin(), symbols.end(), [&](const std::string& s) { return names.contains(s); });
}

// What follows from the sizes of the inputs is so, whatever the file states: stated types go stale when somebody makes
// an input's size free. What does not follow is taken from what is stated.
Type Reconcile(Type stated, const Type& inferred, const Names& sizes) {
  if (stated == inferred) return stated;
  std::optional<Type> both = Meet(stated, inferred);
  if (!both) return inferred.is_unknown() ? std::move(stated) : inferred;
  if (!inferred.ranked()) return *std::move(both);
  for (size_t i = 0; i < inferred.shape().size(); ++i) {
    const Dim& dim = inferred.shape()[i];
    if (!dim.is_static() && SpeaksOf(sizes, dim)) both->tensor().shape[i] = dim;
  }
  return *std::move(both);
}

}  // namespace

void Editor::InferAll() {
  for (ValueId v : graph_.region(Graph::main()).params) {
    std::vector<std::string> symbols;
    for (const Dim& dim : graph_.value(v).type.shape()) dim.CollectSymbols(&symbols);
    sizes_.insert(symbols.begin(), symbols.end());
  }
  // Values of inner regions are inferred with the nodes that hold these.
  std::vector<std::pair<ValueId, Type>> inner;
  for (uint32_t i = 0; graph_.region_count() > 1 && i < graph_.value_count(); ++i) {
    const ValueId v{i};
    if (HomeOf(v) != Graph::main() && !graph_.value(v).constant) inner.emplace_back(v, graph_.value(v).type);
  }
  std::vector<Type> stated;
  for (NodeId id : graph_.region(Graph::main()).nodes) {
    const std::vector<ValueId>& out = graph_.node(id).out;
    stated.clear();
    for (ValueId v : out) stated.push_back(v ? std::move(graph_.value(v).type) : Type());
    const bool inferred = inference_.InferNode(id).ok();
    for (size_t i = 0; i < out.size(); ++i) {
      if (!out[i]) continue;
      Type& type = graph_.value(out[i]).type;
      type = inferred ? Reconcile(std::move(stated[i]), type, sizes_) : std::move(stated[i]);
    }
  }
  for (auto& [v, type] : inner) {
    Value& value = graph_.value(v);
    value.type = Reconcile(std::move(type), value.type, sizes_);
  }
}

void Editor::Grow() {
  uses_.resize(graph_.value_count());
  operand_slots_.resize(graph_.node_count());
  result_slots_.resize(graph_.region_count());
  dead_.resize(graph_.node_count(), true);
  in_touched_.resize(graph_.node_count());
  disordered_.resize(graph_.region_count());
}

const std::vector<UseSite>& Editor::Uses(ValueId id) const {
  static const std::vector<UseSite> kNone;
  return id && id.index < uses_.size() ? uses_[id.index] : kNone;
}

RegionId Editor::HomeOf(ValueId id) const {
  const Value& value = graph_.value(id);
  if (value.def) return graph_.node(value.def).parent;
  return value.param_of ? value.param_of : Graph::main();
}

bool Editor::Encloses(RegionId home, RegionId region) const {
  while (region != home) {
    if (region == Graph::main()) return false;
    region = graph_.node(graph_.region(region).owner).parent;
  }
  return true;
}

uint32_t& Editor::SlotOf(const UseSite& site) {
  std::vector<uint32_t>& slots = site.node ? operand_slots_[site.node.index] : result_slots_[site.region.index];
  if (slots.size() <= site.index) {
    const size_t all = site.node ? graph_.node(site.node).in.size() : graph_.region(site.region).results.size();
    slots.resize(std::max<size_t>(site.index + 1, all));
  }
  return slots[site.index];
}

void Editor::AddUse(ValueId value, UseSite site) {
  if (!value) return;
  if (value.index >= uses_.size()) Grow();
  SlotOf(site) = static_cast<uint32_t>(uses_[value.index].size());
  uses_[value.index].push_back(site);
}

void Editor::RemoveUse(ValueId value, UseSite site) {
  if (!value) return;
  std::vector<UseSite>& uses = uses_[value.index];
  const uint32_t slot = SlotOf(site);
  uses[slot] = uses.back();
  SlotOf(uses[slot]) = slot;
  uses.pop_back();
  TouchDef(value);
  if (uses.empty() && graph_.value(value).def) unused_.push_back(graph_.value(value).def);
  if (uses.size() == 1) TouchUsers(value);
}

void Editor::Touch(NodeId node) {
  if (!node || in_touched_[node.index] || dead_[node.index]) return;
  in_touched_[node.index] = true;
  touched_.push_back(node);
}

void Editor::TouchDef(ValueId value) { Touch(graph_.value(value).def); }

void Editor::TouchUsers(ValueId value) {
  for (const UseSite& site : uses_[value.index]) Touch(site.node);
}

std::vector<NodeId> Editor::TakeTouched() {
  for (NodeId id : touched_) in_touched_[id.index] = false;
  return std::exchange(touched_, {});
}

Result<NodeId> Editor::AddNode(RegionId region, const OpDef& op, std::vector<ValueId> in, size_t n_out, Attrs attrs,
                               OriginId origin) {
  const NodeId id = graph_.AddNode(region, op, std::move(in), n_out, std::move(attrs), origin);
  Grow();
  dead_[id.index] = false;
  disordered_[region.index] = true;
  const std::vector<ValueId>& operands = graph_.node(id).in;
  for (uint32_t i = 0; i < operands.size(); ++i) AddUse(operands[i], {id, {}, i});
  if (Status status = inference_.InferNode(id); !status.ok()) {
    Erase(id);
    return status.TakeDiag();
  }
  Touch(id);
  unused_.push_back(id);  // in case nobody comes to use it
  for (ValueId v : operands) {
    if (v) TouchDef(v);
  }
  unused_.push_back(id);  // until somebody uses it
  return id;
}

ValueId Editor::AddConstant(Tensor tensor) {
  const ValueId id = graph_.AddConstant(std::move(tensor));
  Grow();
  return id;
}

ValueId Editor::AddConstant(Constant constant) {
  const ValueId id = graph_.AddConstant(std::move(constant));
  Grow();
  return id;
}

Status Editor::ReplaceValue(ValueId old, ValueId now) {
  if (old == now) return Ok{};
  Value& from = graph_.value(old);
  Value& to = graph_.value(now);
  std::optional<Type> type = Meet(from.type, to.type);
  if (!type) {
    return Diag(diag::kRewriteType,
                Concat("a value of type ", from.type.ToString(), " cannot be replaced by one of ", to.type.ToString()));
  }
  if (!to.constant && !Encloses(HomeOf(now), HomeOf(old))) {
    return Diag(diag::kRewriteScope, "a value cannot be replaced by one that belongs to an inner region");
  }
  if (to.def) to.type = *std::move(type);
  if (to.name.empty() && from.def) to.name = std::exchange(from.name, {});
  if (to.def && !graph_.node(to.def).origin && from.def) graph_.node(to.def).origin = graph_.node(from.def).origin;
  for (const UseSite& site : std::exchange(uses_[old.index], {})) {
    if (site.node) {
      graph_.node(site.node).in[site.index] = now;
    } else {
      graph_.region(site.region).results[site.index] = now;
    }
    AddUse(now, site);
  }
  if (from.def) unused_.push_back(from.def);
  TouchDef(old);
  Disorder(now);
  TouchUsers(now);
  return Ok{};
}

void Editor::SetOperand(NodeId node, size_t index, ValueId value) {
  ValueId& operand = graph_.node(node).in[index];
  if (operand == value) return;
  const UseSite site{node, {}, static_cast<uint32_t>(index)};
  RemoveUse(operand, site);
  operand = value;
  AddUse(value, site);
  disordered_[graph_.node(node).parent.index] = true;
  if (value) Disorder(value);
  Touch(node);
}

void Editor::SetAttr(NodeId node, std::string_view attr, AttrValue value) {
  graph_.node(node).attrs.Set(attr, std::move(value));
  Touch(node);
}

void Editor::SetRegionResult(RegionId region, size_t index, ValueId value) {
  ValueId& result = graph_.region(region).results[index];
  const UseSite site{{}, region, static_cast<uint32_t>(index)};
  RemoveUse(result, site);
  result = value;
  AddUse(value, site);
  if (value) Disorder(value);
  Touch(graph_.region(region).owner);
}

// A new use may stand before the definition, perhaps within a nested region.
void Editor::Disorder(ValueId value) {
  disordered_[HomeOf(value).index] = true;
  TouchDef(value);
}

void Editor::RemoveOperand(NodeId node, size_t index) {
  std::vector<ValueId>& in = graph_.node(node).in;
  for (uint32_t i = static_cast<uint32_t>(index); i < in.size(); ++i) RemoveUse(in[i], {node, {}, i});
  in.erase(in.begin() + static_cast<std::ptrdiff_t>(index));
  for (uint32_t i = static_cast<uint32_t>(index); i < in.size(); ++i) AddUse(in[i], {node, {}, i});
  Touch(node);
}

void Editor::RemoveRegionResult(RegionId region, size_t index) {
  std::vector<ValueId>& results = graph_.region(region).results;
  for (uint32_t i = static_cast<uint32_t>(index); i < results.size(); ++i) RemoveUse(results[i], {{}, region, i});
  results.erase(results.begin() + static_cast<std::ptrdiff_t>(index));
  for (uint32_t i = static_cast<uint32_t>(index); i < results.size(); ++i) AddUse(results[i], {{}, region, i});
  Touch(graph_.region(region).owner);
}

void Editor::RemoveParam(RegionId region, size_t index) {
  std::vector<ValueId>& params = graph_.region(region).params;
  CHECK(!Used(params[index]));
  graph_.value(params[index]).param_of = {};
  params.erase(params.begin() + static_cast<std::ptrdiff_t>(index));
  for (uint32_t i = 0; i < params.size(); ++i) graph_.value(params[i]).index = i;
}

void Editor::RemoveResult(NodeId node, size_t index) {
  std::vector<ValueId>& out = graph_.node(node).out;
  DropResult(node, index);
  out.erase(out.begin() + static_cast<std::ptrdiff_t>(index));
  Renumber(node);
}

void Editor::DropResult(NodeId node, size_t index) {
  ValueId& out = graph_.node(node).out[index];
  if (!out) return;
  CHECK(!Used(out));
  graph_.value(out).def = {};
  graph_.value(out).name.clear();
  out = {};
  Touch(node);
}

void Editor::Renumber(NodeId node) {
  const std::vector<ValueId>& out = graph_.node(node).out;
  for (uint32_t i = 0; i < out.size(); ++i) {
    if (out[i]) graph_.value(out[i]).index = i;
  }
}

void Editor::Erase(NodeId node) {
  std::vector<NodeId> inside = {node};
  std::vector<RegionId> regions;
  for (size_t i = 0; i < inside.size(); ++i) {
    for (RegionId r : graph_.node(inside[i]).regions) {
      regions.push_back(r);
      for (NodeId n : graph_.region(r).nodes) {
        if (!dead_[n.index]) inside.push_back(n);
      }
    }
  }
  for (NodeId n : inside) dead_[n.index] = true;
  for (RegionId r : regions) {
    std::vector<ValueId>& results = graph_.region(r).results;
    for (uint32_t i = 0; i < results.size(); ++i) RemoveUse(results[i], {{}, r, i});
    results.clear();
  }
  for (NodeId n : inside) {
    std::vector<ValueId>& in = graph_.node(n).in;
    for (uint32_t i = 0; i < in.size(); ++i) RemoveUse(in[i], {n, {}, i});
    in.clear();
    for (ValueId v : graph_.node(n).out) {
      if (v) graph_.value(v).name.clear();
    }
  }
  disordered_[graph_.node(node).parent.index] = true;
  removed_ += static_cast<int64_t>(inside.size());
}

void Editor::MoveOut(RegionId inner, NodeId owner) {
  const RegionId outer = graph_.node(owner).parent;
  std::vector<NodeId> moved;
  for (NodeId n : std::exchange(graph_.region(inner).nodes, {})) {
    if (dead_[n.index]) continue;
    graph_.node(n).parent = outer;
    moved.push_back(n);
    Touch(n);
  }
  // Before the owner, so that the order of writing nodes stays what it was.
  std::vector<NodeId>& nodes = graph_.region(outer).nodes;
  nodes.insert(std::find(nodes.begin(), nodes.end(), owner), moved.begin(), moved.end());
  disordered_[outer.index] = true;
}

bool Editor::Refine(NodeId id) {
  const std::vector<ValueId>& out = graph_.node(id).out;
  std::vector<Type> before;
  before.reserve(out.size());
  for (ValueId v : out) before.push_back(v ? std::move(graph_.value(v).type) : Type());
  const bool inferred = inference_.InferNode(id).ok();
  bool refined = false;
  for (size_t i = 0; i < out.size(); ++i) {
    if (!out[i]) continue;
    Type& type = graph_.value(out[i]).type;
    if (inferred && type == before[i]) continue;
    std::optional<Type> both = inferred ? Meet(before[i], type) : std::nullopt;
    // An expression of the inputs' sizes says more than a symbol for a size that nobody knew.
    for (size_t k = 0; both && type.ranked() && before[i].ranked() && k < type.shape().size(); ++k) {
      Dim& dim = both->tensor().shape[k];
      if (!dim.is_static() && !SpeaksOf(sizes_, dim) && SpeaksOf(sizes_, type.shape()[k])) dim = type.shape()[k];
    }
    if (both && !(*both == before[i])) {
      type = *std::move(both);
      refined = true;
      TouchUsers(out[i]);
    } else {
      type = std::move(before[i]);
    }
  }
  return refined;
}

bool Editor::Removable(NodeId id) const {
  const Node& node = graph_.node(id);
  if (node.op->effect == Effect::kWrites) return false;
  for (RegionId r : node.regions) {
    for (NodeId n : NodesWithin(graph_, r)) {
      if (!dead_[n.index] && graph_.node(n).op->effect == Effect::kWrites) return false;
    }
  }
  return true;
}

void Editor::RemoveDead() {
  while (!unused_.empty()) {
    const NodeId id = unused_.back();
    unused_.pop_back();
    if (dead_[id.index]) continue;
    const std::vector<ValueId>& out = graph_.node(id).out;
    if (std::any_of(out.begin(), out.end(), [this](ValueId v) { return Used(v); }) || !Removable(id)) continue;
    Erase(id);
  }
}

Status Editor::Commit() {
  std::vector<RegionId> regions;
  for (uint32_t i = 0; i < disordered_.size(); ++i) {
    if (disordered_[i]) regions.push_back(RegionId{i});
  }
  for (RegionId r : regions) {
    std::erase_if(graph_.region(r).nodes, [this](NodeId id) { return dead_[id.index]; });
  }
  for (RegionId r : regions) RETURN_IF_ERROR(TopologicalSort(&graph_, r));
  std::fill(disordered_.begin(), disordered_.end(), false);
  return Ok{};
}

}  // namespace godwit
