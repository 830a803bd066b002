// Blocks of the plane traded for channels, spelled as reshape, transpose, reshape.
#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

/// reshape(transpose(reshape(x))), from rank 4 over rank 6 to rank 4, nothing else using what lies between.
struct Shuffle {
  ValueId x;
  Perm perm;
  Shape parts;
};
std::optional<Shuffle> ReadShuffle(RewriteCtx& ctx) {
  const Node* transpose = ctx.SingleUse(ctx.In(0)) ? ctx.Def(ctx.In(0), ops::kTranspose) : nullptr;
  if (transpose == nullptr || !ctx.SingleUse(transpose->in[0])) return std::nullopt;
  const Node* split = ctx.Def(transpose->in[0], ops::kReshape);
  if (split == nullptr || !ctx.Ranked(split->in[0]) || ctx.Rank(split->in[0]) != 4) return std::nullopt;
  if (!ctx.Ranked(ctx.Out()) || ctx.Rank(ctx.Out()) != 4 || !ctx.Ranked(transpose->in[0])) return std::nullopt;
  const auto perm = PermOf(*transpose, 6);
  if (!perm || ctx.Rank(transpose->in[0]) != 6) return std::nullopt;
  return Shuffle{split->in[0], *perm, ctx.ShapeOf(transpose->in[0])};
}

/// The edge of a block, where two dims agree on it.
std::optional<int64_t> Block(const Dim& a, const Dim& b) {
  const auto edge = a.known();
  return edge && *edge > 1 && a == b ? edge : std::nullopt;
}

bool Are(const Shape& shape, const Dim& n, const Dim& c, const Dim& h, const Dim& w) {
  return shape == Shape{n, c, h, w};
}

Result<bool> DepthToSpace(RewriteCtx& ctx, bool channels_first) {
  const auto s = ReadShuffle(ctx);
  if (!s) return false;
  const Shape& p = s->parts;
  if (s->perm != (channels_first ? Perm{0, 1, 4, 2, 5, 3} : Perm{0, 3, 4, 1, 5, 2})) return false;
  const Dim& channels = p[channels_first ? 1 : 3];
  const auto block = channels_first ? Block(p[2], p[3]) : Block(p[1], p[2]);
  if (!block) return false;
  if (!Are(ctx.ShapeOf(s->x), p[0], channels * Dim(*block * *block), p[4], p[5])) return false;
  if (!Are(ctx.ShapeOf(ctx.Out()), p[0], channels, p[4] * Dim(*block), p[5] * Dim(*block))) return false;
  Attrs attrs = {{"block", *block}};
  if (channels_first) attrs.Set("channels_first", int64_t{1});
  return ctx.Rebuild(ops::kDepthToSpace, {s->x}, std::move(attrs));
}

Result<bool> BlocksFirst(RewriteCtx& ctx) { return DepthToSpace(ctx, false); }
Result<bool> ChannelsFirst(RewriteCtx& ctx) { return DepthToSpace(ctx, true); }

Result<bool> SpaceToDepth(RewriteCtx& ctx) {
  const auto s = ReadShuffle(ctx);
  if (!s || s->perm != Perm{0, 3, 5, 1, 2, 4}) return false;
  const Shape& p = s->parts;
  const auto block = Block(p[3], p[5]);
  if (!block) return false;
  if (!Are(ctx.ShapeOf(s->x), p[0], p[1], p[2] * Dim(*block), p[4] * Dim(*block))) return false;
  if (!Are(ctx.ShapeOf(ctx.Out()), p[0], p[1] * Dim(*block * *block), p[2], p[4])) return false;
  return ctx.Rebuild(ops::kSpaceToDepth, {s->x}, {{"block", *block}});
}

const OpDef* const kReshapes[] = {&ops::kReshape};

const Rule kRules[] = {
    {"fuse-depth-to-space", "Reshape, transpose and reshape that spread channels over blocks are depth_to_space.",
     Numerics::kExact, kReshapes, BlocksFirst},
    {"fuse-pixel-shuffle", "The same where channels come before places in the block.", Numerics::kExact, kReshapes,
     ChannelsFirst},
    {"fuse-space-to-depth", "Reshape, transpose and reshape that gather blocks into channels are space_to_depth.",
     Numerics::kExact, kReshapes, SpaceToDepth},
};

}  // namespace

RuleTable FuseSpaceRules() { return kRules; }

}  // namespace godwit
