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

bool CommuteExpand(CommuteCtx& ctx) {
  auto shape = ctx.Ints(1);
  if (ctx.operand != 0 || !shape) return false;
  const size_t n = std::max(shape->size(), ctx.perm.size()), lead = n - ctx.perm.size();
  shape->insert(shape->begin(), n - shape->size(), 1);
  ctx.result.resize(n);
  std::iota(ctx.result.begin(), ctx.result.end(), 0);
  for (size_t k = 0; k < ctx.perm.size(); ++k) ctx.result[lead + k] = static_cast<int64_t>(lead) + ctx.perm[k];
  Axes moved(n);
  for (size_t k = 0; k < n; ++k) moved[k] = (*shape)[static_cast<size_t>(ctx.result[k])];
  ctx.numbers.emplace_back(1, std::move(moved));
  return true;
}

bool CommuteTile(CommuteCtx& ctx) {
  const auto repeats = ctx.Ints(1);
  if (ctx.operand != 0 || !repeats || repeats->size() != ctx.perm.size()) return false;
  Axes moved;
  for (const int64_t k : ctx.perm) moved.push_back((*repeats)[static_cast<size_t>(k)]);
  ctx.numbers.emplace_back(1, std::move(moved));
  return true;
}

bool CommuteArgReduce(CommuteCtx& ctx) {
  if (ctx.operand != 0 || ctx.rank() == 0 || !ctx.MoveAxis("axis", 0)) return false;
  if (!ctx.attrs.Flag("keep_dims", true)) TakeAway(ctx, {ctx.changed.Int("axis")});
  return true;
}

// The new axis stays where it is, the others change places among themselves.
bool CommuteOneHot(CommuteCtx& ctx) {
  int64_t axis = ctx.attrs.Int("axis", -1);
  if (axis < 0) axis += ctx.rank() + 1;
  if (ctx.operand != 0 || axis < 0 || axis > ctx.rank()) return false;
  ctx.result.clear();
  for (const int64_t k : ctx.perm) ctx.result.push_back(k < axis ? k : k + 1);
  ctx.result.insert(ctx.result.begin() + axis, axis);
  ctx.changed.Set("axis", axis);
  return true;
}

bool CommuteResize(CommuteCtx& ctx) {
  if (ctx.operand != 0) return false;
  Axes axes = ctx.attrs.Ints("axes");
  if (!ctx.attrs.Has("axes")) {
    axes.resize(ctx.perm.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  auto places = Places(ctx, axes);
  if (!places) return false;
  ctx.rare = !ctx.attrs.Has("axes");
  ctx.changed.Set("axes", *std::move(places));
  return true;
}

bool CommuteStack(CommuteCtx& ctx) {
  const size_t n = ctx.perm.size();
  return ctx.operand == 0 && n > 2 && ctx.perm[n - 1] == ctx.rank() - 1 && ctx.perm[n - 2] == ctx.rank() - 2;
}

bool CommuteProduct(CommuteCtx& ctx) {
  const size_t n = ctx.perm.size();
  if (ctx.operand > 1 || n < 2 || ctx.ranks.size() < 2 || ctx.ranks[1 - ctx.operand] < 2) return false;
  const int64_t first = ctx.rank() - 2;
  if (ctx.perm[n - 1] < first || ctx.perm[n - 2] < first) return false;
  const bool swaps = ctx.perm[n - 1] == first;
  bool outer = false;
  for (size_t k = 0; k + 2 < n; ++k) outer = outer || ctx.perm[k] != static_cast<int64_t>(k);
  // Zero points of rows and columns have axes of their own.
  for (size_t i = 2; i < ctx.ranks.size(); ++i) {
    if (ctx.ranks[i] > 0 && outer) return false;
  }
  const auto flip = [&](size_t operand) {
    const char* flag = operand == 0 ? "transpose_a" : "transpose_b";
    ctx.changed.Set(flag, int64_t{ctx.attrs.Flag(flag) ? 0 : 1});
  };
  if (swaps) flip(ctx.operand);
  ctx.rare = swaps;
  const size_t other = 1 - ctx.operand;
  const int rank = ctx.ranks[other];
  if (!outer) {
    ctx.result.resize(static_cast<size_t>(std::max<int64_t>(ctx.rank(), rank)));
    std::iota(ctx.result.begin(), ctx.result.end(), 0);
    return true;
  }
  if (rank > ctx.rank()) return false;
  if (rank > 2) {
    ctx.alike.push_back(other);
    if (swaps) flip(other);
  }
  std::iota(ctx.result.end() - 2, ctx.result.end(), first);
  return true;
}

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
