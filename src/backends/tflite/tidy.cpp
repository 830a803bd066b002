#include "backends/tflite/tidy.h"

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

const OpDef* const kBroadcasts[] = {&ops::kAdd, &ops::kSub, &ops::kMul, &ops::kDiv, &ops::kMax, &ops::kMin};
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

const OpDef* const kProducts[] = {&ops::kMatMul, &ops::kGemm};
const OpDef* const kGathers[] = {&ops::kGather};
const Rule kFormRules[] = {
    {"gather-part", "A gather by one number is a slice.", Numerics::kExact, kGathers, PartOfGather},
    {"shed-leading-ones", "A constant that broadcasts has no dims of 1 in front.", Numerics::kExact, kBroadcasts,
     ShedLeadingOnes},
    {"keep-inner-axis", "What goes into a product is transposed so that rows stay whole.", Numerics::kExact, kProducts,
     KeepInnerAxis},
};

}  // namespace

Status Tidy(Graph* graph, const RewriteOptions& rewriting) {
  Editor editor(*graph);
  RETURN_IF_ERROR(RegroupVectors(editor));
  RETURN_IF_ERROR(layout::ComposeMoves(editor, true));
  Ledger ledger(rewriting);
  const std::vector<RuleTable> tables = {kFormRules, ShapeRules(), SliceRules(), FoldGemmRules()};
  TRY(const DriverResult done, RunRules(editor, tables, ledger));
  static_cast<void>(done);
  editor.RemoveDead();
  return editor.Commit();
}

}  // namespace godwit::to_tflite
