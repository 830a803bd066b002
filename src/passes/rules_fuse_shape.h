// Reshapes as the recognisers of attention and of shuffles need them: to a shape that may hold symbols.
#pragma once

#include <optional>
#include <vector>

#include "rewrite/context.h"

namespace godwit::fuse {

/// reshape(x) to `shape`: itself where it has it, nothing where numbers, copied dims and one -1 cannot say it.
Result<std::optional<ValueId>> ReshapeTo(RewriteCtx& ctx, ValueId x, const Shape& shape);

/// All or none of `from` is replaced by `to`; false when types contradict each other.
Result<bool> ReplaceAll(RewriteCtx& ctx, const std::vector<ValueId>& from, const std::vector<ValueId>& to);

}  // namespace godwit::fuse
