#include "passes/rules_fuse_cone.h"

#include <algorithm>
#include <cmath>

#include "ir/convert.h"
#include "ops/ops.h"
#include "rewrite/match.h"

namespace godwit::fuse {

namespace {

constexpr int kMaxDepth = 8;
constexpr size_t kMaxFactors = 4;

std::optional<Poly> Times(const Poly& a, const Poly& b) {
  Poly out = {};
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t k = 0; k < b.size(); ++k) {
      const double term = a[i] * b[k];
      if (term == 0) continue;
      if (i + k >= out.size()) return std::nullopt;
      out[i + k] += term;
    }
  }
  return out;
}

bool IsConstantPoly(const Poly& p) { return p[1] == 0 && p[2] == 0 && p[3] == 0; }

std::optional<Poly> ReadPoly(Cone& cone, ValueId v, ValueId x, int depth) {
  RewriteCtx& ctx = cone.ctx();
  if (v == x) return Poly{0, 1, 0, 0};
  if (const auto number = ctx.Splat(v)) return Poly{*number, 0, 0, 0};
  const Node* def = ctx.Def(v);
  if (def == nullptr || depth == 0 || !SameShape(ctx.TypeOf(v), ctx.TypeOf(x))) return std::nullopt;
  const OpDef* op = def->op;
  if (op == &ops::kNeg) {
    cone.Take(v);
    const auto p = ReadPoly(cone, def->in[0], x, depth - 1);
    return p ? Times(*p, {-1, 0, 0, 0}) : std::nullopt;
  }
  if (op != &ops::kAdd && op != &ops::kSub && op != &ops::kMul && op != &ops::kDiv && op != &ops::kPow) {
    return std::nullopt;
  }
  cone.Take(v);
  const auto a = ReadPoly(cone, def->in[0], x, depth - 1);
  const auto b = a ? ReadPoly(cone, def->in[1], x, depth - 1) : std::nullopt;
  if (!a || !b) return std::nullopt;
  if (op == &ops::kMul) return Times(*a, *b);
  if (op == &ops::kDiv) {
    if (!IsConstantPoly(*b) || (*b)[0] == 0) return std::nullopt;
    return Times(*a, {1 / (*b)[0], 0, 0, 0});
  }
  if (op == &ops::kPow) {
    if (!IsConstantPoly(*b)) return std::nullopt;
    if ((*b)[0] == 2) return Times(*a, *a);
    const auto square = (*b)[0] == 3 ? Times(*a, *a) : std::nullopt;
    return square ? Times(*square, *a) : std::nullopt;
  }
  Poly out = *a;
  for (size_t i = 0; i < out.size(); ++i) out[i] += op == &ops::kSub ? -(*b)[i] : (*b)[i];
  return out;
}

}  // namespace

bool Cone::Has(NodeId id) const { return std::find(nodes_.begin(), nodes_.end(), id) != nodes_.end(); }

const Node* Cone::Take(ValueId v) {
  const Node* def = ctx_->Def(v);
  if (def == nullptr) return nullptr;
  const NodeId id = ctx_->graph().value(v).def;
  if (!Has(id)) nodes_.push_back(id);
  return def;
}

const Node* Cone::Take(ValueId v, const OpDef& op) { return ctx_->Def(v, op) == nullptr ? nullptr : Take(v); }

bool Cone::Inside(ValueId v) const {
  const std::vector<UseSite>& uses = ctx_->editor().Uses(v);
  return !uses.empty() &&
         std::all_of(uses.begin(), uses.end(), [this](const UseSite& u) { return u.node && Has(u.node); });
}

bool Cone::Closed() const {
  for (size_t i = 1; i < nodes_.size(); ++i) {
    for (ValueId v : ctx_->graph().node(nodes_[i]).out) {
      if (ctx_->editor().Used(v) && !Inside(v)) return false;
    }
  }
  return true;
}

std::optional<double> Number(RewriteCtx& ctx, ValueId constant, ValueId other, ValueId result) {
  const auto number = ctx.Splat(constant);
  if (!number || !std::isfinite(*number)) return std::nullopt;
  if (ctx.Rank(constant) == 0 || SameShape(ctx.TypeOf(other), ctx.TypeOf(result))) return number;
  return std::nullopt;
}

