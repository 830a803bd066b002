// Normalisations take in the scale and bias that follow them, and groups that are spelled with reshapes.
#include <algorithm>
#include <cstring>

#include "ir/convert.h"
#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "passes/rules_fuse_cone.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

using fuse::Cone;

bool IsNorm(const Node& node) {
  return node.op == &ops::kLayerNorm || node.op == &ops::kRmsNorm || node.op == &ops::kInstanceNorm ||
         node.op == &ops::kGroupNorm;
}

/// A normalisation whose result `v` is, perhaps transposed.
struct Found {
  const Node* norm = nullptr;
  const Node* transpose = nullptr;
};
std::optional<Found> TakeNorm(Cone& cone, ValueId v) {
  const RewriteCtx& ctx = cone.ctx();
  Found f;
  if (!ctx.SingleUse(v)) return std::nullopt;
  if (const Node* transpose = ctx.Def(v, ops::kTranspose)) {
    if (!ctx.SingleUse(transpose->in[0])) return std::nullopt;
    f.transpose = cone.Take(v);
    v = transpose->in[0];
  }
  const Node* def = ctx.Def(v);
  if (def == nullptr || !IsNorm(*def)) return std::nullopt;
  for (size_t i = 1; i < def->out.size(); ++i) {
    if (def->out[i]) return std::nullopt;
  }
  f.norm = cone.Take(v);
  return f;
}

bool Absent(const Node& node, size_t i) { return i >= node.in.size() || !node.in[i]; }

/// `parameter`, which broadcasts to the norm's result (or to its transpose), as the norm wants it: over the normalised
/// axes, or one value for each channel. Invalid when it varies elsewhere.
Result<ValueId> AsParameter(RewriteCtx& ctx, const Found& f, ValueId parameter) {
  const ValueId y = f.norm->out[0];
  if (!ctx.IsConstant(parameter) || !ctx.Ranked(y) || ctx.DtypeOf(parameter) != ctx.DtypeOf(y)) return ValueId();
  const int rank = ctx.Rank(y);
  Shape shape = ctx.ShapeOf(parameter);
  if (static_cast<int>(shape.size()) > rank) return ValueId();
  shape.insert(shape.begin(), static_cast<size_t>(rank) - shape.size(), Dim(1));
  if (f.transpose != nullptr) {
    // Only one axis has an extent, so that its elements stay in order.
    const auto perm = PermOf(*f.transpose, rank);
    if (!perm || std::count_if(shape.begin(), shape.end(), [](const Dim& d) { return !(d == Dim(1)); }) > 1) {
      return ValueId();
    }
    Shape before(shape.size());
    for (size_t k = 0; k < shape.size(); ++k) before[static_cast<size_t>((*perm)[k])] = shape[k];
    shape = std::move(before);
  }
  const bool by_channel = f.norm->op == &ops::kInstanceNorm || f.norm->op == &ops::kGroupNorm;
  const auto first = AxisOf(f.norm->attrs.Int(by_channel ? "channel_axis" : "axis", by_channel ? 1 : -1), rank);
  if (!first) return ValueId();
  Dims wanted;
  for (int k = 0; k < rank; ++k) {
    const Dim& d = shape[static_cast<size_t>(k)];
    const Dim& full = ctx.ShapeOf(y)[static_cast<size_t>(k)];
    const bool inside = by_channel ? k == *first : k >= *first;
    if (!inside && !(d == Dim(1))) return ValueId();
    if (inside && by_channel && (!(d == full) || !d.is_static())) return ValueId();
    if (inside && !d.is_static()) return ValueId();
    if (inside) wanted.push_back(d.value());
  }
  if (ToShape(wanted) == ctx.ShapeOf(parameter)) return parameter;
  return ctx.Emit(ops::kReshape, {parameter, ctx.I64s(wanted)});
}

Result<bool> PutParameters(RewriteCtx& ctx, const Found& f, ValueId scale, ValueId bias) {
  std::vector<ValueId> in = {f.norm->in[0], scale};
  if (bias) in.push_back(bias);
  const Attrs attrs = f.norm->attrs;
  const OpDef& op = *f.norm->op;
  if (f.transpose == nullptr) return ctx.Rebuild(op, std::move(in), attrs);
  const Attrs perm = f.transpose->attrs;
  TRY(const ValueId y, ctx.Emit(op, std::move(in), attrs));
  return ctx.Rebuild(ops::kTranspose, {y}, perm);
}

// norm(x) * w, where the norm has neither scale nor bias yet.
Result<bool> Scale(RewriteCtx& ctx) {
  for (size_t i = 0; i < 2; ++i) {
    Cone cone(ctx);
    const auto f = TakeNorm(cone, ctx.In(i));
    if (!f) continue;
    if (!Absent(*f->norm, 1) && !ctx.IsSplat(f->norm->in[1], 1)) continue;
    if (!Absent(*f->norm, 2) && !ctx.IsSplat(f->norm->in[2], 0)) continue;
    if (!cone.Closed() || !SameShape(ctx.TypeOf(ctx.In(i)), ctx.TypeOf(ctx.Out()))) continue;
    TRY(const ValueId scale, AsParameter(ctx, *f, ctx.In(1 - i)));
    if (!scale) continue;
    return PutParameters(ctx, *f, scale, Absent(*f->norm, 2) ? ValueId() : f->norm->in[2]);
  }
  return false;
}

