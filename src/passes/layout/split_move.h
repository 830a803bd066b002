// A transposition of many axes as two of few: what runtimes without room for so many axes need, and what others run no
// slower where the last axis moves anyway.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "ir/dim.h"
#include "passes/layout/layout.h"

namespace godwit::layout {

/// One of the two: axes of the whole move, as this one finds them, joined to axes of its own.
struct PartOfMove {
  std::vector<std::vector<size_t>> runs;
  Perm perm;
};

/// A transposition over the fewest axes: those that stay neighbours are one.
PartOfMove Joined(const Perm& perm);

/// `perm` over axes of these sizes as two transpositions of at most `most` axes each; of all such pairs the one that
/// moves most in whole blocks. nullopt where there is none, or too many axes to look through.
std::optional<std::array<PartOfMove, 2>> SplitMove(const Shape& dims, const Perm& perm, size_t most);

}  // namespace godwit::layout
