// A lower bound of a problem: costs are moved between variables and pairs, which changes nothing, until as much as
// can be is a cost that every choice pays.
#pragma once

#include "passes/layout/pbqp.h"

namespace godwit::layout {

Cost LowerBound(const Pbqp& problem, int rounds);

}  // namespace godwit::layout
