// Parts of one tensor: slices that tile it become one split; parts that lose their axis right away keep it where that
// costs fewer nodes.
#include <algorithm>

#include "ops/ops.h"
#include "passes/part_read.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

constexpr size_t kMaxReaders = 256;

struct Piece {
  PartRead part;
  NodeId node;
  ValueId value;
};

// All slices of a value along one axis, in order; empty when they do not tile it without gap or overlap.
std::vector<Piece> Tiles(RewriteCtx& ctx, const PartRead& like) {
  std::vector<Piece> pieces;
  if (ctx.editor().Uses(like.source).size() > kMaxReaders) return pieces;
  for (const UseSite& use : ctx.editor().Uses(like.source)) {
    if (!use.node || use.index != 0) continue;
    const Node& reader = ctx.graph().node(use.node);
    if (reader.op != &ops::kSlice || reader.parent != ctx.node().parent) continue;
    const auto part = AsPartRead(ctx, reader, reader.out[0]);
    if (part && part->axis == like.axis) pieces.push_back({*part, use.node, reader.out[0]});
  }
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) {
    return std::pair(a.part.first, a.node.index) < std::pair(b.part.first, b.node.index);
  });
  int64_t at = 0;
  for (const Piece& piece : pieces) {
    if (piece.part.first != at) return {};
    at += piece.part.count;
  }
  if (at != like.extent || pieces.size() < 2) return {};
  return pieces;
}

// The rule is offered every slice; the first one in the graph speaks for all.
Result<bool> SlicesToSplit(RewriteCtx& ctx) {
  const auto part = AsPartRead(ctx, ctx.node(), ctx.Out());
  if (!part || ctx.IsConstant(part->source)) return false;
  const std::vector<Piece> pieces = Tiles(ctx, *part);
  if (pieces.empty()) return false;
  std::vector<int64_t> sizes;
  for (const Piece& piece : pieces) sizes.push_back(piece.part.count);
  TRY(std::vector<ValueId> parts,
      ctx.EmitN(ops::kSplit, {part->source, ctx.I64s(sizes)}, pieces.size(), {{"axis", part->axis}}));
  ValueId mine;
  for (size_t k = 0; k < pieces.size(); ++k) {
    if (pieces[k].node == ctx.id()) {
      mine = parts[k];
    } else {
      if (!Meet(ctx.TypeOf(pieces[k].value), ctx.TypeOf(parts[k]))) return false;
    }
  }
  for (size_t k = 0; k < pieces.size(); ++k) {
    if (pieces[k].node != ctx.id()) RETURN_IF_ERROR(ctx.editor().ReplaceValue(pieces[k].value, parts[k]));
  }
  return ctx.Replace(mine);
}

// squeeze(slice of one index) and squeeze(split into single indices) are gathers by a number.
Result<bool> SqueezedPart(RewriteCtx& ctx) {
  const Node* def = ctx.Def(ctx.In(0));
  if (def == nullptr || (def->op != &ops::kSlice && def->op != &ops::kSplit)) return false;
  const auto part = AsPartRead(ctx, *def, ctx.In(0));
  if (!part || part->count != 1 || !ctx.Ranked(ctx.Out())) return false;
  Shape left = ctx.ShapeOf(ctx.In(0));
  left.erase(left.begin() + static_cast<std::ptrdiff_t>(part->axis));
  if (left != ctx.ShapeOf(ctx.Out())) return false;
  if (!ctx.SingleUse(ctx.In(0))) return false;
  // All parts of a split must lose the axis, or the split stays beside the gathers.
  for (ValueId other : def->out) {
    if (!other || other == ctx.In(0) || !ctx.editor().Used(other)) continue;
    const Node* user = ctx.OnlyUser(other);
    if (user == nullptr || user->op != ctx.node().op || !ctx.Ranked(user->out[0]) ||
        ctx.ShapeOf(user->out[0]).size() != left.size()) {
      return false;
    }
  }
  return ctx.Rebuild(ops::kGather, {part->source, ctx.ScalarI64(part->first)}, {{"axis", part->axis}});
}

const OpDef* const kSlices[] = {&ops::kSlice};
const OpDef* const kViews[] = {&ops::kSqueeze, &ops::kReshape};

const Rule kRules[] = {
    {"slices-to-split", "Slices that tile an axis are one split.", Numerics::kExact, kSlices, SlicesToSplit},
    {"squeezed-part", "One index of an axis, without the axis, is a gather by a number.", Numerics::kExact, kViews,
     SqueezedPart},
};

}  // namespace

RuleTable FoldPartsRules() { return kRules; }

}  // namespace godwit
