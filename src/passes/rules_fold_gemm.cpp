// Matrix products with their bias and their transposes in one node.
#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

bool PlainProduct(const RewriteCtx& ctx, const Node& node) {
  return node.op == &ops::kMatMul && node.in.size() == 2 && IsFloat(ctx.DtypeOf(node.in[0])) &&
         ctx.Rank(node.in[0]) == 2 && ctx.Rank(node.in[1]) == 2 && ctx.Ranked(node.in[0]) && ctx.Ranked(node.in[1]);
}

// Whether `c` broadcasts into a matrix of this shape, whatever the symbols stand for.
bool BroadcastsInto(const RewriteCtx& ctx, ValueId c, const Shape& y) {
  if (!ctx.Ranked(c) || ctx.ShapeOf(c).size() > y.size()) return false;
  const Shape& shape = ctx.ShapeOf(c);
  for (size_t k = 0; k < shape.size(); ++k) {
    if (shape[k] != Dim(1) && shape[k] != y[y.size() - shape.size() + k]) return false;
  }
  return true;
}

Result<bool> AddIntoGemm(RewriteCtx& ctx) {
  for (size_t side = 0; side < 2; ++side) {
    const ValueId product = ctx.In(side);
    const ValueId bias = ctx.In(1 - side);
    const Node* node = ctx.Def(product);
    if (node == nullptr || !ctx.SingleUse(product) || !ctx.Ranked(product)) continue;
    if (!BroadcastsInto(ctx, bias, ctx.ShapeOf(product)) || !ctx.IsConstant(bias)) continue;
    const bool gemm = node->op == &ops::kGemm && (node->in.size() < 3 || !node->in[2]);
    if (!gemm && !PlainProduct(ctx, *node)) continue;
    if (!IsFloat(ctx.DtypeOf(product))) continue;
    Attrs attrs = node->attrs;
    attrs.Erase("beta");
    return ctx.Rebuild(ops::kGemm, {node->in[0], node->in[1], bias}, std::move(attrs));
  }
  return false;
}

// A transposed operand costs nothing in gemm.
Result<bool> TransposeIntoGemm(RewriteCtx& ctx) {
  const bool gemm = ctx.node().op == &ops::kGemm;
  if (!gemm && !PlainProduct(ctx, ctx.node())) return false;
  Attrs attrs = ctx.attrs();
  std::vector<ValueId> in = ctx.node().in;
  bool changed = false;
  for (size_t side = 0; side < 2; ++side) {
    const Node* turn = ctx.Def(in[side], ops::kTranspose);
    if (turn == nullptr || !ctx.Ranked(in[side]) || ctx.Rank(in[side]) != 2) continue;
    const auto perm = PermOf(*turn, 2);
    if (!perm || IsIdentity(*perm)) continue;
    const char* name = side == 0 ? "transpose_a" : "transpose_b";
    attrs.Set(name, int64_t{attrs.Flag(name) ? 0 : 1});
    in[side] = turn->in[0];
    changed = true;
  }
  if (!changed) return false;
  return ctx.Rebuild(ops::kGemm, std::move(in), std::move(attrs));
}

const OpDef* const kAdds[] = {&ops::kAdd};
const OpDef* const kProducts[] = {&ops::kGemm, &ops::kMatMul};

const Rule kRules[] = {
    {"add-into-gemm", "A product of two matrices and a constant added to it are one gemm.", Numerics::kReassociating,
     kAdds, AddIntoGemm},
    {"transpose-into-gemm", "A transposed matrix is an operand of gemm as it is.", Numerics::kReassociating, kProducts,
     TransposeIntoGemm},
};

}  // namespace

RuleTable FoldGemmRules() { return kRules; }

}  // namespace godwit
