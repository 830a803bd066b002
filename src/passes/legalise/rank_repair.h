// What has more axes than a target takes, with fewer: neighbours that an operator treats alike become one axis.
#pragma once

#include <memory>

#include "passes/legalise/scope.h"

namespace godwit {

/// Elementwise operators, products of matrices, transpositions, slices and pads. Where nothing can be joined,
/// broadcasting is done beforehand, and a transposition becomes moves of one axis each.
Result<std::unique_ptr<Scope>> CollapseRepair(Scope& scope, NodeId id);

}  // namespace godwit
