// Decompositions of operators on n-grams.
#pragma once

#include "ir/decompose.h"

namespace godwit::ops {

Status DecomposeTfIdf(DecomposeCtx& ctx);

}  // namespace godwit::ops
