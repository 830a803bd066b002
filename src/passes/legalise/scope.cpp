#include "passes/legalise/scope.h"

#include "ir/walk.h"

namespace godwit {

Scope::Scope(const Graph& graph)
    : wanted(graph.value_count()), names(graph.value_count()), graph_(graph), uses_(CountUses(graph)) {}

Scope::Scope(std::unique_ptr<Graph> fragment, std::unique_ptr<Inference> facts, Scope* outer, NodeId stands_for,
             Bindings bound)
    : wanted(fragment->value_count()),
      names(fragment->value_count()),
      owned_(std::move(fragment)),
      graph_(*owned_),
      facts_(std::move(facts)),
      inferred_(true),
      outer_(outer),
      stands_for_(stands_for),
      bound_(std::move(bound)),
      uses_(CountUses(graph_)),
      depth_(outer->depth() + 1) {}

ValueId Scope::Bound(ValueId id) const {
  const auto it = bound_.find(id);
  return it == bound_.end() ? ValueId() : it->second;
}

const Tensor* Scope::Known(ValueId id) {
  if (!id) return nullptr;
  if (facts_ == nullptr) {
    types_.reserve(graph_.value_count());
    for (uint32_t i = 0; i < graph_.value_count(); ++i) types_.push_back(graph_.value(ValueId{i}).type);
    facts_ = std::make_unique<Inference>(graph_, &types_);
  }
  return facts_->Const(id);
}

std::optional<std::vector<int64_t>> Scope::Ints(ValueId id) {
  if (!id) return std::nullopt;
  (void)Known(id);
  if (!inferred_ && !graph_.IsConstant(id)) {
    // Rarely needed, so only now: contents that follow from shapes alone. What cannot be inferred stays unknown.
    inferred_ = true;
    for (const NodeId node : graph_.region(Graph::main()).nodes) (void)facts_->InferNode(node);
  }
  const auto contents = facts_->Contents(id);
  if (!contents) return std::nullopt;
  std::vector<int64_t> out;
  for (const Dim& d : *contents) {
    if (!d.is_static()) return std::nullopt;
    out.push_back(d.value());
  }
  return out;
}

}  // namespace godwit