// norm(x) + b, where the norm has no bias yet. rms_norm never has one.
Result<bool> Bias(RewriteCtx& ctx) {
  for (size_t i = 0; i < 2; ++i) {
    Cone cone(ctx);
    const auto f = TakeNorm(cone, ctx.In(i));
    if (!f || f->norm->op == &ops::kRmsNorm || Absent(*f->norm, 1)) continue;
    if (!Absent(*f->norm, 2) && !ctx.IsSplat(f->norm->in[2], 0)) continue;
    if (!cone.Closed() || !SameShape(ctx.TypeOf(ctx.In(i)), ctx.TypeOf(ctx.Out()))) continue;
    TRY(const ValueId bias, AsParameter(ctx, *f, ctx.In(1 - i)));
    if (!bias) continue;
    return PutParameters(ctx, *f, f->norm->in[1], bias);
  }
  return false;
}

/// reshape(instance_norm(reshape(x, [N, G, ...]))) without scale and bias, x being the image again.
struct Groups {
  ValueId x;
  int64_t groups = 0;
  double epsilon = 0;
  int64_t channels = 0;
};
std::optional<Groups> ReadGroups(RewriteCtx& ctx) {
  Cone cone(ctx);
  const Node* norm = cone.Take(ctx.In(0), ops::kInstanceNorm);
  const Node* split = norm == nullptr ? nullptr : cone.Take(norm->in[0], ops::kReshape);
  if (split == nullptr || !cone.Closed() || norm->attrs.Int("channel_axis", 1) != 1) return std::nullopt;
  if (!ctx.IsSplat(norm->in[1], 1) || !ctx.IsSplat(norm->in[2], 0)) return std::nullopt;
  const ValueId x = split->in[0];
  if (!SameShape(ctx.TypeOf(x), ctx.TypeOf(ctx.Out())) || ctx.Rank(x) < 3) return std::nullopt;
  const Shape& image = ctx.ShapeOf(x);
  const Shape& grouped = ctx.ShapeOf(norm->in[0]);
  if (grouped.size() < 3 || !(grouped[0] == image[0])) return std::nullopt;
  const auto groups = grouped[1].known();
  const auto channels = image[1].known();
  if (!groups || !channels || *groups < 1 || *channels % *groups != 0) return std::nullopt;
  return Groups{x, *groups, norm->attrs.Float("epsilon", 1e-5), *channels};
}

Result<bool> GroupNorm(RewriteCtx& ctx) {
  const auto g = ReadGroups(ctx);
  if (!g) return false;
  const DType dtype = ctx.DtypeOf(g->x);
  const ValueId ones = ctx.Constant(fuse::FilledTensor(dtype, {g->channels}, 1));
  const ValueId zeros = ctx.Constant(fuse::FilledTensor(dtype, {g->channels}, 0));
  return ctx.Rebuild(ops::kGroupNorm, {g->x, ones, zeros}, {{"groups", g->groups}, {"epsilon", g->epsilon}});
}

// A single group is normalised over all axes but the batch's.
Result<bool> WholeNorm(RewriteCtx& ctx) {
  const auto g = ReadGroups(ctx);
  if (!g || g->groups != 1) return false;
  const int rank = ctx.Rank(g->x);
  Dims dims(static_cast<size_t>(rank - 1), 1);
  dims[0] = g->channels;
  const ValueId ones = ctx.Constant(fuse::FilledTensor(ctx.DtypeOf(g->x), std::move(dims), 1));
  return ctx.Rebuild(ops::kLayerNorm, {g->x, ones}, {{"axis", int64_t{1}}, {"epsilon", g->epsilon}});
}

// A scale of nothing but ones, as formats have that know no norm without one.
Result<bool> DropScale(RewriteCtx& ctx) {
  if (ctx.node().out.size() != 1 || ctx.n_in() < 2 || !ctx.Has(1) || !ctx.IsConstant(ctx.In(1))) return false;
  const Constant& scale = ctx.graph().constant(ctx.graph().value(ctx.In(1)).constant);
  const auto* source = std::get_if<std::shared_ptr<const TensorSource>>(&scale.data);
  if (!IsFloat(scale.type.dtype) || (source != nullptr && (*source)->depth() > 0)) return false;
  TRY(const Tensor ones, scale.Load());
  const size_t step = ByteSize(ones.dtype());
  if (ones.size() == 0 || LoadF64(ones.dtype(), ones.raw()) != 1) return false;
  // Each is what is before it.
  if (std::memcmp(ones.raw(), ones.raw() + step, ones.bytes() - step) != 0) return false;
  std::vector<ValueId> in = ctx.node().in;
  in[1] = {};
  while (!in.back()) in.pop_back();
  return ctx.Rebuild(*ctx.node().op, std::move(in), ctx.attrs());
}

const OpDef* const kVectorNorms[] = {&ops::kLayerNorm, &ops::kRmsNorm};
const OpDef* const kMul[] = {&ops::kMul};
const OpDef* const kAdd[] = {&ops::kAdd};
const OpDef* const kReshape[] = {&ops::kReshape};

const Rule kRules[] = {
    {"fuse-group-norm", "An instance_norm between reshapes into groups and back is group_norm.",
     Numerics::kReassociating, kReshape, GroupNorm},
    {"fuse-whole-norm", "An instance_norm of all channels as one is layer_norm.", Numerics::kReassociating, kReshape,
     WholeNorm},
    {"fuse-norm-scale", "A normalisation takes in the factors that follow it.", Numerics::kReassociating, kMul, Scale},
    {"drop-norm-scale", "A normalisation needs no scale of ones.", Numerics::kExact, kVectorNorms, DropScale},
    {"fuse-norm-bias", "A normalisation takes in the bias that follows it.", Numerics::kReassociating, kAdd, Bias},
};

}  // namespace

RuleTable FuseNormScaleRules() { return kRules; }

}  // namespace godwit
