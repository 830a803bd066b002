// Paddings: those of nothing, those that follow one another, and those that the window operator after them can do.
#include <algorithm>
#include <cmath>

#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

// Begins and ends for all axes of a constant padding.
struct Pads {
  std::vector<int64_t> begin, end;
};

std::optional<Pads> PadsOf(RewriteCtx& ctx, const Node& pad) {
  if (pad.attrs.Str("mode", "constant") != "constant" || !ctx.Ranked(pad.in[0])) return std::nullopt;
  const auto rank = static_cast<size_t>(ctx.Rank(pad.in[0]));
  const auto given = ctx.Ints(pad.in[1]);
  std::vector<int64_t> axes;
  if (pad.in.size() > 3 && pad.in[3]) {
    const auto named = ctx.Ints(pad.in[3]);
    if (!named) return std::nullopt;
    axes = *named;
  } else {
    for (size_t k = 0; k < rank; ++k) axes.push_back(static_cast<int64_t>(k));
  }
  if (!given || given->size() != 2 * axes.size()) return std::nullopt;
  Pads pads{std::vector<int64_t>(rank), std::vector<int64_t>(rank)};
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = AxisOf(axes[i], static_cast<int>(rank));
    if (!axis) return std::nullopt;
    pads.begin[static_cast<size_t>(*axis)] = (*given)[i];
    pads.end[static_cast<size_t>(*axis)] = (*given)[axes.size() + i];
  }
  return pads;
}

bool NoneNegative(const Pads& p) {
  const auto ok = [](int64_t v) { return v >= 0 && v < (int64_t{1} << 31); };
  return std::all_of(p.begin.begin(), p.begin.end(), ok) && std::all_of(p.end.begin(), p.end.end(), ok);
}

std::optional<double> ValueOf(RewriteCtx& ctx, const Node& pad) {
  return pad.in.size() > 2 && pad.in[2] ? ctx.Splat(pad.in[2]) : std::optional(0.0);
}

Result<bool> DropPad(RewriteCtx& ctx) {
  const auto pads = ctx.Ints(ctx.In(1));
  if (!pads || std::any_of(pads->begin(), pads->end(), [](int64_t v) { return v != 0; })) return false;
  return ctx.Replace(ctx.In(0));
}

Result<bool> MergePads(RewriteCtx& ctx) {
  const Node* inner = ctx.Def(ctx.In(0), ops::kPad);
  if (inner == nullptr || !ctx.SingleUse(ctx.In(0))) return false;
  const auto first = PadsOf(ctx, *inner);
  const auto second = PadsOf(ctx, ctx.node());
  if (!first || !second || !NoneNegative(*first) || !NoneNegative(*second)) return false;
  const auto a = ValueOf(ctx, *inner);
  const auto b = ValueOf(ctx, ctx.node());
  if (!a || !b || !(*a == *b) || std::signbit(*a) != std::signbit(*b)) return false;
  std::vector<int64_t> pads;
  for (size_t k = 0; k < first->begin.size(); ++k) pads.push_back(first->begin[k] + second->begin[k]);
  for (size_t k = 0; k < first->end.size(); ++k) pads.push_back(first->end[k] + second->end[k]);
  std::vector<ValueId> in = {inner->in[0], ctx.I64s(pads)};
  if (ctx.Has(2)) in.push_back(ctx.In(2));
  return ctx.Rebuild(ops::kPad, std::move(in));
}

// The window operator's own pads (begins, then ends, of its spatial axes) with those of a pad node before it; nullopt
// when the node pads other axes, or the operator works its pads out itself.
std::optional<std::vector<int64_t>> WithPads(RewriteCtx& ctx, const Pads& pads) {
  const Attrs& attrs = ctx.attrs();
  const std::string_view automatic = attrs.Str("auto_pad", "none");
  if ((automatic != "none" && automatic != "valid") || !NoneNegative(pads)) return std::nullopt;
  const auto rank = static_cast<int>(pads.begin.size());
  const auto channel = AxisOf(attrs.Int("channel_axis", 1), rank);
  if (!channel || rank < 3) return std::nullopt;
  std::vector<int64_t> own = attrs.Ints("pads");
  const auto spatial = static_cast<size_t>(rank - 2);
  if (own.empty() || automatic == "valid") own.assign(2 * spatial, 0);
  if (own.size() != 2 * spatial) return std::nullopt;
  size_t place = 0;
  for (int64_t k = 0; k < rank; ++k) {
    const int64_t begin = pads.begin[static_cast<size_t>(k)];
    const int64_t end = pads.end[static_cast<size_t>(k)];
    if (k == 0 || k == *channel) {
      if (begin != 0 || end != 0) return std::nullopt;
      continue;
    }
    own[place] += begin;
    own[spatial + place] += end;
    ++place;
  }
  return own;
}

