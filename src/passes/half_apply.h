// Carries out a choice: types, constants and casts.
#pragma once

#include "passes/half_choice.h"

namespace godwit::half {

/// Nodes that inference refuses in half stay, and are so in `choice` afterwards.
Status Apply(Graph* graph, const HalfOptions& options, Choice* choice, HalfReport* report);

/// Large f32 weights are stored in half, a cast behind each.
Status StoreWeights(Graph* graph, const HalfOptions& options, HalfReport* report);

/// The constant rounded to `dtype`, cut to its range where `cut` says so; computed when it is loaded.
Result<Constant> RoundedConstant(const Constant& f32, DType dtype, bool cut);

}  // namespace godwit::half
