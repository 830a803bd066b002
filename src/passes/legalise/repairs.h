// The fragments that take a node's place where a target cannot run it as it is.
#pragma once

#include <memory>

#include "base/result.h"
#include "passes/legalise/scope.h"
#include "targets/misfit.h"

namespace godwit {

/// A graph whose parameters are the node's operands (constants are copied) and whose results are the node's results.
/// Fails where the repair does not apply to the node; the message may be empty.
Result<std::unique_ptr<Scope>> MakeRepair(Scope& scope, NodeId node, const targets::Misfit& misfit);

/// Replaces values that follow from constants by constants, where these are small: what a decomposition computes of
/// shapes that are known does not have to be computed again when the model runs.
void FoldSmall(Graph* graph, Inference* facts);

}  // namespace godwit
