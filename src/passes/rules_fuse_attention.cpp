// Attention: softmax(q k^T * scale + mask) v as one operator, and then without the reshapes and transposes that pack
// and unpack its heads.
#include <algorithm>
#include <cmath>
#include <map>

#include "ops/ops.h"
#include "passes/rule_tables.h"
#include "passes/rules_fuse_cone.h"
#include "passes/rules_fuse_shape.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

using fuse::Cone;

/// A factor on v, by numbers alone; v is then what is left.
double TakeScale(Cone& cone, ValueId* v) {
  Cone scaled = cone;
  const fuse::Affine a = fuse::TakeAffine(scaled, *v);
  if (a.offset != 0) return 1;
  cone = scaled;
  *v = a.x;
  return a.slope;
}

/// The product of queries and keys under scale and mask.
struct Scores {
  const Node* product = nullptr;
  double scale = 1;
  std::vector<ValueId> masks;
};
std::optional<Scores> TakeScores(Cone& cone, ValueId v, int depth) {
  RewriteCtx& ctx = cone.ctx();
  if (depth == 0 || !ctx.SingleUse(v)) return std::nullopt;
  if (const Node* product = cone.Take(v, ops::kMatMul)) return Scores{product, 1, {}};
  const Node* add = ctx.Def(v, ops::kAdd);
  if (add != nullptr && !ctx.Splat(add->in[0]) && !ctx.Splat(add->in[1])) {
    for (size_t i = 0; i < 2; ++i) {
      Cone attempt = cone;
      attempt.Take(v);
      if (!SameShape(ctx.TypeOf(add->in[i]), ctx.TypeOf(v))) continue;
      auto scores = TakeScores(attempt, add->in[i], depth - 1);
      if (!scores) continue;
      scores->masks.push_back(add->in[1 - i]);
      cone = attempt;
      return scores;
    }
    return std::nullopt;
  }
  ValueId inner = v;
  const double scale = TakeScale(cone, &inner);
  if (inner == v) return std::nullopt;
  auto scores = TakeScores(cone, inner, depth - 1);
  // Only a factor on the bare product may move into it.
  if (!scores || !scores->masks.empty()) return std::nullopt;
  scores->scale *= scale;
  return scores;
}

/// k, given k^T; emits a transpose where it was not one that made it.
Result<ValueId> TakeKeys(Cone& cone, ValueId transposed, double* scale) {
  RewriteCtx& ctx = cone.ctx();
  *scale *= TakeScale(cone, &transposed);
  const int rank = ctx.Rank(transposed);
  Perm swap;
  for (int64_t k = 0; k < rank; ++k) swap.push_back(k);
  std::swap(swap[static_cast<size_t>(rank) - 1], swap[static_cast<size_t>(rank) - 2]);
  ValueId keys = transposed;
  if (const Node* def = ctx.Def(transposed, ops::kTranspose); def != nullptr && ctx.SingleUse(transposed)) {
    cone.Take(transposed);
    swap = Compose(*PermOf(*def, rank), swap);
    keys = def->in[0];
    *scale *= TakeScale(cone, &keys);
  }
  return IsIdentity(swap) ? Result<ValueId>(keys) : ctx.Emit(ops::kTranspose, {keys}, {{"perm", swap}});
}

/// A mask that the operator takes: of the scores' type, rank 2 to 4, and not spread over the keys.
bool MaskFits(RewriteCtx& ctx, ValueId mask, const Shape& scores, DType dtype) {
  if (!ctx.Ranked(mask) || ctx.DtypeOf(mask) != dtype || ctx.Rank(mask) < 2 || ctx.Rank(mask) > 4) return false;
  if (scores.size() == 3 && ctx.Rank(mask) > 2) return false;  // the batch's rows are heads there
  const Shape& shape = ctx.ShapeOf(mask);
  if (!(shape.back() == scores.back())) return false;
  for (size_t i = 1; i <= shape.size() && i <= scores.size(); ++i) {
    const Dim& d = shape[shape.size() - i];
    if (!(d == Dim(1)) && !(d == scores[scores.size() - i])) return false;
  }
  return true;
}

bool Agree(const Shape& q, const Shape& k, const Shape& v) {
  const size_t n = q.size();
  for (size_t i = 0; i + 2 < n; ++i) {
    if (!(q[i] == k[i]) || !(q[i] == v[i])) return false;
  }
  return q[n - 1] == k[n - 1] && k[n - 2] == v[n - 2];
}

const Perm kHeadsPerm = {0, 2, 1, 3};

