#include "backends/tflite/tidy.h"

#include <numeric>
#include <utility>

#include "ops/ops.h"
#include "passes/layout/compose_moves.h"
#include "passes/lazy_weight.h"
#include "passes/regroup_vectors.h"
#include "passes/rule_tables.h"
#include "passes/vector_nodes.h"
#include "rewrite/driver.h"
#include "rewrite/editor.h"
#include "rewrite/match.h"

namespace godwit::to_tflite {

namespace {

constexpr int kMaxRounds = 4;

// One index of an axis is written as a slice without the axis: as those, it goes together with what is around it.
Result<bool> PartOfGather(RewriteCtx& ctx) {
  if (!ctx.Ranked(ctx.In(0)) || !ctx.Ranked(ctx.In(1)) || ctx.Rank(ctx.In(1)) != 0) return false;
  const auto index = ctx.Ints(ctx.In(1));
  const auto axis = AxisOf(ctx.attrs().Int("axis"), ctx.Rank(ctx.In(0)));
  if (!index || index->size() != 1 || !axis) return false;
  const auto extent = ctx.ShapeOf(ctx.In(0))[static_cast<size_t>(*axis)].known();
  const int64_t at = index->front() < 0 && extent ? index->front() + *extent : index->front();
  const Shape& out = ctx.ShapeOf(ctx.Out());
  if (!extent || at < 0 || at >= *extent || !IsExpressible(out)) return false;
  TRY(const ValueId part, ctx.Emit(ops::kSlice, {ctx.In(0), ctx.I64s({at}), ctx.I64s({at + 1}), ctx.I64s({*axis})}));
  return ctx.Rebuild(ops::kReshape, {part, ctx.I64s(ReshapeNumbers(out))});
}

// A constant that broadcasts needs no dims of 1 in front.
Result<bool> ShedLeadingOnes(RewriteCtx& ctx) {
  if (ctx.n_in() != 2 || !ctx.Ranked(ctx.Out())) return false;
  for (size_t i = 0; i < 2; ++i) {
    const ValueId c = ctx.In(i), other = ctx.In(1 - i);
    if (!ctx.IsConstant(c) || !ctx.Ranked(other) || ctx.Rank(other) != ctx.Rank(ctx.Out())) continue;
    const Constant& constant = ctx.graph().constant(ctx.graph().value(c).constant);
    if (constant.type.quant != nullptr || constant.type.shape.size() < 2 || constant.type.shape[0] != Dim(1)) continue;
    Dims dims;
    for (const Dim& d : constant.type.shape) {
      if (!dims.empty() || d != Dim(1)) dims.push_back(d.value());
    }
    if (dims.empty()) dims = {1};
    std::vector<ValueId> in = ctx.node().in;
    TRY(in[i], ReshapedConstant(ctx.editor(), c, std::move(dims)));
    return ctx.Rebuild(*ctx.node().op, std::move(in), ctx.attrs());
  }
  return false;
}

// A product takes its right side either way round, so a transpose before it leaves the innermost axis where it is: rows
// are copied whole.
Result<bool> KeepInnerAxis(RewriteCtx& ctx) {
  const ValueId turned = ctx.In(1);
  const Node* transpose = ctx.SingleUse(turned) ? ctx.Def(turned, ops::kTranspose) : nullptr;
  if (transpose == nullptr || !ctx.Ranked(turned) || ctx.Rank(turned) < 2) return false;
  auto perm = PermOf(*transpose, ctx.Rank(turned));
  if (!perm || perm->back() == ctx.Rank(turned) - 1) return false;
  std::swap(perm->back(), (*perm)[perm->size() - 2]);
  if (perm->back() != ctx.Rank(turned) - 1) return false;
  std::vector<ValueId> in = ctx.node().in;
  if (IsIdentity(*perm)) {
    in[1] = transpose->in[0];
  } else {
    TRY(in[1], ctx.Emit(ops::kTranspose, {transpose->in[0]}, {{"perm", *perm}}));
  }
  Attrs attrs = ctx.attrs();
  attrs.Set("transpose_b", int64_t{attrs.Flag("transpose_b") ? 0 : 1});
  return ctx.Rebuild(*ctx.node().op, std::move(in), std::move(attrs));
}

// Rows of the left side that lie across are turned before the product: as a node, the transpose meets the moves before
// it.
Result<bool> TurnedRows(RewriteCtx& ctx) {
  if (!ctx.attrs().Flag("transpose_a") || !ctx.IsConstant(ctx.In(1)) || !ctx.Ranked(ctx.In(0))) return false;
  const int rank = ctx.Rank(ctx.In(0));
  if (rank < 2 || !ctx.Ranked(ctx.In(1)) || ctx.Rank(ctx.In(1)) != 2) return false;
  Perm perm(static_cast<size_t>(rank));
  std::iota(perm.begin(), perm.end(), int64_t{0});
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  std::vector<ValueId> in = ctx.node().in;
  TRY(in[0], ctx.Emit(ops::kTranspose, {in[0]}, {{"perm", perm}}));
  Attrs attrs = ctx.attrs();
  attrs.Erase("transpose_a");
  return ctx.Rebuild(*ctx.node().op, std::move(in), std::move(attrs));
}

// A matrix of one row or column lies as it does turned, which the product is told.
Result<bool> TurnedVector(RewriteCtx& ctx) {
  for (size_t i = 0; i < 2 && ctx.n_in() == 2; ++i) {
    const Node* view = ctx.Def(ctx.In(i));
    if (i == 0 && ctx.IsConstant(ctx.In(1))) continue;  // rows of a layer
    if (view == nullptr || !IsViewNode(ctx.graph(), *view) || !ctx.Ranked(ctx.In(i)) || !ctx.Ranked(view->in[0])) {
      continue;
    }
    const Shape& y = ctx.ShapeOf(ctx.In(i));
    Shape x = ctx.ShapeOf(view->in[0]);
    const size_t n = x.size();
    if (n < 2 || (x[n - 1] != Dim(1)) == (x[n - 2] != Dim(1))) continue;
    std::swap(x[n - 1], x[n - 2]);
    if (x != y) continue;
    const char* flag = i == 0 ? "transpose_a" : "transpose_b";
    std::vector<ValueId> in = ctx.node().in;
    in[i] = view->in[0];
    Attrs attrs = ctx.attrs();
    if (!attrs.Flag(flag)) {
      attrs.Set(flag, int64_t{1});
    } else {
      attrs.Erase(flag);
    }
    return ctx.Rebuild(ops::kMatMul, std::move(in), std::move(attrs));
  }
  return false;
}

// Dims of 1 are placed and taken away without knowing the others, of which a reshape leaves one open at most.
Result<bool> PlacesOnes(RewriteCtx& ctx) {
  if (!ctx.Ranked(ctx.In(0)) || !ctx.Ranked(ctx.Out()) || IsExpressible(ctx.ShapeOf(ctx.Out()))) return false;
  const Shape &x = ctx.ShapeOf(ctx.In(0)), &y = ctx.ShapeOf(ctx.Out());
  const bool more = y.size() > x.size();
  const Shape &large = more ? y : x, &small = more ? x : y;
  std::vector<int64_t> axes;
  size_t met = 0;
  for (size_t k = 0; k < large.size(); ++k) {
    if (met < small.size() && large[k] == small[met]) {
      ++met;
    } else if (large[k] == Dim(1)) {
      axes.push_back(static_cast<int64_t>(k));
    } else {
      return false;
    }
  }
  if (met != small.size() || axes.empty()) return false;
  return ctx.Rebuild(more ? ops::kUnsqueeze : ops::kSqueeze, {ctx.In(0), ctx.I64s(axes)});
}

// A bias of zeros is none.
Result<bool> NoBias(RewriteCtx& ctx) {
  if (ctx.n_in() < 3 || !ctx.In(2) || ctx.Splat(ctx.In(2)) != 0.0) return false;
  return ctx.Rebuild(ops::kGemm, {ctx.In(0), ctx.In(1)}, ctx.attrs());
}

const OpDef* const kBroadcasts[] = {&ops::kAdd, &ops::kSub, &ops::kMul, &ops::kDiv, &ops::kMax, &ops::kMin};
const OpDef* const kGemms[] = {&ops::kGemm};
const OpDef* const kReshapes[] = {&ops::kReshape};
const OpDef* const kMatMuls[] = {&ops::kMatMul};
const OpDef* const kProducts[] = {&ops::kMatMul, &ops::kGemm};
const OpDef* const kGathers[] = {&ops::kGather};
const Rule kFormRules[] = {
    {"gather-part", "A gather by one number is a slice.", Numerics::kExact, kGathers, PartOfGather},
    {"shed-leading-ones", "A constant that broadcasts has no dims of 1 in front.", Numerics::kExact, kBroadcasts,
     ShedLeadingOnes},
    {"keep-inner-axis", "What goes into a product is transposed so that rows stay whole.", Numerics::kExact, kProducts,
     KeepInnerAxis},
    {"turned-vector", "A matrix of one row or column is taken as it lies.", Numerics::kExact, kMatMuls, TurnedVector},
    {"places-ones", "A reshape that only places or takes away dims of 1 says no sizes.", Numerics::kExact, kReshapes,
     PlacesOnes},
    {"no-bias", "A bias of zeros is none.", Numerics::kReassociating, kGemms, NoBias},
};
const Rule kTurnRules[] = {
    {"turned-rows", "The left side of a product with weights is turned before it.", Numerics::kExact, kProducts,
     TurnedRows},
};

}  // namespace

Status Tidy(Graph* graph, const RewriteOptions& rewriting) {
  Editor editor(*graph);
  Ledger ledger(rewriting);
  const std::vector<RuleTable> turns = {kTurnRules};
  const std::vector<RuleTable> tables = {kFormRules, ShapeRules(), SliceRules(), FoldGemmRules()};
  TRY(DriverResult done, RunRules(editor, turns, ledger));
  // What rules take away lets others group in another way.
  for (int round = 0; round < kMaxRounds; ++round) {
    RETURN_IF_ERROR(RegroupVectors(editor));
    RETURN_IF_ERROR(layout::ComposeMoves(editor, true));
    TRY(done, RunRules(editor, tables, ledger));
    if (done.rewrites == 0) break;
  }
  editor.RemoveDead();
  return editor.Commit();
}

}  // namespace godwit::to_tflite
