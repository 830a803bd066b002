// Reductions and softmax written out: norms, sums of squares, log-sum-exp, softmax and its logarithm.
#include <limits>
#include <string>

#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "passes/rules_fuse_cone.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

using fuse::Cone;

std::string_view ModeOf(const Node& reduce) { return reduce.attrs.Str("mode"); }
bool Keeps(const Node& reduce) { return reduce.attrs.Flag("keep_dims", true); }

/// The same reduction in another mode, over another operand.
Result<bool> PutReduce(const Cone& cone, const Node& reduce, ValueId x, std::string_view mode) {
  RewriteCtx& ctx = cone.ctx();
  if (!cone.Closed() || !IsFloat(ctx.DtypeOf(x))) return false;
  std::vector<ValueId> in = reduce.in;
  in[0] = x;
  Attrs attrs = reduce.attrs;
  attrs.Set("mode", std::string(mode));
  return ctx.Rebuild(ops::kReduce, std::move(in), std::move(attrs));
}

/// x when v = x * x, or x to the power of 2.
ValueId TakeSquare(Cone& cone, ValueId v) {
  if (const Node* mul = cone.Take(v, ops::kMul)) return mul->in[0] == mul->in[1] ? mul->in[0] : ValueId();
  const Node* pow = cone.Take(v, ops::kPow);
  if (pow == nullptr || fuse::Number(cone.ctx(), pow->in[1], pow->in[0], v) != 2.0) return {};
  return cone.ctx().DtypeOf(pow->in[0]) == cone.ctx().DtypeOf(v) ? pow->in[0] : ValueId();
}

// sum(x * x), sum(|x|).
Result<bool> SumOf(RewriteCtx& ctx) {
  if (ModeOf(ctx.node()) != "sum") return false;
  Cone cone(ctx);
  if (const Node* abs = ctx.Def(ctx.In(0), ops::kAbs)) {
    cone.Take(ctx.In(0));
    return PutReduce(cone, ctx.node(), abs->in[0], "l1");
  }
  const ValueId x = TakeSquare(cone, ctx.In(0));
  return x ? PutReduce(cone, ctx.node(), x, "sum_square") : Result<bool>(false);
}

// sqrt(sum_square(x)); a power of one half is a root too.
Result<bool> RootOf(RewriteCtx& ctx) {
  Cone cone(ctx);
  if (ctx.node().op == &ops::kPow && fuse::Number(ctx, ctx.In(1), ctx.In(0), ctx.Out()) != 0.5) return false;
  const Node* reduce = cone.Take(ctx.In(0), ops::kReduce);
  if (reduce == nullptr || ModeOf(*reduce) != "sum_square") return false;
  return PutReduce(cone, *reduce, reduce->in[0], "l2");
}

// log(softmax(x)), log(sum(exp(x))).
Result<bool> LogOf(RewriteCtx& ctx) {
  Cone cone(ctx);
  if (const Node* softmax = cone.Take(ctx.In(0), ops::kSoftmax)) {
    if (softmax->attrs.Str("mode", "soft") != "soft" || !cone.Closed()) return false;
    Attrs attrs = softmax->attrs;
    attrs.Set("mode", std::string("log"));
    return ctx.Rebuild(ops::kSoftmax, {softmax->in[0]}, std::move(attrs));
  }
  const Node* reduce = cone.Take(ctx.In(0), ops::kReduce);
  if (reduce == nullptr || ModeOf(*reduce) != "sum") return false;
  const Node* exp = cone.Take(reduce->in[0], ops::kExp);
  return exp == nullptr ? Result<bool>(false) : PutReduce(cone, *reduce, exp->in[0], "log_sum_exp");
}

bool NeverNegative(RewriteCtx& ctx, ValueId v, int depth) {
  const Node* def = ctx.Def(v);
  if (def == nullptr || depth == 0) return false;
  const OpDef* op = def->op;
  if (op == &ops::kRelu || op == &ops::kAbs || op == &ops::kExp || op == &ops::kSigmoid || op == &ops::kSoftplus) {
    return true;
  }
  if (op == &ops::kReduce) {
    const std::string_view mode = ModeOf(*def);
    return mode == "sum_square" || mode == "l1" || mode == "l2";
  }
  if (op == &ops::kMul && def->in[0] == def->in[1]) return true;
  if (op == &ops::kPow) return ctx.Splat(def->in[1]) == 2.0;
  if (op != &ops::kAdd && op != &ops::kMul) return false;
  for (ValueId in : def->in) {
    const auto number = ctx.Splat(in);
    if (!(number ? *number >= 0 : NeverNegative(ctx, in, depth - 1))) return false;
  }
  return true;
}

