// What has more axes than a target takes, with fewer: neighbours that an operator treats alike become one axis.
#pragma once

#include <memory>

#include "passes/legalise/scope.h"

namespace godwit {

/// Elementwise operators, products of matrices, transpositions, slices, pads, reductions, and what goes along one axis.
/// Where nothing can be joined, broadcasting is done beforehand, a transposition becomes moves of one axis each, and a
/// pad or a reduction goes over some axes before the others.
Result<std::unique_ptr<Scope>> CollapseRepair(Scope& scope, NodeId id);

}  // namespace godwit
