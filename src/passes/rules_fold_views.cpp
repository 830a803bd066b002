// Transposes between views shed dims of extent 1, which the views then place; transposes of two operands are one of the
// result.
#include <algorithm>

#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

bool IsView(const OpDef* op) {
  return op == &ops::kReshape || op == &ops::kFlatten || op == &ops::kSqueeze || op == &ops::kUnsqueeze;
}

// The shape as a reshape states it; nullopt where more than one dim is no number, or one is zero.
std::optional<std::vector<int64_t>> Stated(const Shape& shape) {
  std::vector<int64_t> out;
  for (const Dim& d : shape) {
    if (d == Dim(0)) return std::nullopt;
    out.push_back(d.is_static() ? d.value() : -1);
  }
  if (std::count(out.begin(), out.end(), -1) > 1) return std::nullopt;
  return out;
}

Result<bool> ShedOnes(RewriteCtx& ctx) {
  if (!ctx.Ranked(ctx.In(0)) || !ctx.Ranked(ctx.Out())) return false;
  const Node* before = ctx.Def(ctx.In(0));
  if (before == nullptr || !IsView(before->op) || !ctx.SingleUse(ctx.In(0))) return false;
  const std::vector<UseSite>& uses = ctx.editor().Uses(ctx.Out());
  const bool views = std::all_of(uses.begin(), uses.end(), [&](const UseSite& use) {
    return use.node && use.index == 0 && IsView(ctx.graph().node(use.node).op);
  });
  if (!views) return false;
  const Shape& shape = ctx.ShapeOf(ctx.In(0));
  const auto perm = PermOf(ctx.node(), static_cast<int>(shape.size()));
  if (!perm) return false;
  Shape dense;
  std::vector<int64_t> place(shape.size(), -1);
  for (size_t k = 0; k < shape.size(); ++k) {
    if (shape[k] == Dim(1)) continue;
    place[k] = static_cast<int64_t>(dense.size());
    dense.push_back(shape[k]);
  }
  if (dense.size() == shape.size() || dense.empty()) return false;
  Perm rest;
  for (int64_t p : *perm) {
    if (place[static_cast<size_t>(p)] >= 0) rest.push_back(place[static_cast<size_t>(p)]);
  }
  const auto to = Stated(dense);
  const auto back = Stated(ctx.ShapeOf(ctx.Out()));
  if (!to || !back) return false;
  TRY(ValueId x, ctx.Emit(ops::kReshape, {ctx.In(0), ctx.I64s(*to)}));
  if (!IsIdentity(rest)) {
    TRY(x, ctx.Emit(ops::kTranspose, {x}, {{"perm", std::move(rest)}}));
  }
  return ctx.Rebuild(ops::kReshape, {x, ctx.I64s(*back)});
}

// Element by element over one operand.
bool IsUnary(const OpDef* op) {
  return op == &ops::kRelu || op == &ops::kSigmoid || op == &ops::kTanh || op == &ops::kSqrt || op == &ops::kExp ||
         op == &ops::kLog || op == &ops::kAbs || op == &ops::kNeg || op == &ops::kErf || op == &ops::kReciprocal ||
         op == &ops::kGelu || op == &ops::kSilu || op == &ops::kHardSwish || op == &ops::kLeakyRelu;
}

bool IsBinary(const OpDef* op) {
  return op == &ops::kAdd || op == &ops::kSub || op == &ops::kMul || op == &ops::kDiv || op == &ops::kMax ||
         op == &ops::kMin || op == &ops::kPow;
}

// The value before its dims were permuted: transposes behind elementwise nodes are looked through.
class Straightener {
 public:
  Straightener(RewriteCtx& ctx, const Perm& perm) : ctx_(ctx), perm_(perm) {}

  // nullopt where the value is not made of transposes of that kind that nothing else needs.
  std::optional<ValueId> Of(ValueId v, size_t users, int depth = 0) {
    const Node* def = ctx_.Def(v);
    if (depth > 6 || def == nullptr || ctx_.UseCount(v) != users || !ctx_.Ranked(v)) return std::nullopt;
    if (def->op == &ops::kTranspose) {
      const auto perm = PermOf(*def, ctx_.Rank(v));
      if (!perm || *perm != perm_) return std::nullopt;
      ++found;
      return def->in[0];
    }
    std::vector<ValueId> in;
    if (IsUnary(def->op)) {
      const auto x = Of(def->in[0], 1, depth + 1);
      if (!x) return std::nullopt;
      in = {*x};
    } else if (IsBinary(def->op) && def->in[0] == def->in[1]) {
      const auto x = Of(def->in[0], 2, depth + 1);
      if (!x) return std::nullopt;
      in = {*x, *x};
    } else if (IsBinary(def->op)) {
      for (ValueId side : def->in) {
        if (ctx_.IsConstant(side) && ctx_.Ranked(side) && ctx_.Rank(side) == 0) {
          in.push_back(side);
          continue;
        }
        if (!SameShape(ctx_.TypeOf(side), ctx_.TypeOf(v))) return std::nullopt;
        const auto x = Of(side, 1, depth + 1);
        if (!x) return std::nullopt;
        in.push_back(*x);
      }
    } else {
      return std::nullopt;
    }
    auto made = ctx_.Emit(*def->op, std::move(in), def->attrs);
    return made.ok() ? std::optional(*made) : std::nullopt;
  }

  int found = 0;

 private:
  RewriteCtx& ctx_;
  const Perm& perm_;
};

std::optional<Perm> FirstPerm(const RewriteCtx& ctx, ValueId v, int depth = 0) {
  const Node* def = ctx.Def(v);
  if (def == nullptr || depth > 6 || !ctx.Ranked(v)) return std::nullopt;
  if (def->op == &ops::kTranspose) return PermOf(*def, ctx.Rank(v));
  if (!IsUnary(def->op) && !IsBinary(def->op)) return std::nullopt;
  return FirstPerm(ctx, def->in[ctx.IsConstant(def->in[0]) && def->in.size() > 1 ? 1 : 0], depth + 1);
}

// Operands that were transposed alike are put together before, and the result is transposed once.
Result<bool> TransposeOnce(RewriteCtx& ctx) {
  const ValueId a = ctx.In(0);
  const ValueId b = ctx.In(1);
  if (a == b || !SameShape(ctx.TypeOf(a), ctx.TypeOf(b))) return false;
  const auto perm = FirstPerm(ctx, a);
  if (!perm) return false;
  Straightener straight(ctx, *perm);
  const auto left = straight.Of(a, 1);
  const auto right = left ? straight.Of(b, 1) : std::nullopt;
  if (!right || straight.found < 2) return false;
  TRY(ValueId both, ctx.Emit(*ctx.node().op, {*left, *right}, ctx.attrs()));
  return ctx.Rebuild(ops::kTranspose, {both}, {{"perm", *perm}});
}

const OpDef* const kTransposes[] = {&ops::kTranspose};
const OpDef* const kSums[] = {&ops::kAdd, &ops::kSub, &ops::kMul, &ops::kDiv, &ops::kMax, &ops::kMin};

const Rule kRules[] = {
    {"shed-ones", "A transpose between views moves no dims of extent 1.", Numerics::kExact, kTransposes, ShedOnes},
    {"transpose-once", "Operands that are transposed alike are put together before that.", Numerics::kExact, kSums,
     TransposeOnce},
};

}  // namespace

RuleTable FoldViewsRules() { return kRules; }

}  // namespace godwit
