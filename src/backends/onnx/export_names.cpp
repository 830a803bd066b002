// The names of a model that is written, and the constants that become a part of it. Names of the source are kept where
// they are unambiguous; what is new gets names that nothing else has, the same ones each time.
#include <fmt/format.h>

#include <algorithm>

#include "backends/onnx/model_export.h"
#include "base/text.h"
#include "ir/made_names.h"
#include "ir/walk.h"

namespace godwit::to_onnx {

namespace {

constexpr int64_t kSharedElements = 64;  // constants up to this size are written once for all who need the same

}  // namespace

Name ModelExport::Unused(std::string_view wanted, const std::unordered_set<std::string>& taken) {
  std::string name(wanted);
  while (taken.contains(name)) name = fmt::format("{}_{}", wanted, ++counters_[std::string(wanted)]);
  return arena_.Text(name);
}

Name ModelExport::Made(std::string_view hint, std::unordered_set<std::string>* taken) {
  std::string name;
  do {
    name = MadeName(hint, ++counters_[std::string(hint)]);
  } while (!taken->insert(name).second);
  return arena_.Text(name);
}

// Outer regions come first. A name may be used again in a region that is not within one that has it; where two values
// of a region have the same, the second one is as if it had none.
void ModelExport::NameRegion(RegionId id, const std::vector<Name>& outputs) {
  std::unordered_set<std::string> taken;
  if (id != Graph::main()) {
    const RegionId parent = graph_.node(graph_.region(id).owner).parent;
    taken = region_names_[parent];
  }
  const auto name = [&](ValueId v) {
    const Value& value = graph_.value(v);
    Name& slot = root_.names[v.index];
    if (!v || value.name.empty() || !slot.empty() || root_.Uses(v) == 0 || !taken.insert(value.name).second) return;
    slot = arena_.Text(value.name);
  };
  const Region& region = graph_.region(id);
  for (const Name out : outputs) taken.emplace(out);
  // Inputs are what callers name: they come before all else but the outputs, whose names are certain as well. One that
  // is an output of its own name is both.
  for (const ValueId v : region.params) {
    const std::string& own = graph_.value(v).name;
    Name& slot = root_.names[v.index];
    if (own.empty() || !slot.empty()) continue;
    const bool is_output = std::any_of(outputs.begin(), outputs.end(), [&](const Name& out) {
      return out == own && region.results[static_cast<size_t>(&out - outputs.data())] == v;
    });
    slot = is_output ? arena_.Text(own) : Unused(own, taken);
    taken.emplace(slot);
  }
  for (size_t i = 0; i < outputs.size() && i < region.results.size(); ++i) {
    const ValueId v = region.results[i];
    if (v && graph_.value(v).def.valid() && root_.names[v.index].empty()) root_.names[v.index] = outputs[i];
  }
  if (id == Graph::main()) {
    for (uint32_t i = 0; i < graph_.value_count(); ++i) {
      if (graph_.value(ValueId{i}).constant.valid()) name(ValueId{i});
    }
  }
  for (const NodeId node : region.nodes) {
    for (const ValueId v : graph_.node(node).out) {
      if (v) name(v);
    }
  }
  names_.insert(taken.begin(), taken.end());
  region_names_[id] = std::move(taken);
}

void ModelExport::NameEverything() {
  std::vector<Name> outputs;
  std::unordered_set<std::string> seen;
  const Region& main = graph_.region(Graph::main());
  for (size_t i = 0; i < main.results.size(); ++i) {
    std::string wanted = i < graph_.output_names.size() ? graph_.output_names[i] : "";
    if (wanted.empty()) wanted = graph_.value(main.results[i]).name;
    if (wanted.empty()) wanted = fmt::format("output_{}", i);
    outputs.push_back(Unused(wanted, seen));
    seen.emplace(outputs.back());
  }
  for (const RegionId id : RegionsWithin(graph_)) NameRegion(id, id == Graph::main() ? outputs : std::vector<Name>());
  region_names_.clear();
  outputs_ = std::move(outputs);
}

Name ModelExport::NewName(std::string_view hint) { return Made(hint, &names_); }

Name ModelExport::NewNodeName(std::string_view hint) {
  const Name name = Unused(hint, node_names_);
  node_names_.emplace(name);
  return name;
}

Name ModelExport::NameOf(Scope& scope, ValueId id) {
  if (!id) return {};
  if (const ValueId outer = scope.Bound(id)) return NameOf(*scope.outer(), outer);
  const Value& value = scope.graph().value(id);
  Name& slot = scope.names[id.index];
  if (value.constant.valid()) {
    const Constant& constant = scope.graph().constant(value.constant);
    const uint32_t order = &scope == &root_ ? id.index : UINT32_MAX;
    if (slot.empty()) {
      slot = Unnamed(constant, scope.Known(id));
    } else if (!initialized_.contains(slot)) {
      Initialize(constant, slot, order);
    }
    return slot;
  }
  if (slot.empty()) {
    std::string_view hint = value.name;
    if (hint.empty() && value.def) hint = scope.graph().node(value.def).op->name;
    slot = NewName(hint.empty() ? "value" : hint);
  }
  return slot;
}

Name ModelExport::Initialize(Constant constant, Name name, uint32_t order) {
  initialized_.insert(name);
  initializers_.push_back({name, {}, order, std::move(constant)});
  return name;
}

// Small constants that nobody named are written once, whoever needs them.
Name ModelExport::Unnamed(Constant constant, const Tensor* contents) {
  std::string key;
  if (contents != nullptr && contents->size() <= kSharedElements) {
    key = Concat(godwit::Name(contents->dtype()), ToString(contents->dims()));
    if (contents->size() > 0) key.append(reinterpret_cast<const char*>(contents->raw()), contents->bytes());
    if (const auto it = contents_.find(key); it != contents_.end()) return it->second;
  }
  const Name name = NewName("const");
  Initialize(std::move(constant), name, UINT32_MAX);
  if (!key.empty()) {
    contents_.emplace(key, name);
    initializers_.back().content = std::move(key);
  }
  return name;
}

Name ModelExport::AddConstant(Tensor tensor, std::string_view) {
  Constant constant{tensor.type(), tensor};
  return Unnamed(std::move(constant), &tensor);
}

void ModelExport::Return(Mark mark) {
  groups_.resize(mark.nodes);
  for (; initializers_.size() > mark.constants; initializers_.pop_back()) {
    initialized_.erase(initializers_.back().name);
    if (!initializers_.back().content.empty()) contents_.erase(initializers_.back().content);
  }
}

}  // namespace godwit::to_onnx
