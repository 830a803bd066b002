#include "passes/legalise/draft.h"

#include <map>

#include "passes/legalise/repairs.h"

namespace godwit {

Draft Begin(Scope& scope, NodeId id) {
  Draft d;
  const Node& node = scope.graph().node(id);
  std::map<ValueId, ValueId> seen;
  for (const ValueId v : node.in) {
    if (!v) {
      d.in.emplace_back();
      continue;
    }
    ValueId& ours = seen[v];
    if (!ours) {
      const Value& value = scope.graph().value(v);
      if (value.constant.valid()) {
        ours = d.graph->AddConstant(Constant(scope.graph().constant(value.constant)), value.name);
      } else {
        ours = d.graph->AddParam(Graph::main(), value.type, value.name);
        if (auto known = scope.Ints(v)) {
          d.facts->SetContents(ours, std::vector<Dim>(known->begin(), known->end()));
        }
      }
      d.bound.emplace(ours, v);
    }
    d.in.push_back(ours);
  }
  d.build->set_origin(d.graph->AddOrigin(scope.graph().origin(node.origin)));
  return d;
}

Result<std::unique_ptr<Scope>> Finish(Draft d, Scope& scope, NodeId id, std::vector<ValueId> results) {
  d.graph->region(Graph::main()).results = std::move(results);
  FoldSmall(d.graph.get(), d.facts.get());
  d.build.reset();
  return std::make_unique<Scope>(std::move(d.graph), std::move(d.facts), &scope, id, std::move(d.bound));
}

}  // namespace godwit
