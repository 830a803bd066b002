// Scatters that fill boxes: what is read of the result is read where it comes from, and parts that are written one
// after the other are put together at once.
#include <algorithm>

#include "ops/ops.h"
#include "passes/box_write.h"
#include "passes/part_read.h"
#include "passes/rule_tables.h"
#include "passes/vector_nodes.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

constexpr size_t kMaxChain = 64;
constexpr uint64_t kNodeBytes = 256;  // of a file, about: indices of that many are worth another node

// A part of what was written, or of what was left alone.
Result<bool> ReadThroughScatter(RewriteCtx& ctx) {
  const Node* scatter = ctx.Def(ctx.In(0), ops::kScatterNd);
  if (scatter == nullptr) return false;
  const auto part = AsPartRead(ctx, ctx.node(), ctx.Out());
  if (!part) return false;
  const auto write = AsBoxWrite(ctx, *scatter);
  if (!write || write->axis != part->axis) return false;
  const int64_t end = part->first + part->count;
  if (end <= write->first || part->first >= write->end()) return ctx.Rewire(0, write->data);
  if (part->first < write->first || end > write->end() || !write->shaped) return false;
  const int64_t at = part->first - write->first;
  if (ctx.node().op == &ops::kGather) {
    const ValueId index = part->drops_axis ? ctx.ScalarI64(at) : ctx.I64s({at});
    return ctx.Rebuild(ops::kGather, {write->updates, index}, {{"axis", part->axis}});
  }
  return ctx.Rebuild(ops::kSlice,
                     {write->updates, ctx.I64s({at}), ctx.I64s({at + part->count}), ctx.I64s({part->axis})});
}

// The scatters that end in this one: what they write, in order along the axis, and what they write to.
struct Chain {
  std::vector<BoxWrite> writes;
  ValueId base;
  size_t length = 1;
  uint64_t index_bytes = 0;
};

