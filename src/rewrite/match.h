// Small helpers that keep rules short: permutations, axes, shapes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "rewrite/context.h"

namespace godwit {

using Perm = std::vector<int64_t>;

[[nodiscard]] bool IsIdentity(const Perm& perm);
/// The permutation that does `first`, then `second`: transpose(transpose(x, first), second).
[[nodiscard]] Perm Compose(const Perm& first, const Perm& second);
[[nodiscard]] Perm Inverse(const Perm& perm);
/// Of a transpose node over an operand of known rank, absent `perm` included.
[[nodiscard]] std::optional<Perm> PermOf(const Node& node, int rank);
/// Whether only dims of extent 1 change places, so that the elements stay where they are.
[[nodiscard]] bool MovesNothing(const Perm& perm, const Shape& shape);

/// [-rank, rank) made non-negative; nullopt where it is no axis.
[[nodiscard]] std::optional<int64_t> AxisOf(int64_t axis, int rank);
/// Integer contents of an axes operand, non-negative and sorted; nullopt where unknown or not distinct axes.
[[nodiscard]] std::optional<std::vector<int64_t>> AxesOf(RewriteCtx& ctx, ValueId v, int rank);

/// Both ranked, with dims that are equal whatever their symbols stand for.
[[nodiscard]] bool SameShape(const Type& a, const Type& b);

/// The operands of a commutative node with the constant second; nullopt when not exactly one is constant.
struct WithConstant {
  ValueId value;
  ValueId constant;
};
[[nodiscard]] std::optional<WithConstant> SplitConstant(const RewriteCtx& ctx, const Node& node);

}  // namespace godwit
