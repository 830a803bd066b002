#include "passes/legalise/legaliser.h"

#include <algorithm>

#include "base/text.h"
#include "passes/legalise/repairs.h"

namespace godwit {

namespace {

// Repairs of what repairs made: deep enough for a composite of composites with casts, bounded all the same.
constexpr int kMaxDepth = 8;

bool IsWanted(const Scope& scope, const Node& node) {
  if (node.op->effect == Effect::kWrites) return true;
  return std::any_of(node.out.begin(), node.out.end(), [&](ValueId v) { return v && scope.wanted[v.index]; });
}

// What to write on the command line where a node fails that works on dims which the model's inputs leave open.
std::string HowToFixDims(const Scope& scope, const Node& node) {
  const auto open = [](const Type& type) { return type.ranked() && !type.tensor().is_static(); };
  const auto works_on_open = [&](ValueId v) { return v && open(scope.TypeOf(v)); };
  if (std::none_of(node.in.begin(), node.in.end(), works_on_open) &&
      std::none_of(node.out.begin(), node.out.end(), works_on_open)) {
    return {};
  }
  const Scope* source = &scope;
  while (source->outer() != nullptr) source = source->outer();
  const Graph& graph = source->graph();
  std::string shapes;
  for (const ValueId param : graph.region(Graph::main()).params) {
    const Type& type = graph.value(param).type;
    if (!open(type)) continue;
    std::string dims;
    for (const Dim& d : type.shape()) dims += Concat(dims.empty() ? "" : ",", d.ToString());
    shapes += Concat(" --shape ", graph.value(param).name, "=", dims);
  }
  return shapes.empty() ? "" : Concat("with numbers for the dims that are open:", shapes);
}

}  // namespace

void NameSource(const Scope& scope, NodeId id, Diag* diag) {
  const Scope* s = &scope;
  while (s->outer() != nullptr) {
    id = s->stands_for();
    s = s->outer();
  }
  const Node& node = s->graph().node(id);
  const Origin& origin = s->graph().origin(node.origin);
  diag->op_type = origin.op_type.empty() ? std::string(node.op->name) : origin.op_type;
  const std::string path = origin.scope.empty() ? origin.node : Concat(origin.scope, "/", origin.node);
  diag->node = Concat("'", path, "' (", diag->op_type, ")");
  for (const ValueId v : node.out) {
    if (v && !s->graph().value(v).name.empty() && diag->tensors.size() < 4) {
      diag->tensors.push_back(s->graph().value(v).name);
    }
  }
}

void Legaliser::Want(Scope& scope, ValueId value) {
  if (!value) return;
  if (const ValueId outer = scope.Bound(value)) return Want(*scope.outer(), outer);
  if (scope.wanted[value.index]) return;
  scope.wanted[value.index] = true;
  log_.emplace_back(&scope, value);
}

void Legaliser::Return(const Checkpoint& to) {
  for (; log_.size() > to.wants; log_.pop_back()) log_.back().first->wanted[log_.back().second.index] = false;
  problems_.resize(to.problems);
  warnings_.resize(to.warnings);
  target_->Return(to.written);
}

void Legaliser::Walk(Scope& scope, RegionId region) {
  const std::vector<NodeId>& nodes = scope.graph().region(region).nodes;
  for (size_t i = nodes.size(); i-- > 0;) {
    if (IsWanted(scope, scope.graph().node(nodes[i]))) Place(scope, nodes[i]);
  }
}

void Legaliser::Place(Scope& scope, NodeId id) {
  std::vector<targets::Misfit> misfits = target_->Place(scope, id);
  if (misfits.empty()) return;
  const Node& node = scope.graph().node(id);
  std::string tried;
  if (scope.depth() < kMaxDepth) {
    const bool asked = std::any_of(misfits.begin(), misfits.end(),
                                   [](const auto& m) { return m.repair == targets::Repair::kDecompose; });
    if (!asked && node.op->decompose != nullptr) {
      targets::Misfit last = misfits.front();
      last.repair = targets::Repair::kDecompose;
      misfits.push_back(std::move(last));
    }
    bool decomposed = false;
    for (const targets::Misfit& misfit : misfits) {
      if (misfit.repair == targets::Repair::kNone) continue;
      if (misfit.repair == targets::Repair::kDecompose && std::exchange(decomposed, true)) continue;
      if (TryRepair(scope, id, misfit, &tried)) {
        if (misfit.lossy) Warn(scope, id, misfit);
        return;
      }
    }
  }
  const targets::Misfit& first = misfits.front();
  Diag diag(*first.limit, tried.empty() ? first.what : Concat(first.what, "; ", tried));
  diag.hint = first.hint.empty() ? HowToFixDims(scope, node) : first.hint;
  Report(scope, id, std::move(diag));
  // The walk goes on, so that what feeds the node is looked at too.
  for (const ValueId v : node.in) Want(scope, v);
}

bool Legaliser::TryRepair(Scope& scope, NodeId id, const targets::Misfit& misfit, std::string* why) {
  const Checkpoint start = Here();
  auto fragment = MakeRepair(scope, id, misfit);
  if (!fragment.ok()) {
    if (why->empty() && !fragment.diag().what.empty()) *why = fragment.diag().what;
    return false;
  }
  fragments_.push_back(*std::move(fragment));
  Scope& inner = *fragments_.back();
  WalkFragment(inner);
  if (problems_.size() == start.problems) return true;
  if (why->empty()) *why = Concat("repaired, ", problems_[start.problems].what);
  Return(start);
  return false;
}

void Legaliser::WalkFragment(Scope& fragment) {
  Scope& outer = *fragment.outer();
  const Graph& graph = fragment.graph();
  const std::vector<ValueId>& made = graph.region(Graph::main()).results;
  const std::vector<ValueId>& results = outer.graph().node(fragment.stands_for()).out;
  std::vector<ValueId> aliased;
  for (size_t i = 0; i < made.size() && i < results.size(); ++i) {
    if (!results[i] || !outer.wanted[results[i].index] || !made[i]) continue;
    const bool own = graph.value(made[i]).def.valid();
    if (own && std::find(aliased.begin(), aliased.end(), made[i]) == aliased.end()) {
      target_->Alias(fragment, made[i], results[i]);
      aliased.push_back(made[i]);
    } else {
      target_->Copy(fragment, made[i], results[i]);
    }
    Want(fragment, made[i]);
  }
  Walk(fragment, Graph::main());
}

void Legaliser::Report(const Scope& scope, NodeId node, Diag diag) {
  if (diag.node.empty()) NameSource(scope, node, &diag);
  problems_.push_back(std::move(diag));
}

void Legaliser::Warn(const Scope& scope, NodeId node, const targets::Misfit& misfit) {
  Diag diag(diag::kTargetNarrowed, misfit.what);
  NameSource(scope, node, &diag);
  warnings_.push_back(std::move(diag).As(Severity::kWarning));
}

void Legaliser::ReportTo(DiagSink* sink) {
  // One stands for all: what is true of it is true of what it is computed with.
  if (!warnings_.empty()) sink->Add(std::move(warnings_.back()));
  warnings_.clear();
  // The walk went backwards; people read forwards.
  for (size_t i = problems_.size(); i-- > 0;) sink->Add(std::move(problems_[i]));
  problems_.clear();
}

}  // namespace godwit