bool IsHeadsTranspose(const Node* node) {
  return node != nullptr && node->op == &ops::kTranspose && PermOf(*node, 4) == std::optional(kHeadsPerm);
}

/// Whether a value of rank 4 is heads that a transpose has unpacked from rows that a reshape cut, alone or together
/// with others beside them.
bool IsUnpacked(const RewriteCtx& ctx, ValueId v) {
  const Node* def = ctx.Def(v);
  if (def != nullptr && def->op == &ops::kSplit && AxisOf(def->attrs.Int("axis"), 4) == 1) def = ctx.Def(def->in[0]);
  return IsHeadsTranspose(def) && ctx.Def(def->in[0], ops::kReshape) != nullptr;
}

/// Masks that say something of every query and key.
bool Covers(const RewriteCtx& ctx, const std::vector<ValueId>& masks, const Shape& scores) {
  return std::all_of(masks.begin(), masks.end(), [&](ValueId mask) {
    const Shape& shape = ctx.ShapeOf(mask);
    return shape[shape.size() - 2] == scores[scores.size() - 2];
  });
}

Result<bool> FuseAttention(RewriteCtx& ctx, bool packed_only) {
  Cone cone(ctx);
  const Node* softmax = ctx.SingleUse(ctx.In(0)) ? cone.Take(ctx.In(0), ops::kSoftmax) : nullptr;
  if (softmax == nullptr || softmax->attrs.Str("mode", "soft") != "soft") return false;
  const ValueId v = ctx.In(1);
  const int rank = ctx.Rank(ctx.Out());
  if (!ctx.Ranked(ctx.Out()) || (rank != 3 && rank != 4) || !ctx.Ranked(v) || ctx.Rank(v) != rank) return false;
  if (AxisOf(softmax->attrs.Int("axis", -1), rank) != rank - 1) return false;
  auto scores = TakeScores(cone, softmax->in[0], 6);
  if (!scores || scores->masks.size() > 2) return false;
  const Type& product = ctx.TypeOf(scores->product->out[0]);
  ValueId q = scores->product->in[0];
  double scale = scores->scale * TakeScale(cone, &q);
  if (!ctx.Ranked(q) || ctx.Rank(q) != rank || !ctx.Ranked(scores->product->in[1]) ||
      ctx.Rank(scores->product->in[1]) != rank) {
    return false;
  }
  for (ValueId mask : scores->masks) {
    if (!MaskFits(ctx, mask, product.shape(), ctx.DtypeOf(q))) return false;
  }
  TRY(const ValueId k, TakeKeys(cone, scores->product->in[1], &scale));
  if (!Agree(ctx.ShapeOf(q), ctx.ShapeOf(k), ctx.ShapeOf(v)) || !IsFloat(ctx.DtypeOf(q)) || !cone.Closed()) {
    return false;
  }
  if (packed_only && !(rank == 4 && IsUnpacked(ctx, q) && IsUnpacked(ctx, k) && IsUnpacked(ctx, v) &&
                       IsHeadsTranspose(ctx.OnlyUser(ctx.Out())) && Covers(ctx, scores->masks, product.shape()))) {
    return false;
  }
  std::vector<ValueId> in = {q, k, v};
  if (scores->masks.size() == 2) {
    TRY(const ValueId both, ctx.Emit(ops::kAdd, {scores->masks[0], scores->masks[1]}));
    in.push_back(both);
  } else if (!scores->masks.empty()) {
    in.push_back(scores->masks[0]);
  }
  Attrs attrs;
  const auto size = ctx.ShapeOf(q).back().known();
  if (!size || *size < 1 || std::fabs(scale * std::sqrt(static_cast<double>(*size)) - 1) > 1e-7) {
    attrs.Set("scale", scale);
  }
  if (rank == 3) {
    attrs.Set("q_heads", int64_t{1});
    attrs.Set("kv_heads", int64_t{1});
  }
  return ctx.Rebuild(ops::kAttention, std::move(in), std::move(attrs));
}

Result<bool> Attention(RewriteCtx& ctx) { return FuseAttention(ctx, false); }
Result<bool> PackedAttention(RewriteCtx& ctx) { return FuseAttention(ctx, true); }

/// Operands of attention with their heads packed: [batch, rows, heads * size].
class Packer {
 public:
  explicit Packer(RewriteCtx& ctx) : ctx_(ctx) {}

