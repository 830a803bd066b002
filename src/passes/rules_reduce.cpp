// Reductions: those that follow one another, those over axes of extent 1, and dims of 1 that are put back or taken away
// behind them.
#include <algorithm>

#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

// Non-negative and sorted; all axes where none are named and that means all.
std::optional<std::vector<int64_t>> ReducedAxes(RewriteCtx& ctx, const Node& node) {
  if (!ctx.Ranked(node.in[0])) return std::nullopt;
  const int rank = ctx.Rank(node.in[0]);
  std::vector<int64_t> axes;
  if (node.in.size() > 1 && node.in[1]) {
    auto named = AxesOf(ctx, node.in[1], rank);
    if (!named) return std::nullopt;
    axes = *std::move(named);
  }
  if (axes.empty() && !node.attrs.Flag("empty_axes_is_none")) {
    for (int64_t k = 0; k < rank; ++k) axes.push_back(k);
  }
  return axes;
}

Attrs KeepDims(const Attrs& attrs, bool keep) {
  Attrs out = attrs;
  out.Set("keep_dims", int64_t{keep ? 1 : 0});
  return out;
}

// Whether the node takes away (or puts back) the very axes, which dims of one extent under two names do not tell.
bool MovesAxes(RewriteCtx& ctx, const std::vector<int64_t>& axes, bool away) {
  if (ctx.node().op != (away ? &ops::kSqueeze : &ops::kUnsqueeze) || !ctx.Has(1) || !ctx.Ranked(ctx.In(0)))
    return false;
  return AxesOf(ctx, ctx.In(1), ctx.Rank(away ? ctx.In(0) : ctx.Out())) == std::optional(axes);
}

// A view behind a reduction that only takes away, or puts back, its dims of 1.
Result<bool> AbsorbView(RewriteCtx& ctx) {
  const Node* reduce = ctx.Def(ctx.In(0), ops::kReduce);
  if (reduce == nullptr || !ctx.SingleUse(ctx.In(0)) || !ctx.Ranked(ctx.Out())) return false;
  const auto axes = ReducedAxes(ctx, *reduce);
  if (!axes) return false;
  const bool keep = reduce->attrs.Flag("keep_dims", true);
  Shape other;
  const Shape& from = ctx.ShapeOf(reduce->in[0]);
  for (size_t k = 0; k < from.size(); ++k) {
    const bool gone = std::binary_search(axes->begin(), axes->end(), static_cast<int64_t>(k));
    if (!gone) other.push_back(from[k]);
    if (gone && !keep) other.emplace_back(1);
  }
  if (other != ctx.ShapeOf(ctx.Out()) && !MovesAxes(ctx, *axes, keep)) return false;
  return ctx.Rebuild(ops::kReduce, reduce->in, KeepDims(reduce->attrs, !keep));
}

// An element alone is its own maximum, minimum and product; its own sum and mean but for the sign of a zero.
Result<bool> OverOne(RewriteCtx& ctx, std::initializer_list<std::string_view> modes) {
  const std::string_view mode = ctx.attrs().Str("mode");
  if (std::find(modes.begin(), modes.end(), mode) == modes.end()) return false;
  const auto axes = ReducedAxes(ctx, ctx.node());
  if (!axes) return false;
  for (int64_t k : *axes) {
    if (!(ctx.ShapeOf(ctx.In(0))[static_cast<size_t>(k)] == Dim(1))) return false;
  }
  if (axes->empty() || ctx.attrs().Flag("keep_dims", true)) return ctx.Replace(ctx.In(0));
  return ctx.Rebuild(ops::kSqueeze, {ctx.In(0), ctx.I64s(*axes)});
}
Result<bool> OverOneExact(RewriteCtx& ctx) { return OverOne(ctx, {"max", "min", "prod"}); }
Result<bool> OverOneSum(RewriteCtx& ctx) { return OverOne(ctx, {"sum", "mean"}); }

// A reduction of a reduction by the same mode, over the axes of both.
Result<bool> Merge(RewriteCtx& ctx, std::initializer_list<std::string_view> modes) {
  const std::string_view mode = ctx.attrs().Str("mode");
  if (std::find(modes.begin(), modes.end(), mode) == modes.end()) return false;
  const Node* inner = ctx.Def(ctx.In(0), ops::kReduce);
  if (inner == nullptr || inner->attrs.Str("mode") != mode || !ctx.SingleUse(ctx.In(0))) return false;
  const bool keep = ctx.attrs().Flag("keep_dims", true);
  if (inner->attrs.Flag("keep_dims", true) != keep) return false;
  const auto first = ReducedAxes(ctx, *inner);
  const auto second = ReducedAxes(ctx, ctx.node());
  if (!first || !second || first->empty() || second->empty()) return false;
  std::vector<int64_t> axes = *first;
  if (keep) {
    axes.insert(axes.end(), second->begin(), second->end());
  } else {
    int64_t place = 0;
    for (int64_t k = 0; k < ctx.Rank(inner->in[0]); ++k) {
      if (std::binary_search(first->begin(), first->end(), k)) continue;
      if (std::binary_search(second->begin(), second->end(), place++)) axes.push_back(k);
    }
  }
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  return ctx.Rebuild(ops::kReduce, {inner->in[0], ctx.I64s(axes)}, ctx.attrs());
}
Result<bool> MergeExtremes(RewriteCtx& ctx) { return Merge(ctx, {"max", "min"}); }
Result<bool> MergeSums(RewriteCtx& ctx) { return Merge(ctx, {"sum", "mean", "prod"}); }

const OpDef* const kViews[] = {&ops::kReshape, &ops::kSqueeze, &ops::kUnsqueeze, &ops::kFlatten};
const OpDef* const kReduces[] = {&ops::kReduce};

const Rule kRules[] = {
    {"reduce-view", "Dims of 1 that are taken away or put back behind a reduction are its own choice.",
     Numerics::kExact, kViews, AbsorbView},
    {"reduce-of-one", "The maximum, minimum or product of one element is that element.", Numerics::kExact, kReduces,
     OverOneExact},
    {"sum-of-one", "The sum or mean of one element is that element.", Numerics::kReassociating, kReduces, OverOneSum},
    {"merge-extremes", "A maximum of maxima, or a minimum of minima, is one.", Numerics::kExact, kReduces,
     MergeExtremes},
    {"merge-sums", "A sum of sums, a mean of means or a product of products is one.", Numerics::kReassociating,
     kReduces, MergeSums},
};

}  // namespace

RuleTable ReduceRules() { return kRules; }

}  // namespace godwit