std::optional<Chain> ChainOf(RewriteCtx& ctx) {
  const auto last = AsBoxWrite(ctx, ctx.node());
  if (!last) return std::nullopt;
  // The last one speaks for all.
  if (const Node* user = ctx.OnlyUser(ctx.Out()); user != nullptr && user->in[0] == ctx.Out()) {
    const auto next = AsBoxWrite(ctx, *user);
    if (next && next->axis == last->axis) return std::nullopt;
  }
  Chain out{{*last}, last->data, 1, last->index_bytes};
  while (out.length < kMaxChain && ctx.SingleUse(out.base)) {
    const Node* before = ctx.Def(out.base, ops::kScatterNd);
    const auto write = before == nullptr ? std::nullopt : AsBoxWrite(ctx, *before);
    if (!write || write->axis != last->axis) break;
    const auto& writes = out.writes;
    const bool gone = std::any_of(writes.begin(), writes.end(), [&](const BoxWrite& w) { return write->Within(w); });
    const bool apart = std::all_of(writes.begin(), writes.end(), [&](const BoxWrite& w) { return write->Apart(w); });
    if (!gone && !apart) break;
    if (!gone) out.writes.push_back(*write);
    out.base = write->data;
    ++out.length;
    out.index_bytes += write->index_bytes;
  }
  std::sort(out.writes.begin(), out.writes.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return out;
}

// Where the value is a concat along the axis: the operands that make up a run of it. Empty where none do.
std::vector<ValueId> OperandsFor(RewriteCtx& ctx, ValueId v, int64_t axis, int64_t from, int64_t to) {
  const Node* concat = ctx.Def(v, ops::kConcat);
  if (concat == nullptr || AxisOf(concat->attrs.Int("axis"), ctx.Rank(v)) != axis) return {};
  std::vector<ValueId> out;
  int64_t at = 0, covered = 0;
  for (const ValueId part : concat->in) {
    if (!ctx.Ranked(part)) return {};
    const auto extent = ctx.ShapeOf(part)[static_cast<size_t>(axis)].known();
    if (!extent) return {};
    if (at >= from && at + *extent <= to && *extent > 0) {
      out.push_back(part);
      covered += *extent;
    }
    at += *extent;
  }
  return covered == to - from ? out : std::vector<ValueId>();
}

Result<ValueId> Filling(RewriteCtx& ctx, const BoxWrite& write) {
  if (write.shaped) return write.updates;
  Shape shape = ctx.ShapeOf(ctx.Out());
  shape[static_cast<size_t>(write.axis)] = Dim(write.count);
  return ctx.Emit(ops::kReshape, {write.updates, ctx.I64s(ReshapeNumbers(shape))});
}

// Around what is written there is one number: the parts, and a padding.
Result<bool> Padded(RewriteCtx& ctx, const Chain& chain, ValueId whole) {
  const BoxWrite& first = chain.writes.front();
  const auto rank = static_cast<size_t>(ctx.Rank(ctx.Out()));
  std::vector<int64_t> pads(2 * rank, 0);
  pads[static_cast<size_t>(first.axis)] = first.first;
  pads[rank + static_cast<size_t>(first.axis)] = first.extent - chain.writes.back().end();
  const ValueId number = ctx.Scalar(ctx.DtypeOf(chain.base), *ctx.Splat(chain.base));
  return ctx.Rebuild(ops::kPad, {whole, ctx.I64s(pads), number});
}

// Parts that are written one after the other are a concat, with what is left between them. `always`: also where that
// takes more nodes than there were.
Result<bool> Together(RewriteCtx& ctx, bool always) {
  const auto chain = ChainOf(ctx);
  if (!chain || !IsExpressible(ctx.ShapeOf(ctx.Out()))) return false;
  const int64_t axis = chain->writes[0].axis, extent = chain->writes[0].extent;
  size_t gaps = 0, slices = 0, views = 0;
  bool inner = false;
  int64_t at = 0;
  const auto gap = [&](int64_t from, int64_t to) {
    if (from == to) return;
    inner = inner || (from > 0 && to < extent);
    ++gaps;
    slices += OperandsFor(ctx, chain->base, axis, from, to).empty() ? 1 : 0;
  };
  for (const BoxWrite& w : chain->writes) {
    gap(at, w.first);
    views += w.shaped ? 0 : 1;
    at = w.end();
  }
  gap(at, extent);
  const size_t parts = chain->writes.size();
  const bool pads = gaps > 0 && !inner && IsFloat(ctx.DtypeOf(chain->base)) && ctx.Splat(chain->base).has_value();
  const size_t nodes = views + (pads ? (parts > 1 ? 2U : 1U) : slices + (parts + gaps > 1 ? 1U : 0U));
  if (!always && nodes > chain->length && chain->index_bytes < kNodeBytes * (nodes - chain->length)) return false;
  std::vector<ValueId> joined;
  const auto rest = [&](int64_t from, int64_t to) -> Status {
    if (pads || from == to) return Ok{};
    if (const auto there = OperandsFor(ctx, chain->base, axis, from, to); !there.empty()) {
      joined.insert(joined.end(), there.begin(), there.end());
      return Ok{};
    }
    TRY(const ValueId part, ctx.Emit(ops::kSlice, {chain->base, ctx.I64s({from}), ctx.I64s({to}), ctx.I64s({axis})}));
    joined.push_back(part);
    return Ok{};
  };
  at = 0;
  for (const BoxWrite& w : chain->writes) {
    RETURN_IF_ERROR(rest(at, w.first));
    TRY(const ValueId part, Filling(ctx, w));
    joined.push_back(part);
    at = w.end();
  }
  RETURN_IF_ERROR(rest(at, extent));
  ValueId whole = joined[0];
  if (!pads && joined.size() > 1) return ctx.Rebuild(ops::kConcat, std::move(joined), {{"axis", axis}});
  if (joined.size() > 1) {
    TRY(whole, ctx.Emit(ops::kConcat, std::move(joined), {{"axis", axis}}));
  }
  return pads ? Padded(ctx, *chain, whole) : ctx.Replace(whole);
}

Result<bool> JoinWritten(RewriteCtx& ctx) { return Together(ctx, false); }
Result<bool> JoinAnyWritten(RewriteCtx& ctx) { return Together(ctx, true); }

const OpDef* const kReads[] = {&ops::kSlice, &ops::kGather};
const OpDef* const kScatters[] = {&ops::kScatterNd};

const Rule kRules[] = {
    {"read-through-scatter", "Part of what a scatter filled is read where it came from.", Numerics::kExact, kReads,
     ReadThroughScatter},
    {"join-written", "Scatters that fill runs of an axis are a concat, where that takes no more room.",
     Numerics::kExact, kScatters, JoinWritten},
    {"join-any-written", "A scatter that fills a run of an axis is a concat with what is left of its operand.",
     Numerics::kExact, kScatters, JoinAnyWritten},
};

}  // namespace

RuleTable ScatterRules() { return kRules; }

}  // namespace godwit
