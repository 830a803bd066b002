// Constants that are computed from others when somebody loads them: a rewrite of weights costs nothing until they are
// written, and then no more memory than the tensors of one computation.
#pragma once

#include <vector>

#include "ir/graph.h"

namespace godwit {

/// The result, of static type `type`, of a pure operator over constants (null: an absent operand). It is computed at
/// once when it is small or when many computations wait already.
Result<Constant> Computed(const OpDef& op, Attrs attrs, const std::vector<const Constant*>& in, const TensorType& type);

/// The same, always at once: result 0 of the operator's kernel, after all checks of its operands.
Result<Tensor> ComputeNow(const OpDef& op, const Attrs& attrs, const std::vector<const Constant*>& in);

}  // namespace godwit
