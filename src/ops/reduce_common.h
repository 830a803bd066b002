// Axis lists of reductions.
#pragma once

#include <string_view>
#include <vector>

#include "ir/eval.h"
#include "ir/infer.h"

namespace godwit::ops {

/// One flag for each axis of a tensor of that rank; `constraint` fails for axes that do not exist.
template <class Ctx>
Result<std::vector<bool>> ReducedAxes(const Ctx& ctx, std::string_view constraint, const std::vector<int64_t>& axes,
                                      int rank);

}  // namespace godwit::ops
