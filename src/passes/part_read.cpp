#include "passes/part_read.h"

#include <algorithm>

#include "ops/ops.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

bool ReadGather(RewriteCtx& ctx, const Node& node, PartRead* out) {
  const auto index = ctx.Ints(node.in[1]);
  if (!index || index->size() != 1 || !ctx.Ranked(node.in[1]) || ctx.Rank(node.in[1]) > 1) return false;
  const auto axis = AxisOf(node.attrs.Int("axis"), ctx.Rank(out->source));
  if (!axis || !ctx.ShapeOf(out->source)[static_cast<size_t>(*axis)].is_static()) return false;
  out->axis = *axis;
  out->extent = ctx.ShapeOf(out->source)[static_cast<size_t>(*axis)].value();
  out->first = (*index)[0] < 0 ? (*index)[0] + out->extent : (*index)[0];
  out->count = 1;
  out->drops_axis = ctx.Rank(node.in[1]) == 0;
  return true;
}

bool ReadSlice(RewriteCtx& ctx, const Node& node, PartRead* out) {
  const auto starts = ctx.Ints(node.in[1]);
  const auto ends = ctx.Ints(node.in[2]);
  if (!starts || !ends || starts->size() != 1 || ends->size() != 1) return false;
  int64_t axis = 0;
  if (node.in.size() > 3 && node.in[3]) {
    const auto axes = ctx.Ints(node.in[3]);
    if (!axes || axes->size() != 1) return false;
    axis = (*axes)[0];
  }
  if (node.in.size() > 4 && node.in[4]) {
    const auto steps = ctx.Ints(node.in[4]);
    if (!steps || steps->size() != 1 || (*steps)[0] != 1) return false;
  }
  const auto at = AxisOf(axis, ctx.Rank(out->source));
  if (!at || !ctx.ShapeOf(out->source)[static_cast<size_t>(*at)].is_static()) return false;
  out->axis = *at;
  out->extent = ctx.ShapeOf(out->source)[static_cast<size_t>(*at)].value();
  const auto place = [&](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + out->extent : v, 0, out->extent); };
  out->first = place((*starts)[0]);
  out->count = place((*ends)[0]) - out->first;
  return out->count > 0;
}

bool ReadSplit(RewriteCtx& ctx, const Node& node, ValueId v, PartRead* out) {
  const auto axis = AxisOf(node.attrs.Int("axis"), ctx.Rank(out->source));
  if (!axis) return false;
  const auto at = static_cast<size_t>(*axis);
  if (!ctx.ShapeOf(out->source)[at].is_static()) return false;
  out->axis = *axis;
  out->extent = ctx.ShapeOf(out->source)[at].value();
  int64_t first = 0;
  for (ValueId part : node.out) {
    if (!part || !ctx.Ranked(part) || !ctx.ShapeOf(part)[at].is_static()) return false;
    const int64_t count = ctx.ShapeOf(part)[at].value();
    if (part == v) {
      out->first = first;
      out->count = count;
      return true;
    }
    first += count;
  }
  return false;
}

}  // namespace

std::optional<PartRead> AsPartRead(RewriteCtx& ctx, const Node& node, ValueId v) {
  if (node.in.empty() || !ctx.Ranked(node.in[0])) return std::nullopt;
  PartRead out;
  out.source = node.in[0];
  bool known = false;
  if (node.op == &ops::kGather) known = ReadGather(ctx, node, &out);
  if (node.op == &ops::kSlice) known = ReadSlice(ctx, node, &out);
  if (node.op == &ops::kSplit) known = ReadSplit(ctx, node, v, &out);
  if (!known || out.first < 0 || out.count < 0 || out.first + out.count > out.extent) return std::nullopt;
  return out;
}

}  // namespace godwit