std::optional<ByNumber> ReadByNumber(RewriteCtx& ctx, const Node& node) {
  if (const auto number = Number(ctx, node.in[1], node.in[0], node.out[0])) return ByNumber{node.in[0], *number};
  if (node.op != &ops::kAdd && node.op != &ops::kMul) return std::nullopt;
  const auto number = Number(ctx, node.in[0], node.in[1], node.out[0]);
  return number ? std::optional(ByNumber{node.in[1], *number}) : std::nullopt;
}

Product TakeProduct(Cone& cone, ValueId v) {
  RewriteCtx& ctx = cone.ctx();
  Product product;
  product.factors.reserve(kMaxFactors);
  std::vector<ValueId> open;
  open.reserve(kMaxFactors + 1);
  open.push_back(v);
  while (!open.empty()) {
    const ValueId now = open.back();
    open.pop_back();
    const bool own = ctx.graph().value(now).def == ctx.id();
    const Node* def = own || ctx.SingleUse(now) ? ctx.Def(now) : nullptr;
    const bool full = product.factors.size() + open.size() >= kMaxFactors;
    if (def != nullptr && def->op == &ops::kNeg) {
      cone.Take(now);
      product.number = -product.number;
      open.push_back(def->in[0]);
      continue;
    }
    if (def != nullptr && (def->op == &ops::kMul || def->op == &ops::kDiv)) {
      if (const auto by = ReadByNumber(ctx, *def); by && (def->op == &ops::kMul || by->number != 0)) {
        cone.Take(now);
        product.number = def->op == &ops::kMul ? product.number * by->number : product.number / by->number;
        open.push_back(by->x);
        continue;
      }
      if (def->op == &ops::kMul && !full) {
        cone.Take(now);
        open.push_back(def->in[1]);
        open.push_back(def->in[0]);
        continue;
      }
    }
    product.factors.push_back(now);
  }
  return product;
}

Affine TakeAffine(Cone& cone, ValueId v) {
  RewriteCtx& ctx = cone.ctx();
  Affine a{v, 1, 0};
  while (true) {
    const bool own = ctx.graph().value(a.x).def == ctx.id();
    const Node* def = own || ctx.SingleUse(a.x) ? ctx.Def(a.x) : nullptr;
    if (def == nullptr) return a;
    if (def->op == &ops::kNeg) {
      cone.Take(a.x);
      a = {def->in[0], -a.slope, a.offset};
      continue;
    }
    const bool sub = def->op == &ops::kSub;
    const bool div = def->op == &ops::kDiv;
    if (!sub && !div && def->op != &ops::kAdd && def->op != &ops::kMul) return a;
    const auto by = ReadByNumber(ctx, *def);
    if (by) {
      if (div && by->number == 0) return a;
      cone.Take(a.x);
      if (sub || def->op == &ops::kAdd) {
        a = {by->x, a.slope, a.offset + a.slope * (sub ? -by->number : by->number)};
      } else {
        a = {by->x, div ? a.slope / by->number : a.slope * by->number, a.offset};
      }
      continue;
    }
    const auto minuend = sub ? Number(ctx, def->in[0], def->in[1], def->out[0]) : std::nullopt;
    if (!minuend) return a;
    cone.Take(a.x);
    a = {def->in[1], -a.slope, a.offset + a.slope * *minuend};
  }
}

std::optional<Poly> TakePoly(Cone& cone, ValueId v, ValueId x) { return ReadPoly(cone, v, x, kMaxDepth); }

Tensor FilledTensor(DType dtype, Dims dims, double value) {
  Tensor t(dtype, std::move(dims));
  for (int64_t i = 0; i < t.size(); ++i)
    StoreF64(dtype, value, t.mutable_raw() + static_cast<size_t>(i) * ByteSize(dtype));
  return t;
}

bool Near(DType dtype, double value, double wanted) {
  const double unit = dtype == DType::kF16 ? 2e-3 : dtype == DType::kBF16 ? 1.6e-2 : 2e-6;
  return std::fabs(value - wanted) <= unit * std::fabs(wanted);
}

bool Near(DType dtype, const Poly& value, const Poly& wanted) {
  for (size_t i = 0; i < value.size(); ++i) {
    if (!Near(dtype, value[i], wanted[i])) return false;
  }
  return true;
}

}  // namespace godwit::fuse
