// Operands that are about to be evaluated, against the operator's table.
#pragma once

#include <vector>

#include "base/result.h"
#include "ir/op_def.h"
#include "ir/tensor.h"

namespace godwit {

/// Count, presence, element types and groups. Shapes and contents are for the operator itself to judge.
Status CheckOperandValues(const OpDef& op, const std::vector<RtValue>& in);

}  // namespace godwit
