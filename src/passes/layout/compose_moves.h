// Chains of reshapes and transposes say one thing: into which pieces the axes are cut, and in which order these stand
// afterwards. Said so, as one reshape, one transpose and one reshape over the smallest pieces, they show which orders
// of their operand they leave alone; dims that a chain merges only to cut them again would hide it.
#pragma once

#include "rewrite/editor.h"

namespace godwit::layout {

/// Rewrites every chain of which only the end is used. The editor is committed before and after.
/// Before orders are chosen axes are cut as the operand has them, which leaves the most to choose from; afterwards
/// (`few`) so that the fewest moves are left, over as few axes as go with them.
Status ComposeMoves(Editor& editor, bool few = false);

}  // namespace godwit::layout
