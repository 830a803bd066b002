// Taking a tensor apart along an axis of its own, as exporters write q, k and v out of one product: what selects each
// index and drops the axis is one split of the axis merged with its neighbour.
#include <algorithm>

#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "passes/rules_fuse_shape.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

/// `value` is what lies at `index` of the axis, without the axis.
struct Pick {
  ValueId value;
  int64_t index = 0;
};

/// The axis that a gather, split or slice cuts, and nothing else.
std::optional<int64_t> CutAxis(RewriteCtx& ctx, const Node& node) {
  if (node.in.empty() || !ctx.Ranked(node.in[0])) return std::nullopt;
  const int rank = ctx.Rank(node.in[0]);
  if (node.op == &ops::kGather || node.op == &ops::kSplit) return AxisOf(node.attrs.Int("axis"), rank);
  if (node.op != &ops::kSlice || node.in.size() < 4 || !node.in[3]) return std::nullopt;
  const auto axes = AxesOf(ctx, node.in[3], rank);
  return axes && axes->size() == 1 ? std::optional(axes->front()) : std::nullopt;
}

// The squeezes of a value that still has the axis, with extent 1.
bool AddSqueezed(RewriteCtx& ctx, ValueId v, int64_t axis, int64_t index, std::vector<Pick>* picks) {
  for (const UseSite& use : ctx.editor().Uses(v)) {
    if (!use.node || use.index != 0) return false;
    const Node& user = ctx.graph().node(use.node);
    if (user.op != &ops::kSqueeze || user.parent != ctx.node().parent || user.in.size() < 2) return false;
    if (AxesOf(ctx, user.in[1], ctx.Rank(v)) != std::optional(std::vector<int64_t>{axis})) return false;
    picks->push_back({user.out[0], index});
  }
  return true;
}

// What one user of the tensor picks. `extent` is the axis'.
bool AddPicks(RewriteCtx& ctx, const Node& user, int64_t axis, int64_t extent, std::vector<Pick>* picks) {
  if (user.parent != ctx.node().parent || CutAxis(ctx, user) != axis) return false;
  const auto inside = [extent](int64_t i) { return i < 0 ? i + extent : i; };
  if (user.op == &ops::kSplit) {
    if (static_cast<int64_t>(user.out.size()) != extent) return false;
    for (size_t i = 0; i < user.out.size(); ++i) {
      if (!user.out[i]) continue;
      if (!(ctx.ShapeOf(user.out[i])[static_cast<size_t>(axis)] == Dim(1))) return false;
      if (!AddSqueezed(ctx, user.out[i], axis, static_cast<int64_t>(i), picks)) return false;
    }
    return true;
  }
  if (user.op == &ops::kGather) {
    const auto index = ctx.Ints(user.in[1]);
    if (!index || index->size() != 1 || inside(index->front()) < 0 || inside(index->front()) >= extent) return false;
    if (ctx.Rank(user.in[1]) == 0) {
      picks->push_back({user.out[0], inside(index->front())});
      return true;
    }
    return ctx.Rank(user.in[1]) == 1 && AddSqueezed(ctx, user.out[0], axis, inside(index->front()), picks);
  }
  const auto start = ctx.Ints(user.in[1]);
  if (!start || start->size() != 1 || !(ctx.ShapeOf(user.out[0])[static_cast<size_t>(axis)] == Dim(1))) return false;
  const int64_t first = std::clamp<int64_t>(inside(start->front()), 0, extent - 1);
  return AddSqueezed(ctx, user.out[0], axis, first, picks);
}

Result<bool> Unbind(RewriteCtx& ctx) {
  const auto axis = CutAxis(ctx, ctx.node());
  if (!axis) return false;
  const ValueId whole = ctx.In(0);
  const int rank = ctx.Rank(whole);
  const auto extent = ctx.ShapeOf(whole)[static_cast<size_t>(*axis)].known();
  if (!extent || *extent < 2 || rank < 2) return false;
  // whole = transpose(reshape(x)), the transpose being optional.
  const Node* transpose = ctx.Def(whole, ops::kTranspose);
  const ValueId ordered = transpose == nullptr ? whole : transpose->in[0];
  const Node* reshape = ctx.Def(ordered, ops::kReshape);
  if (reshape == nullptr || (transpose != nullptr && !ctx.SingleUse(ordered))) return false;
  Perm perm;
  for (int64_t k = 0; k < rank; ++k) perm.push_back(k);
  if (transpose != nullptr) {
    const auto given = PermOf(*transpose, rank);
    if (!given) return false;
    perm = *given;
  }
  const auto from = static_cast<size_t>(perm[static_cast<size_t>(*axis)]);  // in `ordered`
  if (from + 1 >= static_cast<size_t>(rank)) return false;

  std::vector<Pick> picks;
  for (const UseSite& use : ctx.editor().Uses(whole)) {
    if (!use.node || use.index != 0) return false;
    if (!AddPicks(ctx, ctx.graph().node(use.node), *axis, *extent, &picks)) return false;
  }
  const Shape& shape = ctx.ShapeOf(ordered);
  const auto neighbour = shape[from + 1].known();
  if (!neighbour || picks.size() < 2) return false;

  Shape merged = shape;
  merged[from + 1] = Dim(*extent * *neighbour);
  merged.erase(merged.begin() + static_cast<std::ptrdiff_t>(from));
  TRY(const auto reshaped, fuse::ReshapeTo(ctx, reshape->in[0], merged));
  if (!reshaped) return false;
  // The permutation of the others, and where the merged axis comes to stand.
  Perm others;
  int64_t cut = 0;
  for (int64_t k = 0; k < rank; ++k) {
    const int64_t p = perm[static_cast<size_t>(k)];
    if (k == *axis) continue;
    if (p == static_cast<int64_t>(from) + 1) cut = static_cast<int64_t>(others.size());
    others.push_back(p > static_cast<int64_t>(from) ? p - 1 : p);
  }
  ValueId y = *reshaped;
  if (!IsIdentity(others)) {
    TRY(y, ctx.Emit(ops::kTranspose, {y}, {{"perm", others}}));
  }
  const std::vector<int64_t> sizes(static_cast<size_t>(*extent), *neighbour);
  TRY(const std::vector<ValueId> parts, ctx.EmitN(ops::kSplit, {y, ctx.I64s(sizes)}, sizes.size(), {{"axis", cut}}));
  std::vector<ValueId> now, old;
  for (const Pick& pick : picks) {
    old.push_back(pick.value);
    now.push_back(parts[static_cast<size_t>(pick.index)]);
  }
  return fuse::ReplaceAll(ctx, old, now);
}

