// Problems of two states for each variable whose pairs cost less alike than unlike (after turning some variables
// around) are a cut of a flow network: solved exactly.
#pragma once

#include <optional>
#include <vector>

#include "passes/layout/pbqp.h"

namespace godwit::layout {

/// The best choice; nullopt when the problem is not of this kind.
std::optional<std::vector<uint32_t>> SolveByCut(const Pbqp& problem);

}  // namespace godwit::layout
