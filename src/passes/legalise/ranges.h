// Between which bounds the elements of an integer tensor lie, as far as the nodes that make it show: what proves that
// they fit into fewer bits, or that none is negative.
#pragma once

#include <cstdint>
#include <optional>

#include "passes/legalise/scope.h"

namespace godwit {

struct IntegerRange {
  int64_t low = 0, high = 0;
};

/// Nothing where it is not known, or the value is no tensor of integers.
std::optional<IntegerRange> RangeOf(Scope& scope, ValueId id);

/// Whether every element is an i32.
bool FitsI32(Scope& scope, ValueId id);

}  // namespace godwit
