// The geometry of a node that is a convolution or a transposed one, as the kernels take it.
#pragma once

#include <optional>

#include "exec/kernels/conv.h"
#include "exec/plan/lowering.h"

namespace godwit::plan {

/// Nothing where the kernels do not have it: they take channels on axis 1, weights with the channels before up to three
/// spatial axes. The operands and the result are static.
Result<std::optional<kernels::ConvShape>> ConvShapeOf(Lowering& l, NodeId id);

}  // namespace godwit::plan
