// Which nodes are one elementwise function of one operand, as the kernels know them.
#pragma once

#include <optional>

#include "exec/kernels/unary.h"
#include "exec/plan/lowering.h"

namespace godwit::plan {

struct UnaryNode {
  kernels::Unary function;
  ValueId x;
};
std::optional<UnaryNode> UnaryOf(Lowering& l, NodeId id);
std::string_view UnaryName(kernels::UnaryOp op);

}  // namespace godwit::plan