  Result<std::optional<ValueId>> Pack(ValueId v) {
    if (!ctx_.Ranked(v) || ctx_.Rank(v) != 4 || !IsStatic({ctx_.ShapeOf(v)[1], ctx_.ShapeOf(v)[3]})) return None();
    const Node* def = ctx_.Def(v);
    if (IsHeadsTranspose(def)) return PackRows(def->in[0]);
    if (def == nullptr || def->op != &ops::kSplit || AxisOf(def->attrs.Int("axis"), 4) != 1) return None();
    // The heads of q, k and v side by side.
    const NodeId id = ctx_.graph().value(v).def;
    if (!splits_.contains(id.index)) {
      TRY(const auto parts, PackSplit(*def));
      if (!parts) return None();
      splits_.emplace(id.index, *parts);
    }
    return std::optional(splits_.at(id.index)[ctx_.graph().value(v).index]);
  }

 private:
  static std::optional<ValueId> None() { return std::nullopt; }

  // [batch, rows, heads, size], made by a reshape.
  Result<std::optional<ValueId>> PackRows(ValueId v) {
    const Node* reshape = ctx_.Def(v, ops::kReshape);
    if (reshape == nullptr) return None();
    const Shape& s = ctx_.ShapeOf(v);
    return fuse::ReshapeTo(ctx_, reshape->in[0], {s[0], s[1], s[2] * s[3]});
  }

  Result<std::optional<std::vector<ValueId>>> PackSplit(const Node& split) {
    const Node* transpose = ctx_.Def(split.in[0]);
    const int64_t size = ctx_.ShapeOf(split.in[0])[3].known().value_or(0);
    std::vector<int64_t> sizes;
    for (ValueId part : split.out) {
      if (!part || !ctx_.Ranked(part)) return std::optional<std::vector<ValueId>>();
      sizes.push_back(ctx_.ShapeOf(part)[1].known().value_or(0) * size);
      if (sizes.back() == 0) return std::optional<std::vector<ValueId>>();
    }
    if (!IsHeadsTranspose(transpose)) return std::optional<std::vector<ValueId>>();
    TRY(const auto packed, PackRows(transpose->in[0]));
    if (!packed) return std::optional<std::vector<ValueId>>();
    TRY(std::vector<ValueId> parts,
        ctx_.EmitN(ops::kSplit, {*packed, ctx_.I64s(sizes)}, sizes.size(), {{"axis", int64_t{2}}}));
    return std::optional(std::move(parts));
  }

  RewriteCtx& ctx_;
  std::map<uint32_t, std::vector<ValueId>> splits_;  // by the split of unpacked heads
};

// attention over heads that transposes have unpacked and pack again.
Result<bool> PackHeads(RewriteCtx& ctx) {
  if (ctx.n_in() > 4 || ctx.node().out.size() != 1 || !ctx.Ranked(ctx.In(0)) || ctx.Rank(ctx.In(0)) != 4) return false;
  const Node* user = ctx.OnlyUser(ctx.Out());
  if (!IsHeadsTranspose(user)) return false;
  Packer packer(ctx);
  std::vector<ValueId> in;
  for (size_t i = 0; i < 3; ++i) {
    TRY(const auto packed, packer.Pack(ctx.In(i)));
    if (!packed) return false;
    in.push_back(*packed);
  }
  if (ctx.Has(3)) in.push_back(ctx.In(3));
  Attrs attrs = ctx.attrs();
  attrs.Set("q_heads", ctx.ShapeOf(ctx.In(0))[1].value());
  attrs.Set("kv_heads", ctx.ShapeOf(ctx.In(1))[1].value());
  const ValueId unpacked = user->out[0];
  const Shape shape = ctx.ShapeOf(unpacked);
  TRY(ValueId y, ctx.Emit(ops::kAttention, std::move(in), std::move(attrs)));
  TRY(const auto rows, fuse::ReshapeTo(ctx, y, shape));
  if (!rows) return false;
  return fuse::ReplaceAll(ctx, {unpacked}, {*rows});
}

const OpDef* const kMatMul[] = {&ops::kMatMul};
const OpDef* const kAttentions[] = {&ops::kAttention};

const Rule kRules[] = {
    {"fuse-attention", "softmax(q k^T * scale + mask) v is attention.", Numerics::kReassociating, kMatMul, Attention},
    {"fuse-packed-attention", "The same where nothing is left to pack and unpack the heads.", Numerics::kReassociating,
     kMatMul, PackedAttention},
    {"fuse-attention-heads", "attention takes its heads packed, as the products beside it give and want them.",
     Numerics::kExact, kAttentions, PackHeads},
};

}  // namespace

RuleTable FuseAttentionRules() { return kRules; }

}  // namespace godwit