// sqrt(x) to a power, x never being negative: half that power of x.
Result<bool> PowerOfRoot(RewriteCtx& ctx) {
  const auto power = fuse::Number(ctx, ctx.In(1), ctx.In(0), ctx.Out());
  const Node* root = ctx.Def(ctx.In(0), ops::kSqrt);
  if (!power || *power == 1 || root == nullptr || !ctx.SingleUse(ctx.In(0))) return false;
  if (!NeverNegative(ctx, root->in[0], 6)) return false;
  if (*power == 2) return ctx.Replace(root->in[0]);
  return ctx.Rebuild(ops::kPow, {root->in[0], ctx.Scalar(ctx.DtypeOf(ctx.In(1)), *power / 2)});
}

/// Whether `a` and `b` reduce the same axes of values of that rank.
bool SameAxes(RewriteCtx& ctx, const Node& a, const Node& b, int rank) {
  if (a.in.size() < 2 || b.in.size() < 2 || !a.in[1] || !b.in[1]) return false;
  const auto x = AxesOf(ctx, a.in[1], rank);
  return x && x == AxesOf(ctx, b.in[1], rank);
}

/// The maximum below v = where(|maximum| = inf, 0, maximum), or v itself: what is infinite is not taken away from
/// itself.
ValueId TakeFinite(Cone& cone, ValueId v) {
  RewriteCtx& ctx = cone.ctx();
  const Node* choice = ctx.Def(v, ops::kWhere);
  const Node* equal = choice == nullptr ? nullptr : ctx.Def(choice->in[0], ops::kEqual);
  if (equal == nullptr || ctx.Splat(choice->in[1]) != 0.0) return v;
  const size_t at = ctx.IsConstant(equal->in[1]) ? 0 : 1;
  const Node* abs = ctx.Def(equal->in[at], ops::kAbs);
  if (abs == nullptr || abs->in[0] != choice->in[2]) return v;
  if (ctx.Splat(equal->in[1 - at]) != std::numeric_limits<double>::infinity()) return v;
  const ValueId top = choice->in[2];
  if (!SameShape(ctx.TypeOf(top), ctx.TypeOf(v))) return v;
  const ValueId is_infinite = choice->in[0], magnitude = equal->in[at];
  for (const ValueId taken : {v, is_infinite, magnitude}) cone.Take(taken);
  return top;
}

/// x when v = x - max(x) over the axes of `like`, both of them kept.
ValueId TakeShifted(Cone& cone, ValueId v, const Node& like) {
  RewriteCtx& ctx = cone.ctx();
  const Node* sub = ctx.Def(v, ops::kSub);
  if (sub == nullptr) return {};
  Cone more = cone;
  const ValueId maximum = TakeFinite(more, sub->in[1]);
  const Node* top = ctx.Def(maximum, ops::kReduce);
  if (top == nullptr || ModeOf(*top) != "max" || !Keeps(*top) || top->in[0] != sub->in[0]) return {};
  if (!SameAxes(ctx, *top, like, ctx.Rank(v))) return {};
  more.Take(v);
  more.Take(maximum);
  cone = more;
  return sub->in[0];
}

Result<bool> PutSoftmax(const Cone& cone, ValueId x, const Node& reduce, const char* mode) {
  RewriteCtx& ctx = cone.ctx();
  if (!cone.Closed() || !ctx.Ranked(x) || !IsFloat(ctx.DtypeOf(x))) return false;
  if (!SameShape(ctx.TypeOf(x), ctx.TypeOf(ctx.Out())) || reduce.in.size() < 2) return false;
  const auto axes = AxesOf(ctx, reduce.in[1], ctx.Rank(x));
  if (!axes || axes->size() != 1) return false;
  return ctx.Rebuild(ops::kSoftmax, {x}, {{"axis", axes->front()}, {"mode", std::string(mode)}});
}

