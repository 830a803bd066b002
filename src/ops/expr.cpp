#include "ops/expr.h"

#include <optional>

#include "ir/convert.h"
#include "ops/ops.h"

namespace godwit::ops {

namespace {

/// Longer ranges are made where they are needed.
constexpr int64_t kLongestTable = 4096;

DecomposeCtx& ContextOf(const Expr& a, const Expr& b) { return a.valid() ? a.ctx() : b.ctx(); }
Expr Unary(const OpDef& op, const Expr& x) { return Apply(x.ctx(), op, {x}); }
Expr Binary(const OpDef& op, const Expr& a, const Expr& b) { return Apply(ContextOf(a, b), op, {a, b}); }
Expr Like(const Expr& x, double value) {
  if (!x.valid()) return x;
  return ScalarOf(x.ctx(), x.dtype(), value);
}

Extent Combine(const Extent& a, const Extent& b, Dim dim, const OpDef& op) {
  if (dim.is_static()) return Extent(dim.value());
  return Extent(std::move(dim), [a, b, &op](DecomposeCtx& ctx) { return Apply(ctx, op, {a.Get(ctx), b.Get(ctx)}); });
}

}  // namespace

Dim Expr::dim(int axis) const {
  const int at = axis < 0 ? axis + rank() : axis;
  if (at < 0 || at >= rank()) return Dim::Symbol("=none");
  return type().shape()[static_cast<size_t>(at)];
}

Extent Extent::Of(const Expr& x, int axis) {
  const int at = axis < 0 ? axis + x.rank() : axis;
  Extent out(x.dim(axis), [x, at](DecomposeCtx& ctx) {
    return Apply(ctx, kShapeOf, {x}, {{"start", int64_t{at}}, {"end", int64_t{at} + 1}});
  });
  out.of_ = x.id();
  out.axis_ = at;
  return out;
}

Extent Extent::Value(const Expr& x) {
  if (!x.valid()) return Extent(0);
  const auto contents = x.ctx().build.inference().Contents(x.id());
  const Dim dim = contents && contents->size() == 1 ? (*contents)[0] : x.ctx().build.inference().Fresh("value");
  return Extent(dim, [x](DecomposeCtx& ctx) { return Apply(ctx, kReshape, {Cast(x, DType::kI64), I64s(ctx, {1})}); });
}

Expr Extent::Get(DecomposeCtx& ctx) const {
  if (dim_.is_static()) return I64s(ctx, {dim_.value()});
  return make_ ? make_(ctx) : Expr();
}

Extent operator+(const Extent& a, const Extent& b) { return Combine(a, b, a.dim_ + b.dim_, kAdd); }
Extent operator-(const Extent& a, const Extent& b) { return Combine(a, b, a.dim_ - b.dim_, kSub); }
Extent operator*(const Extent& a, const Extent& b) { return Combine(a, b, a.dim_ * b.dim_, kMul); }
Extent operator/(const Extent& a, const Extent& b) { return Combine(a, b, Dim::FloorDiv(a.dim_, b.dim_), kDiv); }

Extent Extent::Larger(const Extent& a, const Extent& b) { return Combine(a, b, Dim::Max(a.dim_, b.dim_), kMax); }
Extent Extent::Smaller(const Extent& a, const Extent& b) { return Combine(a, b, Dim::Min(a.dim_, b.dim_), kMin); }

Expr Operand(DecomposeCtx& ctx, size_t i) { return Expr(ctx, ctx.In(i)); }
Expr RankedOperand(DecomposeCtx& ctx, size_t i) {
  if (!ctx.TypeOfIn(i).ranked()) ctx.Fail(ctx.Cannot("the rank of an operand is not known"));
  return Operand(ctx, i);
}

std::vector<Expr> ApplyN(DecomposeCtx& ctx, const OpDef& op, const std::vector<Expr>& in, size_t n_out, Attrs attrs) {
  std::vector<ValueId> ids;
  for (const Expr& e : in) ids.push_back(e.id());
  while (!ids.empty() && !ids.back().valid()) ids.pop_back();
  std::vector<Expr> out;
  for (const ValueId id : ctx.EmitN(op, std::move(ids), n_out, std::move(attrs))) out.emplace_back(ctx, id);
  return out;
}
Expr Apply(DecomposeCtx& ctx, const OpDef& op, const std::vector<Expr>& in, Attrs attrs) {
  return ApplyN(ctx, op, in, 1, std::move(attrs))[0];
}

Expr Const(DecomposeCtx& ctx, Tensor tensor) { return Expr(ctx, ctx.build.Constant(std::move(tensor))); }
Expr I64s(DecomposeCtx& ctx, const std::vector<int64_t>& values) { return Expr(ctx, ctx.build.I64s(values)); }
Expr ScalarOf(DecomposeCtx& ctx, DType dtype, double value) { return Expr(ctx, ctx.build.Scalar(dtype, value)); }
Expr IntegerOf(DecomposeCtx& ctx, DType dtype, int64_t value) {
  Tensor t(dtype, {});
  StoreI64(dtype, value, t.mutable_raw());
  return Const(ctx, std::move(t));
}

Expr Widen(const Expr& x) { return x.dtype() == DType::kF16 || x.dtype() == DType::kBF16 ? Cast(x, DType::kF32) : x; }
void ResultN(DecomposeCtx& ctx, size_t i, const Expr& y, DType dtype) { ctx.Out(i, Cast(y, dtype).id()); }
void Result0(DecomposeCtx& ctx, const Expr& y, DType dtype) { ResultN(ctx, 0, y, dtype); }

Expr operator+(const Expr& a, const Expr& b) { return Binary(kAdd, a, b); }
Expr operator-(const Expr& a, const Expr& b) { return Binary(kSub, a, b); }
Expr operator*(const Expr& a, const Expr& b) { return Binary(kMul, a, b); }
Expr operator/(const Expr& a, const Expr& b) { return Binary(kDiv, a, b); }
Expr operator+(const Expr& a, double b) { return a + Like(a, b); }
Expr operator-(const Expr& a, double b) { return a - Like(a, b); }
Expr operator*(const Expr& a, double b) { return a * Like(a, b); }
Expr operator/(const Expr& a, double b) { return a / Like(a, b); }
Expr operator-(double a, const Expr& b) { return Like(b, a) - b; }
Expr operator/(double a, const Expr& b) { return Like(b, a) / b; }
Expr operator-(const Expr& a) { return Unary(kNeg, a); }

Expr Abs(const Expr& x) { return Unary(kAbs, x); }
Expr Ceil(const Expr& x) { return Unary(kCeil, x); }
Expr Cos(const Expr& x) { return Unary(kCos, x); }
Expr Erf(const Expr& x) { return Unary(kErf, x); }
Expr Exp(const Expr& x) { return Unary(kExp, x); }
Expr Floor(const Expr& x) { return Unary(kFloor, x); }
Expr Log(const Expr& x) { return Unary(kLog, x); }
Expr Relu(const Expr& x) { return Unary(kRelu, x); }
Expr Round(const Expr& x) { return Unary(kRound, x); }
Expr Sigmoid(const Expr& x) { return Unary(kSigmoid, x); }
Expr Softplus(const Expr& x) { return Unary(kSoftplus, x); }
Expr Sqrt(const Expr& x) { return Unary(kSqrt, x); }
Expr Tanh(const Expr& x) { return Unary(kTanh, x); }
Expr Max(const Expr& a, const Expr& b) { return Binary(kMax, a, b); }
Expr Min(const Expr& a, const Expr& b) { return Binary(kMin, a, b); }
Expr Max(const Expr& a, double b) { return Binary(kMax, a, Like(a, b)); }
Expr Min(const Expr& a, double b) { return Binary(kMin, a, Like(a, b)); }
Expr Mod(const Expr& a, const Expr& b) { return Binary(kMod, a, b); }
Expr Pow(const Expr& a, double b) { return Binary(kPow, a, Like(a, b)); }

Expr Equal(const Expr& a, const Expr& b) { return Binary(kEqual, a, b); }
Expr Less(const Expr& a, const Expr& b) { return Binary(kLess, a, b); }
Expr LessEqual(const Expr& a, const Expr& b) { return Binary(kLessEqual, a, b); }
Expr And(const Expr& a, const Expr& b) { return Binary(kLogicalAnd, a, b); }
Expr Or(const Expr& a, const Expr& b) { return Binary(kLogicalOr, a, b); }
Expr Not(const Expr& a) { return Unary(kLogicalNot, a); }
Expr Where(const Expr& condition, const Expr& a, const Expr& b) {
  return Apply(condition.ctx(), kWhere, {condition, a, b});
}

Expr Cast(const Expr& x, DType to) {
  if (!x.valid() || x.dtype() == to) return x;
  return Apply(x.ctx(), kCast, {x}, {{"to", to}});
}

Expr Reshape(const Expr& x, const Extents& dims) {
  if (!x.valid()) return x;
  DecomposeCtx& ctx = x.ctx();
  // One dim may be left to be worked out, and dims that stay are copied: then nothing needs to be computed.
  std::vector<int64_t> fixed;
  bool open = false, computed = false, zero = false;
  for (size_t i = 0; i < dims.size(); ++i) {
    const Dim& d = dims[i].dim();
    if (static_cast<int>(i) < x.rank() && d == x.dim(static_cast<int>(i))) {
      fixed.push_back(0);
    } else if (d.is_static()) {
      zero = zero || d == Dim(0);
      fixed.push_back(d.value());
    } else if (!open) {
      open = true;
      fixed.push_back(-1);
    } else {
      computed = true;
    }
  }
  if (zero) {
    return Apply(ctx, kReshape, {x, DimsOf(ctx, dims)}, {{"allow_zero", int64_t{1}}});
  }
  return Apply(ctx, kReshape, {x, computed ? DimsOf(ctx, dims) : I64s(ctx, fixed)});
}

Expr DimsOf(DecomposeCtx& ctx, const Extents& dims) {
  std::vector<Expr> parts;
  std::vector<int64_t> run;
  // Two sizes or more that are unknown and all of one value's shape are asked for at once.
  const auto whole = [&dims] {
    int unknown = 0;
    for (size_t i = 0; i < dims.size(); ++i) {
      if (dims[i].of_ != dims[0].of_ || dims[i].axis_ != static_cast<int>(i)) return false;
      if (!dims[i].known()) ++unknown;
    }
    return unknown > 1;
  };
  if (!dims.empty() && dims[0].of_.valid() && whole()) {
    const Expr of(ctx, dims[0].of_);
    if (of.rank() == static_cast<int>(dims.size())) return Apply(ctx, kShapeOf, {of});
  }
  for (const Extent& e : dims) {
    if (e.known()) {
      run.push_back(*e.known());
      continue;
    }
    if (!run.empty()) parts.push_back(I64s(ctx, run));
    run.clear();
    parts.push_back(e.Get(ctx));
  }
  if (!run.empty() || parts.empty()) parts.push_back(I64s(ctx, run));
  return parts.size() == 1 ? parts[0] : Join(parts, 0);
}

Expr Expand(const Expr& x, const Extents& dims) {
  if (!x.valid()) return x;
  bool same = x.rank() == static_cast<int>(dims.size());
  for (size_t i = 0; same && i < dims.size(); ++i) same = x.dim(static_cast<int>(i)) == dims[i].dim();
  return same ? x : Apply(x.ctx(), kExpand, {x, DimsOf(x.ctx(), dims)});
}

Expr Transpose(const Expr& x, std::vector<int64_t> perm) {
  bool same = true;
  for (size_t i = 0; i < perm.size(); ++i) same = same && perm[i] == static_cast<int64_t>(i);
  return same ? x : Apply(x.ctx(), kTranspose, {x}, {{"perm", std::move(perm)}});
}
Expr SwapAxes(const Expr& x, int a, int b) {
  std::vector<int64_t> perm;
  for (int i = 0; i < x.rank(); ++i) perm.push_back(i);
  const auto at = [&](int axis) { return static_cast<size_t>(axis < 0 ? axis + x.rank() : axis); };
  if (at(a) < perm.size() && at(b) < perm.size()) std::swap(perm[at(a)], perm[at(b)]);
  return Transpose(x, std::move(perm));
}

Expr Unsqueeze(const Expr& x, const std::vector<int64_t>& axes) {
  return axes.empty() ? x : Apply(x.ctx(), kUnsqueeze, {x, I64s(x.ctx(), axes)});
}
Expr Squeeze(const Expr& x, const std::vector<int64_t>& axes) {
  return axes.empty() ? x : Apply(x.ctx(), kSqueeze, {x, I64s(x.ctx(), axes)});
}
Expr Slice(const Expr& x, int64_t axis, const Extent& start, const Extent& end, int64_t step) {
  DecomposeCtx& ctx = x.ctx();
  return Apply(ctx, kSlice,
               {x, start.Get(ctx), end.Get(ctx), I64s(ctx, {axis}), step == 1 ? Expr() : I64s(ctx, {step})});
}
Expr Join(const std::vector<Expr>& parts, int64_t axis) {
  return parts.size() == 1 ? parts[0] : Apply(parts[0].ctx(), kConcat, parts, {{"axis", axis}});
}
Expr Gather(const Expr& x, const Expr& indices, int64_t axis) {
  return Apply(x.ctx(), kGather, {x, indices}, {{"axis", axis}});
}
Expr GatherElements(const Expr& x, const Expr& indices, int64_t axis) {
  return Apply(x.ctx(), kGatherElements, {x, indices}, {{"axis", axis}});
}
Expr Reduce(const Expr& x, std::string_view mode, const std::vector<int64_t>& axes, bool keep_dims) {
  if (axes.empty()) return x;
  return Apply(x.ctx(), kReduce, {x, I64s(x.ctx(), axes)},
               {{"mode", std::string(mode)}, {"keep_dims", int64_t{keep_dims}}});
}
Expr MatMul(const Expr& a, const Expr& b) { return Binary(kMatMul, a, b); }
Expr Softmax(const Expr& x, int64_t axis) { return Apply(x.ctx(), kSoftmax, {x}, {{"axis", axis}}); }

Expr Range(DecomposeCtx& ctx, const Extent& from, const Extent& n) {
  if (from.known() && n.known() && *n.known() <= kLongestTable) {
    std::vector<int64_t> values;
    for (int64_t i = 0; i < *n.known(); ++i) values.push_back(*from.known() + i);
    return I64s(ctx, values);
  }
  const Expr end = Squeeze(n.Get(ctx), {0});
  const Expr range = Apply(ctx, kRange, {ScalarOf(ctx, DType::kI64, 0), end, ScalarOf(ctx, DType::kI64, 1)});
  return from.known() == 0 ? range : range + from.Get(ctx);
}
Expr Range(DecomposeCtx& ctx, const Extent& n) { return Range(ctx, Extent(0), n); }

Expr Full(DecomposeCtx& ctx, DType dtype, double value, const Extents& dims) {
  return Expand(ScalarOf(ctx, dtype, value), dims);
}

}  // namespace godwit::ops
