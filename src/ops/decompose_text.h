// Decompositions of operators on texts.
#pragma once

#include "ir/decompose.h"

namespace godwit::ops {

Status DecomposeStringNormalize(DecomposeCtx& ctx);
Status DecomposeTfIdf(DecomposeCtx& ctx);

}  // namespace godwit::ops
