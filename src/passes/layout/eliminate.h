// Takes variables out one after the other, each leaving a table over all its neighbours: exact, and cheap where the
// tables stay small, as they do in graphs that are long rather than wide.
#pragma once

#include <optional>
#include <vector>

#include "passes/layout/pbqp.h"

namespace godwit::layout {

/// The best choice; nullopt when a table would have more than `max_table` entries or `*work` steps would not do. What
/// it takes is taken from `*work`.
std::optional<std::vector<uint32_t>> SolveByElimination(const Pbqp& problem, int64_t max_table, int64_t* work);

}  // namespace godwit::layout
