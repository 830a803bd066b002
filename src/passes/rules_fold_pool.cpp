// Poolings and reductions over what they could do themselves: paddings before them, dropped axes behind them.
#include <algorithm>
#include <cmath>

#include "ops/ops.h"
#include "passes/channel_map.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

// mean(x, keep) -> flatten, squeeze or reshape that takes the kept axes away.
Result<bool> DropKeptAxes(RewriteCtx& ctx) {
  const ValueId reduced = ctx.In(0);
  const Node* node = ctx.Def(reduced, ops::kReduce);
  if (node == nullptr || !ctx.SingleUse(reduced) || !node->attrs.Flag("keep_dims", true)) return false;
  if (!ctx.Ranked(node->in[0]) || !ctx.Ranked(ctx.Out()) || node->in.size() < 2 || !node->in[1]) return false;
  const auto axes = AxesOf(ctx, node->in[1], ctx.Rank(node->in[0]));
  if (!axes || axes->empty()) return false;
  Shape left;
  const Shape& kept = ctx.ShapeOf(reduced);
  for (size_t k = 0; k < kept.size(); ++k) {
    if (!std::binary_search(axes->begin(), axes->end(), static_cast<int64_t>(k))) left.push_back(kept[k]);
  }
  if (left != ctx.ShapeOf(ctx.Out())) return false;
  Attrs attrs = node->attrs;
  attrs.Set("keep_dims", int64_t{0});
  return ctx.Rebuild(ops::kReduce, node->in, std::move(attrs));
}

// A reduction that leaves the other axes in order needs no transpose before it.
Result<bool> ReduceTransposed(RewriteCtx& ctx) {
  const Node* turn = ctx.Def(ctx.In(0), ops::kTranspose);
  if (turn == nullptr || ctx.attrs().Flag("keep_dims", true) || !ctx.Ranked(ctx.In(0)) || !ctx.Has(1)) return false;
  const int rank = ctx.Rank(ctx.In(0));
  const auto perm = PermOf(*turn, rank);
  const auto axes = AxesOf(ctx, ctx.In(1), rank);
  if (!perm || !axes || axes->empty()) return false;
  std::vector<int64_t> mapped;
  int64_t last = -1;
  for (int64_t k = 0; k < rank; ++k) {
    const int64_t from = (*perm)[static_cast<size_t>(k)];
    if (std::binary_search(axes->begin(), axes->end(), k)) {
      mapped.push_back(from);
    } else if (from < last) {
      return false;
    } else {
      last = from;
    }
  }
  std::sort(mapped.begin(), mapped.end());
  return ctx.Rebuild(ops::kReduce, {turn->in[0], ctx.I64s(mapped)}, ctx.attrs());
}

struct Padding {
  ValueId x;
  std::vector<int64_t> begin, end;  ///< for each axis
  double value = 0;
};
// A constant padding, of known and not negative sizes, that one node reads.
std::optional<Padding> ReadPadding(RewriteCtx& ctx, ValueId v) {
  const Node* node = ctx.Def(v, ops::kPad);
  if (node == nullptr || !ctx.SingleUse(v) || !ctx.Ranked(node->in[0])) return std::nullopt;
  if (node->attrs.Str("mode", "constant") != "constant") return std::nullopt;
  const auto rank = static_cast<size_t>(ctx.Rank(node->in[0]));
  const auto sizes = ctx.Ints(node->in[1]);
  if (!sizes || !IsFloat(ctx.DtypeOf(v))) return std::nullopt;
  Padding out{node->in[0], std::vector<int64_t>(rank), std::vector<int64_t>(rank), 0.0};
  if (node->in.size() > 2 && node->in[2]) {
    const auto value = ctx.Splat(node->in[2]);
    if (!value) return std::nullopt;
    out.value = *value;
  }
  std::vector<int64_t> axes;
  if (node->in.size() > 3 && node->in[3]) {
    const auto given = ctx.Ints(node->in[3]);
    if (!given) return std::nullopt;
    axes = *given;
  } else {
    for (size_t k = 0; k < rank; ++k) axes.push_back(static_cast<int64_t>(k));
  }
  if (sizes->size() != 2 * axes.size()) return std::nullopt;
  for (size_t k = 0; k < axes.size(); ++k) {
    const auto axis = AxisOf(axes[k], static_cast<int>(rank));
    if (!axis || (*sizes)[k] < 0 || (*sizes)[axes.size() + k] < 0) return std::nullopt;
    out.begin[static_cast<size_t>(*axis)] = (*sizes)[k];
    out.end[static_cast<size_t>(*axis)] = (*sizes)[axes.size() + k];
  }
  return out;
}

