// The beginning and the end of every repair: a graph whose parameters are a node's operands, and the scope it becomes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "ir/builder.h"
#include "passes/legalise/scope.h"

namespace godwit {

/// A repair that does not apply to the node.
inline Diag NotThis(std::string why = {}) { return Diag(diag::kDefect, std::move(why)); }

/// The graph of a fragment in the making.
struct Draft {
  std::unique_ptr<Graph> graph = std::make_unique<Graph>();
  std::unique_ptr<Inference> facts = std::make_unique<Inference>(*graph);
  std::unique_ptr<Builder> build = std::make_unique<Builder>(*graph, *facts);
  std::vector<ValueId> in;  ///< the node's operands as values of the fragment
  Scope::Bindings bound;
};

/// Operands as parameters, constants copied.
Draft Begin(Scope& scope, NodeId id);
Result<std::unique_ptr<Scope>> Finish(Draft d, Scope& scope, NodeId id, std::vector<ValueId> results);

}  // namespace godwit
