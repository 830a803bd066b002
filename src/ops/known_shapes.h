// Operands of a node that is decomposed as an evaluation sees them, when only their sizes are known: what works out
// windows and steps from sizes can then be asked before the model runs.
#pragma once

#include <optional>

#include "ir/decompose.h"
#include "ir/eval.h"

namespace godwit::ops {

/// Tensors without contents, except where these are known. Nothing when a size is not known.
std::optional<EvalCtx> KnownShapes(DecomposeCtx& ctx);

}  // namespace godwit::ops