// The picks of the tensor's leading axis, all of one shape.
std::optional<std::vector<Pick>> LeadingPicks(RewriteCtx& ctx, ValueId whole, int64_t extent) {
  std::vector<Pick> picks;
  for (const UseSite& use : ctx.editor().Uses(whole)) {
    if (!use.node || use.index != 0) return std::nullopt;
    if (!AddPicks(ctx, ctx.graph().node(use.node), 0, extent, &picks)) return std::nullopt;
  }
  return picks;
}

// reshape, transpose, reshape, one index each: places that take turns, as a channel shuffle leaves them. Where the
// transpose brings the axis to the front and does nothing else, a split of the right view gives them at once.
Result<bool> UnbindTurns(RewriteCtx& ctx) {
  if (CutAxis(ctx, ctx.node()) != 0) return false;
  const ValueId whole = ctx.In(0);
  const auto extent = ctx.ShapeOf(whole)[0].known();
  const Node* view = ctx.Def(whole, ops::kReshape);
  const Node* transpose =
      view == nullptr || !ctx.SingleUse(view->in[0]) ? nullptr : ctx.Def(view->in[0], ops::kTranspose);
  const Node* turns =
      transpose == nullptr || !ctx.SingleUse(transpose->in[0]) ? nullptr : ctx.Def(transpose->in[0], ops::kReshape);
  if (turns == nullptr || !extent || *extent < 2 || !ctx.Ranked(transpose->in[0])) return false;
  const Shape& from = ctx.ShapeOf(transpose->in[0]);
  const auto perm = PermOf(*transpose, static_cast<int>(from.size()));
  if (!perm || perm->front() == 0 || !(from[static_cast<size_t>(perm->front())] == Dim(*extent))) return false;
  for (size_t k = 2; k < perm->size(); ++k) {
    if ((*perm)[k] < (*perm)[k - 1]) return false;
  }
  const auto picks = LeadingPicks(ctx, whole, *extent);
  if (!picks || picks->empty()) return false;
  // In a pick, the axis that takes turns stands before the first dim behind what lies before it.
  Dim before(1), head(1);
  for (int64_t k = 0; k < perm->front(); ++k) before = before * from[static_cast<size_t>(k)];
  Shape shape = ctx.ShapeOf(picks->front().value);
  size_t cut = 0;
  while (cut < shape.size() && !(head == before)) head = head * shape[cut++];
  while (cut < shape.size() && shape[cut] == Dim(1)) ++cut;
  if (!(head == before) || cut == shape.size() || !shape[cut].is_static()) return false;
  const int64_t part = shape[cut].value();
  shape[cut] = Dim(part * *extent);
  TRY(const auto viewed, fuse::ReshapeTo(ctx, turns->in[0], shape));
  if (!viewed) return false;
  const std::vector<int64_t> sizes(static_cast<size_t>(*extent), part);
  TRY(const std::vector<ValueId> parts,
      ctx.EmitN(ops::kSplit, {*viewed, ctx.I64s(sizes)}, sizes.size(), {{"axis", static_cast<int64_t>(cut)}}));
  std::vector<ValueId> now, old;
  for (const Pick& pick : *picks) {
    old.push_back(pick.value);
    now.push_back(parts[static_cast<size_t>(pick.index)]);
  }
  return fuse::ReplaceAll(ctx, old, now);
}

const OpDef* const kCuts[] = {&ops::kGather, &ops::kSplit, &ops::kSlice};

const Rule kRules[] = {
    {"fuse-unbind-turns", "Selecting places that take turns along an axis is a split of the right view.",
     Numerics::kExact, kCuts, UnbindTurns},
    {"fuse-unbind", "Selecting every index of an axis that a reshape has made is one split.", Numerics::kExact, kCuts,
     Unbind},
};

}  // namespace

RuleTable FuseUnbindRules() { return kRules; }

}  // namespace godwit
