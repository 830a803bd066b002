// Moves a value between the plain and the blocked layout.
#pragma once

#include <memory>

#include "exec/plan/step.h"

namespace godwit::plan {

/// Elements of a tensor whose axis 1 is cut into blocks of 16.
int64_t BlockedElements(const Dims& dims);
std::unique_ptr<Step> MakeReorder(const Slot& from_slot, SlotId from, SlotId to, bool to_blocked);

}  // namespace godwit::plan
