// The geometry of a node that is a convolution or a transposed one, as the kernels take it.
#pragma once

#include <optional>

#include "exec/kernels/conv.h"
#include "exec/plan/lowering.h"

namespace godwit::plan {

struct ConvNode {
  kernels::ConvShape shape;
  Layout blocks = Layout::kBlocked;  ///< where the channels are
  std::vector<int> weight_order;     ///< axes of the weights, channels before up to three spatial axes
};

/// Nothing where the kernels do not have it. The operands and the result are static.
Result<std::optional<ConvNode>> ConvOf(Lowering& l, NodeId id);

/// The weights with their axes in that order.
Result<Tensor> OrderedWeights(const ConvNode& conv, const Tensor& weights);

}  // namespace godwit::plan