Attrs Padded(const Attrs& attrs, std::vector<int64_t> pads) {
  Attrs out = attrs;
  out.Set("pads", std::move(pads));
  out.Erase("auto_pad");
  return out;
}

// Zeros that a convolution multiplies are zeros that it leaves out. With a zero point they are other numbers.
Result<bool> PadIntoConv(RewriteCtx& ctx) {
  const Node* pad = ctx.Def(ctx.In(0), ops::kPad);
  if (pad == nullptr || ctx.Has(3)) return false;
  const auto pads = PadsOf(ctx, *pad);
  if (!pads || ValueOf(ctx, *pad) != 0.0) return false;
  auto both = WithPads(ctx, *pads);
  if (!both) return false;
  std::vector<ValueId> in = ctx.node().in;
  in[0] = pad->in[0];
  return ctx.Rebuild(ops::kConv, std::move(in), Padded(ctx.attrs(), *std::move(both)));
}

// Runtimes ask that a pool's pads be smaller than its kernel.
bool WithinKernel(const Attrs& attrs, const std::vector<int64_t>& pads) {
  const std::vector<int64_t>& kernel = attrs.Ints("kernel");
  for (size_t i = 0; i < pads.size(); ++i) {
    if (pads[i] >= kernel[i % kernel.size()]) return false;
  }
  return true;
}

Result<bool> PadIntoAvgPool(RewriteCtx& ctx) {
  const Node* pad = ctx.Def(ctx.In(0), ops::kPad);
  if (pad == nullptr || ctx.attrs().Flag("ceil_mode") || ctx.attrs().Ints("kernel").empty()) return false;
  const std::vector<int64_t>& own = ctx.attrs().Ints("pads");
  const bool unpadded = std::all_of(own.begin(), own.end(), [](int64_t v) { return v == 0; });
  if (!unpadded && !ctx.attrs().Flag("count_pads")) return false;
  const auto pads = PadsOf(ctx, *pad);
  if (!pads || ValueOf(ctx, *pad) != 0.0) return false;
  auto both = WithPads(ctx, *pads);
  if (!both || !WithinKernel(ctx.attrs(), *both)) return false;
  Attrs attrs = Padded(ctx.attrs(), *std::move(both));
  attrs.Set("count_pads", int64_t{1});
  return ctx.Rebuild(ops::kAvgPool, {pad->in[0]}, std::move(attrs));
}

// What is never larger than an element changes no maximum.
Result<bool> PadIntoMaxPool(RewriteCtx& ctx) {
  const Node* pad = ctx.Def(ctx.In(0), ops::kPad);
  if (pad == nullptr || ctx.attrs().Flag("ceil_mode") || ctx.attrs().Ints("kernel").empty()) return false;
  if (ctx.node().out.size() != 1) return false;
  const auto value = ValueOf(ctx, *pad);
  const Node* relu = ctx.Def(pad->in[0], ops::kRelu);
  const bool least = value && (*value == -std::numeric_limits<double>::infinity() || (relu != nullptr && *value == 0));
  const auto pads = PadsOf(ctx, *pad);
  if (!pads || !least || !IsFloat(ctx.DtypeOf(pad->in[0]))) return false;
  auto both = WithPads(ctx, *pads);
  if (!both || !WithinKernel(ctx.attrs(), *both)) return false;
  return ctx.Rebuild(ops::kMaxPool, {pad->in[0]}, Padded(ctx.attrs(), *std::move(both)));
}

const OpDef* const kPads[] = {&ops::kPad};
const OpDef* const kConvs[] = {&ops::kConv};
const OpDef* const kAvgPools[] = {&ops::kAvgPool};
const OpDef* const kMaxPools[] = {&ops::kMaxPool};

const Rule kRules[] = {
    {"drop-pad", "A pad of nothing is its operand.", Numerics::kExact, kPads, DropPad},
    {"merge-pads", "Pads with one value that follow one another are one.", Numerics::kExact, kPads, MergePads},
    {"pad-into-conv", "Zeros in front of a convolution become its own pads.", Numerics::kReassociating, kConvs,
     PadIntoConv},
    {"pad-into-avg-pool", "Zeros in front of an average pool become its own, counted pads.", Numerics::kReassociating,
     kAvgPools, PadIntoAvgPool},
    {"pad-into-max-pool", "What is never the maximum in front of a maximum pool becomes its own pads.",
     Numerics::kReassociating, kMaxPools, PadIntoMaxPool},
};

}  // namespace

RuleTable PadRules() { return kRules; }

}  // namespace godwit
