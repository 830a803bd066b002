// Division of integers by a known number, for targets that divide none so wide.
#pragma once

#include "ir/decompose.h"

namespace godwit::ops {

Status DecomposeDiv(DecomposeCtx& ctx);

}  // namespace godwit::ops
