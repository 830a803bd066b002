// The tables of lowering rules, one for each kind of work.
#pragma once

#include <span>

#include "exec/plan/lowering.h"

namespace godwit::plan {

/// Operators that only rename memory: reshape and its kin.
std::span<const LowerRule> ViewRules();

}  // namespace godwit::plan