// exp(x) / sum(exp(x)), with or without the largest subtracted first.
Result<bool> Softmax(RewriteCtx& ctx) {
  Cone cone(ctx);
  const Node* exp = cone.Take(ctx.In(0), ops::kExp);
  const Node* sum = cone.Take(ctx.In(1), ops::kReduce);
  if (exp == nullptr || sum == nullptr || sum->in[0] != ctx.In(0) || ModeOf(*sum) != "sum" || !Keeps(*sum)) {
    return false;
  }
  const ValueId shifted = TakeShifted(cone, exp->in[0], *sum);
  return PutSoftmax(cone, shifted ? shifted : exp->in[0], *sum, "soft");
}

// z - log_sum_exp(z), z itself shifted or not.
Result<bool> LogSoftmax(RewriteCtx& ctx) {
  Cone cone(ctx);
  const Node* reduce = cone.Take(ctx.In(1), ops::kReduce);
  if (reduce == nullptr || ModeOf(*reduce) != "log_sum_exp" || !Keeps(*reduce) || reduce->in[0] != ctx.In(0)) {
    return false;
  }
  const ValueId shifted = TakeShifted(cone, ctx.In(0), *reduce);
  return PutSoftmax(cone, shifted ? shifted : ctx.In(0), *reduce, "log");
}

// max(x) + log_sum_exp(x - max(x)).
Result<bool> LogSumExp(RewriteCtx& ctx) {
  for (size_t i = 0; i < 2; ++i) {
    Cone cone(ctx);
    const Node* reduce = cone.Take(ctx.In(i), ops::kReduce);
    if (reduce == nullptr || ModeOf(*reduce) != "log_sum_exp") continue;
    const ValueId x = TakeShifted(cone, reduce->in[0], *reduce);
    if (!x || cone.Take(ctx.In(1 - i)) == nullptr) continue;
    const ValueId given = ctx.Def(reduce->in[0])->in[1];
    const ValueId added = TakeFinite(cone, ctx.In(1 - i));
    const Node* top = cone.Take(added);
    if (top == nullptr || (added == ctx.In(1 - i)) != (ctx.Def(given, ops::kReduce) != nullptr)) continue;
    if (top->op == &ops::kSqueeze) {
      if (Keeps(*reduce) || !SameAxes(ctx, *top, *reduce, ctx.Rank(x))) continue;
      top = cone.Take(top->in[0]);
      if (top == nullptr || !Keeps(*top)) continue;
    } else if (top->op == &ops::kReduce && Keeps(*top) != Keeps(*reduce)) {
      continue;
    }
    if (top->op != &ops::kReduce || ModeOf(*top) != "max" || top->in[0] != x) continue;
    if (!SameAxes(ctx, *top, *reduce, ctx.Rank(x))) continue;
    return PutReduce(cone, *reduce, x, "log_sum_exp");
  }
  return false;
}

const OpDef* const kReduces[] = {&ops::kReduce};
const OpDef* const kRoots[] = {&ops::kSqrt, &ops::kPow};
const OpDef* const kPow[] = {&ops::kPow};
const OpDef* const kLog[] = {&ops::kLog};
const OpDef* const kDiv[] = {&ops::kDiv};
const OpDef* const kSub[] = {&ops::kSub};
const OpDef* const kAdd[] = {&ops::kAdd};

const Rule kRules[] = {
    {"fuse-sum-square", "A sum of squares or of magnitudes is one reduction.", Numerics::kReassociating, kReduces,
     SumOf},
    {"fuse-l2", "The root of a sum of squares is one reduction.", Numerics::kReassociating, kRoots, RootOf},
    {"power-of-root", "A power of a root of what is never negative is half that power.", Numerics::kReassociating, kPow,
     PowerOfRoot},
    {"fuse-log", "The logarithm of a softmax, or of a sum of exponentials, is one operator.", Numerics::kReassociating,
     kLog, LogOf},
    {"fuse-softmax", "exp(x) / sum(exp(x)) is softmax.", Numerics::kReassociating, kDiv, Softmax},
    {"fuse-log-softmax", "x - log_sum_exp(x) is the logarithm of softmax.", Numerics::kReassociating, kSub, LogSoftmax},
    {"fuse-log-sum-exp", "max(x) + log_sum_exp(x - max(x)) is log_sum_exp(x).", Numerics::kReassociating, kAdd,
     LogSumExp},
};

}  // namespace

RuleTable FuseReduceRules() { return kRules; }

}  // namespace godwit
