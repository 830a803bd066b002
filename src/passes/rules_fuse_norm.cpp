// Normalisations written out: layer_norm, rms_norm, instance_norm, group_norm, lp_norm, and the scale and bias that
// follow them.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "passes/rules_fuse_cone.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

using fuse::Cone;

/// x when v = x * x, or x to the power of 2.
ValueId TakeSquare(Cone& cone, ValueId v) {
  if (const Node* mul = cone.Take(v, ops::kMul)) return mul->in[0] == mul->in[1] ? mul->in[0] : ValueId();
  const Node* pow = cone.Take(v, ops::kPow);
  if (pow == nullptr || fuse::Number(cone.ctx(), pow->in[1], pow->in[0], v) != 2.0) return {};
  return cone.ctx().DtypeOf(pow->in[0]) == cone.ctx().DtypeOf(v) ? pow->in[0] : ValueId();
}

/// A reduction to means whose axes stay.
const Node* TakeMean(Cone& cone, ValueId v) {
  const Node* mean = cone.Take(v, ops::kReduce);
  if (mean == nullptr || mean->attrs.Str("mode") != "mean" || !mean->attrs.Flag("keep_dims", true)) return nullptr;
  return mean->in.size() > 1 && mean->in[1] ? mean : nullptr;
}

/// v = u to the power of 1/2, or of -1/2, in any spelling: u.
ValueId TakeRoot(Cone& cone, ValueId v, bool inverse) {
  RewriteCtx& ctx = cone.ctx();
  if (const Node* pow = cone.Take(v, ops::kPow)) {
    return fuse::Number(ctx, pow->in[1], pow->in[0], v) == (inverse ? -0.5 : 0.5) ? pow->in[0] : ValueId();
  }
  if (!inverse) {
    const Node* sqrt = cone.Take(v, ops::kSqrt);
    return sqrt == nullptr ? ValueId() : sqrt->in[0];
  }
  // 1 / sqrt(u), sqrt(1 / u).
  if (const Node* outer = cone.Take(v, ops::kSqrt)) {
    const Node* reciprocal = cone.Take(outer->in[0], ops::kReciprocal);
    return reciprocal == nullptr ? ValueId() : reciprocal->in[0];
  }
  ValueId root;
  if (const Node* reciprocal = cone.Take(v, ops::kReciprocal)) {
    root = reciprocal->in[0];
  } else if (const Node* div = cone.Take(v, ops::kDiv)) {
    if (fuse::Number(ctx, div->in[0], div->in[1], v) != 1.0) return {};
    root = div->in[1];
  }
  return root ? TakeRoot(cone, root, false) : ValueId();
}

/// What `top` is divided by: the root of the mean square of `of`, plus epsilon.
struct Deviation {
  ValueId of;
  std::vector<int64_t> axes;
  double epsilon = 0;
};
std::optional<Deviation> TakeDeviation(Cone& cone, ValueId v, bool inverse) {
  RewriteCtx& ctx = cone.ctx();
  const ValueId sum = TakeRoot(cone, v, inverse);
  if (!sum) return std::nullopt;
  Deviation out;
  ValueId variance = sum;
  if (const Node* add = cone.Take(sum, ops::kAdd)) {
    const auto by = fuse::ReadByNumber(ctx, *add);
    if (!by || by->number < 0) return std::nullopt;
    out.epsilon = by->number;
    variance = by->x;
  }
  const Node* mean = TakeMean(cone, variance);
  if (mean == nullptr) return std::nullopt;
  out.of = TakeSquare(cone, mean->in[0]);
  if (!out.of || !ctx.Ranked(out.of)) return std::nullopt;
  auto axes = AxesOf(ctx, mean->in[1], ctx.Rank(out.of));
  if (!axes || axes->empty()) return std::nullopt;
  out.axes = *std::move(axes);
  return out;
}

/// A tensor of ones (or zeros) of these dims.
ValueId Filled(RewriteCtx& ctx, DType dtype, const Shape& shape, double value) {
  godwit::Dims dims;
  for (const Dim& d : shape) dims.push_back(d.value());
  return ctx.Constant(fuse::FilledTensor(dtype, std::move(dims), value));
}

bool LastAxes(const std::vector<int64_t>& axes, int rank) {
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] != rank - static_cast<int64_t>(axes.size() - i)) return false;
  }
  return true;
}

