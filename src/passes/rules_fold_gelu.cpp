// GELU where no operator says it: c x (1 + erf(k x)). With x scaled by k in the weights before it, and the result by
// c / k in the weights behind it, three nodes are left of five.
#include <cmath>

#include "ops/ops.h"
#include "passes/move_scale.h"
#include "passes/rule_tables.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

// A number that the value is another one times; the value itself times one where it is not.
struct Multiple {
  ValueId x;
  double factor = 1;
};
Multiple AsMultiple(RewriteCtx& ctx, ValueId v) {
  const Node* def = ctx.Def(v);
  if (def == nullptr || (def->op != &ops::kMul && def->op != &ops::kDiv)) return {v, 1.0};
  const auto map = AsChannelMap(ctx, *def);
  if (!map || !map->channels.uniform() || map->channels.Shifts()) return {v, 1.0};
  return {map->x, map->channels.Scale(0)};
}

struct GeluForm {
  ValueId x, y;
  double inner = 1, outer = 1;  ///< y = outer x (1 + erf(inner x))
  size_t x_uses = 0;
};

// Follows the only user while it multiplies by a number.
ValueId TakeFactors(RewriteCtx& ctx, ValueId v, double* factor) {
  while (const Node* user = ctx.OnlyUser(v)) {
    if (user->op != &ops::kMul && user->op != &ops::kDiv) break;
    const auto map = AsChannelMap(ctx, *user);
    if (!map || map->x != v || !map->channels.uniform() || map->channels.Shifts()) break;
    *factor *= map->channels.Scale(0);
    v = user->out[0];
  }
  return v;
}

std::optional<GeluForm> ReadForm(RewriteCtx& ctx) {
  GeluForm form;
  const Multiple argument = AsMultiple(ctx, ctx.In(0));
  form.x = argument.x;
  form.inner = argument.factor;
  if (argument.factor != 1.0 && !ctx.SingleUse(ctx.In(0))) return std::nullopt;
  const Node* add = ctx.OnlyUser(ctx.Out());
  if (add == nullptr || add->op != &ops::kAdd) return std::nullopt;
  const auto split = SplitConstant(ctx, *add);
  if (!split || !ctx.IsSplat(split->constant, 1.0) || !SameShape(ctx.TypeOf(add->out[0]), ctx.TypeOf(form.x))) {
    return std::nullopt;
  }
  const ValueId half = TakeFactors(ctx, add->out[0], &form.outer);
  const Node* product = ctx.OnlyUser(half);
  if (product == nullptr || product->op != &ops::kMul) return std::nullopt;
  const ValueId other = product->in[product->in[0] == half ? 1 : 0];
  if (other != form.x) {
    const Multiple scaled = AsMultiple(ctx, other);
    if (scaled.x != form.x || !ctx.SingleUse(other)) return std::nullopt;
    form.outer *= scaled.factor;
  }
  form.y = TakeFactors(ctx, product->out[0], &form.outer);
  form.x_uses = ctx.UseCount(form.x);
  if (form.x_uses != 2 || form.inner == 0 || !std::isfinite(form.outer / form.inner)) return std::nullopt;
  return form;
}

// The nodes anew, over the scaled operand (which takes x's place when the mover is done) or over x itself.
Result<ValueId> EmitForm(RewriteCtx& ctx, ValueId x, ValueId argument) {
  TRY(const ValueId erf, ctx.Emit(ops::kErf, {argument}));
  TRY(const ValueId sum, ctx.Emit(ops::kAdd, {erf, ctx.Scalar(ctx.DtypeOf(x), 1.0)}));
  return ctx.Emit(ops::kMul, {x, sum});
}

/// Elements up to which a pass over a tensor costs next to nothing: it stays in a core's cache.
constexpr int64_t kSmall = int64_t{1} << 17;

bool IsSmall(const RewriteCtx& ctx, ValueId v) {
  if (!ctx.Ranked(v) || !IsStatic(ctx.ShapeOf(v))) return false;
  const auto elements = ElementCount(ctx.ShapeOf(v)).known();
  return elements && *elements <= kSmall;
}

Result<bool> Scale(RewriteCtx& ctx, bool small_only) {
  const auto form = ReadForm(ctx);
  if (!form || (small_only && !IsSmall(ctx, form->x))) return false;
  ScaleMover mover(ctx);
  const bool up = form->inner != 1.0 && mover.Up(form->x, {0, {form->inner}, {0.0}}, form->x_uses);
  if (!up) mover.Back(0);
  const double outer = up ? form->outer / form->inner : form->outer;
  const size_t mark = mover.Mark();
  TRY(ValueId now, EmitForm(ctx, form->x, up ? form->x : ctx.In(0)));
  const bool down = outer != 1.0 && mover.Down(form->y, {0, {outer}, {0.0}}, now);
  if (!up && !down) return false;
  if (up && !down) {
    mover.Back(mark);
    TRY(now, ctx.Emit(ops::kMul, {now, ctx.Scalar(ctx.DtypeOf(form->x), outer)}));
  }
  RETURN_IF_ERROR(mover.Apply(form->x));
  if (ctx.editor().Used(form->y)) RETURN_IF_ERROR(ctx.editor().ReplaceValue(form->y, now));
  return true;
}

Result<bool> ScaleGelu(RewriteCtx& ctx) { return Scale(ctx, false); }
Result<bool> ScaleSmallGelu(RewriteCtx& ctx) { return Scale(ctx, true); }

const OpDef* const kErfs[] = {&ops::kErf};

const Rule kRules[] = {
    {"scale-gelu", "The factors of a GELU that is written out go into the weights before and behind it.",
     Numerics::kReassociating, kErfs, ScaleGelu},
    // Runtimes put a GELU that is written out whole together themselves, and save passes over the tensor.
    {"scale-small-gelu", "The same where the tensor is so small that a fused operator would save nothing.",
     Numerics::kReassociating, kErfs, ScaleSmallGelu},
};

}  // namespace

RuleTable FoldGeluRules() { return kRules; }

}  // namespace godwit
