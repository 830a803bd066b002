#include "ops/commute_rules.h"

#include <algorithm>
#include <numeric>

namespace godwit::ops {

namespace {

using Axes = std::vector<int64_t>;

// Where each axis goes; nullopt when one of them is none.
std::optional<Axes> Places(const CommuteCtx& ctx, const Axes& axes) {
  Axes out;
  for (int64_t axis : axes) {
    out.push_back(ctx.Place(axis));
    if (out.back() < 0) return std::nullopt;
  }
  return out;
}

// The axes that operand `i` names, non-negative; all from the first on where it is absent.
std::optional<Axes> Named(const CommuteCtx& ctx, size_t i, size_t count) {
  Axes axes(count);
  std::iota(axes.begin(), axes.end(), 0);
  return ctx.Has(i) ? ctx.Ints(i) : std::optional(axes);
}

bool Moved(CommuteCtx& ctx, size_t operand, const std::optional<Axes>& axes) {
  const auto places = axes ? Places(ctx, *axes) : std::nullopt;
  if (places) ctx.numbers.emplace_back(operand, *places);
  return places.has_value();
}

// The result of an operator that takes away the axes `gone` (of the new operand).
void TakeAway(CommuteCtx& ctx, const Axes& gone) {
  std::vector<bool> is_gone(ctx.perm.size());
  for (int64_t k : gone) is_gone[static_cast<size_t>(k)] = true;
  Axes left;
  for (size_t k = 0; k < ctx.perm.size(); ++k) {
    if (!is_gone[k]) left.push_back(ctx.perm[k]);
  }
  // Old axes lose as many places as axes before them went.
  ctx.result.clear();
  for (int64_t axis : left) {
    ctx.result.push_back(std::count_if(left.begin(), left.end(), [axis](int64_t other) { return other < axis; }));
  }
}

}  // namespace

bool CommuteBroadcast(CommuteCtx& ctx) {
  for (size_t i = 0; i < ctx.ranks.size(); ++i) {
    if (ctx.ranks[i] < 0 || ctx.ranks[i] > ctx.rank()) return false;
    if (i != ctx.operand && ctx.ranks[i] > 0) ctx.alike.push_back(i);
  }
  return !ctx.ranks.empty();
}

bool CommuteConcat(CommuteCtx& ctx) {
  for (size_t i = 0; i < ctx.ranks.size(); ++i) {
    if (i != ctx.operand) ctx.alike.push_back(i);
  }
  return !ctx.ranks.empty() && ctx.MoveAxis("axis", 0);
}

bool CommuteSplit(CommuteCtx& ctx) { return ctx.operand == 0 && ctx.MoveAxis("axis", 0); }

bool CommuteSlice(CommuteCtx& ctx) {
  const auto starts = ctx.Ints(1);
  return ctx.operand == 0 && starts && Moved(ctx, 3, Named(ctx, 3, starts->size()));
}

bool CommutePad(CommuteCtx& ctx) {
  if (ctx.operand != 0 || ctx.ranks.empty()) return false;
  if (ctx.Has(3)) return Moved(ctx, 3, ctx.Ints(3));
  const auto pads = ctx.Ints(1);
  if (!pads || pads->size() != 2 * ctx.perm.size()) return false;
  Axes moved(pads->size());
  for (size_t k = 0; k < ctx.perm.size(); ++k) {
    moved[k] = (*pads)[static_cast<size_t>(ctx.perm[k])];
    moved[ctx.perm.size() + k] = (*pads)[ctx.perm.size() + static_cast<size_t>(ctx.perm[k])];
  }
  ctx.numbers.emplace_back(1, std::move(moved));
  return true;
}

bool CommuteReduce(CommuteCtx& ctx) {
  if (ctx.operand != 0 || ctx.ranks.empty()) return false;
  std::optional<Axes> axes = ctx.Has(1) ? ctx.Ints(1) : std::optional(Axes());
  if (!axes) return false;
  const bool keep = ctx.attrs.Flag("keep_dims", true);
  if (axes->empty()) {
    if (!keep && !ctx.attrs.Flag("empty_axes_is_none")) ctx.result.clear();
    return true;
  }
  axes = Places(ctx, *axes);
  if (!axes) return false;
  ctx.numbers.emplace_back(1, *axes);
  if (!keep) TakeAway(ctx, *axes);
  return true;
}

bool CommuteSqueeze(CommuteCtx& ctx) {
  if (ctx.operand != 0 || !ctx.Has(1) || !Moved(ctx, 1, ctx.Ints(1))) return false;
  TakeAway(ctx, ctx.numbers.back().second);
  return true;
}

// The new dims stay where they are, the others change places among themselves.
bool CommuteUnsqueeze(CommuteCtx& ctx) {
  const auto axes = ctx.Ints(1);
  if (ctx.operand != 0 || !axes) return false;
  const auto rank = ctx.rank() + static_cast<int64_t>(axes->size());
  std::vector<bool> is_new(static_cast<size_t>(rank));
  for (int64_t axis : *axes) {
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) return false;
    is_new[static_cast<size_t>(axis)] = true;
  }
  Axes old;
  for (int64_t k = 0; k < rank; ++k) {
    if (!is_new[static_cast<size_t>(k)]) old.push_back(k);
  }
  if (old.size() != ctx.perm.size()) return false;
  ctx.result.resize(static_cast<size_t>(rank));
  std::iota(ctx.result.begin(), ctx.result.end(), 0);
  for (size_t k = 0; k < old.size(); ++k) {
    ctx.result[static_cast<size_t>(old[k])] = old[static_cast<size_t>(ctx.perm[k])];
  }
  return true;
}

bool CommuteGather(CommuteCtx& ctx) {
  if (ctx.operand != 0 || !ctx.Has(1)) return false;
  int64_t axis = ctx.attrs.Int("axis", 0);
  if (axis < 0) axis += ctx.rank();
  if (!ctx.MoveAxis("axis", 0)) return false;
  const int64_t indices = ctx.ranks[1];
  ctx.result.clear();
  for (int64_t old : ctx.perm) {
    if (old == axis) {
      for (int64_t k = 0; k < indices; ++k) ctx.result.push_back(axis + k);
    } else {
      ctx.result.push_back(old < axis ? old : old - 1 + indices);
    }
  }
  return true;
}

bool CommuteCum(CommuteCtx& ctx) { return ctx.operand == 0 && Moved(ctx, 1, ctx.Ints(1)); }

bool CommuteSuffix(CommuteCtx& ctx) {
  int64_t axis = ctx.attrs.Int("axis", -1);
  if (axis < 0) axis += ctx.rank();
  if (ctx.operand != 0 || ctx.n_out != 1 || axis < 0) return false;
  for (size_t k = static_cast<size_t>(axis); k < ctx.perm.size(); ++k) {
    if (ctx.perm[k] != static_cast<int64_t>(k)) return false;
  }
  // Scale and shift of more dims than are normalised would have to move.
  for (size_t i = 1; i < ctx.ranks.size(); ++i) {
    if (ctx.ranks[i] > ctx.rank() - axis) return false;
  }
  ctx.changed.Set("axis", axis);
  return !ctx.ranks.empty();
}

}  // namespace godwit::ops