/// Layer or root-mean-square normalisation of x over its last axes, or over one axis that goes last for it.
Result<bool> PutNorm(const Cone& cone, const OpDef& op, ValueId x, const Deviation& d) {
  RewriteCtx& ctx = cone.ctx();
  if (!cone.Closed() || !IsFloat(ctx.DtypeOf(x)) || !SameShape(ctx.TypeOf(x), ctx.TypeOf(ctx.Out()))) return false;
  const int rank = ctx.Rank(x);
  const Shape shape = ctx.ShapeOf(x);
  const bool last = LastAxes(d.axes, rank);
  if (!last && (d.axes.size() != 1 || cone.size() < 4)) return false;
  Shape normalised;
  for (int64_t axis : d.axes) normalised.push_back(shape[static_cast<size_t>(axis)]);
  if (!IsStatic(normalised)) return false;
  const ValueId scale = Filled(ctx, ctx.DtypeOf(x), normalised, 1);
  const Attrs attrs = {{"axis", -static_cast<int64_t>(d.axes.size())}, {"epsilon", d.epsilon}};
  if (last) return ctx.Rebuild(op, {x, scale}, attrs);
  Perm perm;
  for (int64_t k = 0; k < rank; ++k) {
    if (k != d.axes[0]) perm.push_back(k);
  }
  perm.push_back(d.axes[0]);
  TRY(ValueId y, ctx.Emit(ops::kTranspose, {x}, {{"perm", perm}}));
  TRY(y, ctx.Emit(op, {y, scale}, attrs));
  return ctx.Rebuild(ops::kTranspose, {y}, {{"perm", Inverse(perm)}});
}

// Instances: all axes but batch and channels of a value of rank 4 or more.
bool IsSpatial(const std::vector<int64_t>& axes, int rank) {
  return rank >= 4 && static_cast<int>(axes.size()) == rank - 2 && axes.front() == 2 && LastAxes(axes, rank);
}

Result<bool> PutInstanceNorm(const Cone& cone, ValueId x, double epsilon) {
  RewriteCtx& ctx = cone.ctx();
  if (!cone.Closed() || !IsFloat(ctx.DtypeOf(x)) || !SameShape(ctx.TypeOf(x), ctx.TypeOf(ctx.Out()))) return false;
  const Shape channels = {ctx.ShapeOf(x)[1]};
  if (!IsStatic(channels)) return false;
  const DType dtype = ctx.DtypeOf(x);
  return ctx.Rebuild(ops::kInstanceNorm, {x, Filled(ctx, dtype, channels, 1), Filled(ctx, dtype, channels, 0)},
                     {{"epsilon", epsilon}});
}

// top / sqrt(mean(top^2) + epsilon), where top is x - mean(x), or x itself.
Result<bool> PutNormOf(Cone& cone, ValueId top, const Deviation& d, bool centred_only) {
  RewriteCtx& ctx = cone.ctx();
  if (d.of != top) return false;
  const Node* sub = ctx.Def(top, ops::kSub);
  if (sub != nullptr) {
    // A mean that is subtracted makes it the other kind, whichever of the two rules looks at it.
    Cone centred = cone;
    const Node* mean = TakeMean(centred, sub->in[1]);
    if (mean != nullptr && mean->in[0] == sub->in[0]) {
      centred.Take(top);
      if (!centred_only || AxesOf(ctx, mean->in[1], ctx.Rank(top)) != std::optional(d.axes)) return false;
      if (IsSpatial(d.axes, ctx.Rank(top))) return PutInstanceNorm(centred, sub->in[0], d.epsilon);
      return PutNorm(centred, ops::kLayerNorm, sub->in[0], d);
    }
  }
  return centred_only ? Result<bool>(false) : PutNorm(cone, ops::kRmsNorm, top, d);
}

Result<bool> Norm(RewriteCtx& ctx, bool centred) {
  if (ctx.node().op == &ops::kDiv) {
    Cone cone(ctx);
    const auto d = TakeDeviation(cone, ctx.In(1), false);
    return d ? PutNormOf(cone, ctx.In(0), *d, centred) : Result<bool>(false);
  }
  for (size_t i = 0; i < 2; ++i) {
    Cone cone(ctx);
    const auto d = TakeDeviation(cone, ctx.In(i), true);
    if (d) return PutNormOf(cone, ctx.In(1 - i), *d, centred);
  }
  return false;
}

Result<bool> CentredNorm(RewriteCtx& ctx) { return Norm(ctx, true); }
Result<bool> RmsNorm(RewriteCtx& ctx) { return Norm(ctx, false); }