// The pads attribute of a window node with the padding added; nullopt where that reaches beyond the spatial axes.
std::optional<std::vector<int64_t>> JoinedPads(const Node& node, const Padding& padding) {
  const auto rank = padding.begin.size();
  const auto channel = AxisOf(node.attrs.Int("channel_axis", 1), static_cast<int>(rank));
  const std::string_view mode = node.attrs.Str("auto_pad", "none");
  if (!channel || rank < 3 || (mode != "none" && mode != "valid" && node.attrs.Has("auto_pad"))) return std::nullopt;
  const size_t n = rank - 2;
  std::vector<int64_t> pads(2 * n);
  if (const auto& own = node.attrs.Ints("pads"); own.size() == 2 * n && mode != "valid") pads = own;
  size_t s = 0;
  for (size_t k = 0; k < rank; ++k) {
    if (k == 0 || static_cast<int64_t>(k) == *channel) {
      if (padding.begin[k] != 0 || padding.end[k] != 0) return std::nullopt;
      continue;
    }
    pads[s] += padding.begin[k];
    pads[n + s] += padding.end[k];
    ++s;
  }
  return pads;
}

bool HasPads(const Node& node) {
  const auto& pads = node.attrs.Ints("pads");
  return std::any_of(pads.begin(), pads.end(), [](int64_t p) { return p != 0; });
}

// Runtimes refuse poolings whose padding is as large as the kernel.
bool FitsKernel(const Node& node, const std::vector<int64_t>& pads) {
  const auto& kernel = node.attrs.Ints("kernel");
  for (size_t k = 0; k < pads.size(); ++k) {
    if (kernel.empty() || pads[k] >= kernel[k % kernel.size()]) return false;
  }
  return true;
}

Result<bool> PadIntoWindow(RewriteCtx& ctx) {
  const auto padding = ReadPadding(ctx, ctx.In(0));
  if (!padding) return false;
  const Node& node = ctx.node();
  auto pads = JoinedPads(node, *padding);
  if (!pads) return false;
  Attrs attrs = node.attrs;
  if (node.op == &ops::kMaxPool) {
    // Padding of a max pool loses against every element, so the padded value must too.
    if (padding->value != -INFINITY || !FitsKernel(node, *pads)) return false;
    if (node.out.size() > 1 && node.out[1]) return false;
  } else if (padding->value != 0) {
    return false;
  } else if (node.op == &ops::kAvgPool) {
    // The zeros count, so those of the node's own padding must have counted as well.
    if ((HasPads(node) && !node.attrs.Flag("count_pads")) || node.attrs.Flag("ceil_mode")) return false;
    if (!FitsKernel(node, *pads)) return false;
    attrs.Set("count_pads", int64_t{1});
  }
  if (node.op == &ops::kConv) {
    for (size_t k = 3; k < node.in.size(); ++k) {
      if (node.in[k]) return false;
    }
  }
  attrs.Erase("auto_pad");
  attrs.Set("pads", *std::move(pads));
  std::vector<ValueId> in = node.in;
  in[0] = padding->x;
  return ctx.Rebuild(*node.op, std::move(in), std::move(attrs));
}

Result<bool> PadOfPad(RewriteCtx& ctx) {
  const auto inner = ReadPadding(ctx, ctx.In(0));
  const ValueId out = ctx.Out();
  if (!inner || !ctx.Ranked(out)) return false;
  // The outer one is read through the same eyes: as if it had one user.
  const Node& node = ctx.node();
  if (node.attrs.Str("mode", "constant") != "constant") return false;
  const auto sizes = ctx.Ints(node.in[1]);
  const size_t rank = inner->begin.size();
  if (!sizes || sizes->size() != 2 * rank || (node.in.size() > 3 && node.in[3])) return false;
  double value = 0;
  if (node.in.size() > 2 && node.in[2]) {
    const auto splat = ctx.Splat(node.in[2]);
    if (!splat) return false;
    value = *splat;
  }
  if (value != inner->value) return false;
  std::vector<int64_t> both = *sizes;
  for (size_t k = 0; k < rank; ++k) {
    if (both[k] < 0 || both[rank + k] < 0) return false;
    both[k] += inner->begin[k];
    both[rank + k] += inner->end[k];
  }
  std::vector<ValueId> in = {inner->x, ctx.I64s(both)};
  if (node.in.size() > 2 && node.in[2]) in.push_back(node.in[2]);
  return ctx.Rebuild(ops::kPad, std::move(in), node.attrs);
}

const OpDef* const kViews[] = {&ops::kReshape, &ops::kFlatten, &ops::kSqueeze};
const OpDef* const kWindows[] = {&ops::kConv, &ops::kAvgPool, &ops::kMaxPool};
const OpDef* const kPads[] = {&ops::kPad};
const OpDef* const kReduces[] = {&ops::kReduce};

const Rule kRules[] = {
    {"drop-kept-axes", "A reduction does not keep axes that are taken away behind it.", Numerics::kExact, kViews,
     DropKeptAxes},
    {"reduce-transposed", "A reduction reads what was transposed for it, where the axes that stay are in order.",
     Numerics::kReassociating, kReduces, ReduceTransposed},
    {"pad-into-window", "Zeros around the operand of a convolution or mean are its own padding, as -inf is of a max.",
     Numerics::kExact, kWindows, PadIntoWindow},
    {"pad-of-pad", "Two paddings with the same number are one.", Numerics::kExact, kPads, PadOfPad},
};

}  // namespace

RuleTable FoldPoolRules() { return kRules; }

}  // namespace godwit
