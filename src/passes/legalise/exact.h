// Which operators may be computed in another element type when a target lacks theirs.
#pragma once

#include "ir/op_def.h"

namespace godwit {

/// Whether the operator's results on integers are the same when these are held in a floating-point type wide enough
/// for them.
bool ExactInFloat(const OpDef& op);

}  // namespace godwit