// What a norm is divided by: itself, or what keeps it from below; the bound may also be that of the sum under the root.
std::optional<double> TakeBound(RewriteCtx& ctx, Cone& cone, ValueId* norm, bool* rooted) {
  if (const Node* root = cone.Take(*norm, ops::kSqrt)) {
    *rooted = true;
    *norm = root->in[0];
  }
  std::optional<double> bound;
  if (const Node* clip = cone.Take(*norm, ops::kClip)) {
    if (clip->in.size() == 2) bound = ctx.Splat(clip->in[1]);
    *norm = clip->in[0];
  } else if (const Node* max = cone.Take(*norm, ops::kMax)) {
    bound = fuse::Number(ctx, max->in[1], max->in[0], *norm);
    *norm = max->in[0];
  }
  if (!bound || !(*bound > 0)) return std::nullopt;
  return *rooted ? std::sqrt(*bound) : *bound;
}

// x / norm(x) over one axis; a norm that is kept from below has an epsilon.
Result<bool> LpNormOf(RewriteCtx& ctx, Cone& cone, ValueId x, ValueId norm, bool clamped) {
  double epsilon = 0;
  bool rooted = false;
  if (clamped) {
    const auto bound = TakeBound(ctx, cone, &norm, &rooted);
    if (!bound) return false;
    epsilon = *bound;
  }
  const Node* reduce = cone.Take(norm, ops::kReduce);
  if (reduce == nullptr || reduce->in[0] != x || !reduce->attrs.Flag("keep_dims", true)) return false;
  const std::string_view mode = reduce->attrs.Str("mode");
  if (rooted ? mode != "sum_square" : mode != "l1" && mode != "l2") return false;
  if (reduce->in.size() < 2 || !ctx.Ranked(x) || !cone.Closed()) return false;
  const auto axes = AxesOf(ctx, reduce->in[1], ctx.Rank(x));
  if (!axes || axes->size() != 1 || !IsFloat(ctx.DtypeOf(x))) return false;
  Attrs attrs = {{"axis", axes->front()}};
  if (mode == "l1") attrs.Set("p", 1.0);
  if (epsilon > 0) attrs.Set("epsilon", epsilon);
  return ctx.Rebuild(ops::kLpNorm, {x}, std::move(attrs));
}

Result<bool> LpNorm(RewriteCtx& ctx, bool clamped) {
  if (ctx.node().op == &ops::kDiv) {
    Cone cone(ctx);
    return LpNormOf(ctx, cone, ctx.In(0), ctx.In(1), clamped);
  }
  for (size_t i = 0; i < 2; ++i) {
    Cone cone(ctx);
    const Node* inverse = cone.Take(ctx.In(i), ops::kReciprocal);
    if (inverse == nullptr) continue;
    TRY(const bool done, LpNormOf(ctx, cone, ctx.In(1 - i), inverse->in[0], clamped));
    if (done) return true;
  }
  return false;
}
Result<bool> PlainLpNorm(RewriteCtx& ctx) { return LpNorm(ctx, false); }
Result<bool> ClampedLpNorm(RewriteCtx& ctx) { return LpNorm(ctx, true); }

// The epsilon matters where all elements of a line are next to nothing.
Result<bool> DropEpsilon(RewriteCtx& ctx) {
  const double epsilon = ctx.attrs().Float("epsilon");
  if (epsilon <= 0 || epsilon > 1e-6) return false;
  Attrs attrs = ctx.attrs();
  attrs.Erase("epsilon");
  return ctx.Rebuild(ops::kLpNorm, ctx.node().in, std::move(attrs));
}

const OpDef* const kLpNorms[] = {&ops::kLpNorm};
const OpDef* const kQuotients[] = {&ops::kDiv, &ops::kMul};
const OpDef* const kDiv[] = {&ops::kDiv};

const Rule kRules[] = {
    {"fuse-norm", "(x - mean) / sqrt(variance + epsilon) is layer_norm or instance_norm.", Numerics::kReassociating,
     kQuotients, CentredNorm},
    {"fuse-rms-norm", "x / sqrt(mean(x * x) + epsilon) is rms_norm.", Numerics::kReassociating, kQuotients, RmsNorm},
    {"fuse-lp-norm", "x / norm(x) is lp_norm.", Numerics::kReassociating, kDiv, PlainLpNorm},
    {"fuse-lp-norm-clamped", "x / max(norm(x), epsilon) is lp_norm with an epsilon.", Numerics::kReassociating,
     kQuotients, ClampedLpNorm},
    {"drop-lp-norm-epsilon", "An lp_norm does without a tiny epsilon.", Numerics::kApproximate, kLpNorms, DropEpsilon},
};

}  // namespace

RuleTable FuseNormRules() { return kRules; }

}  // namespace godwit
