// Formulas over values of a graph, for decompositions: `x * 0.5 * (Erf(x * kSqrtHalf) + 1.0)` emits five nodes. A
// failure stays in the context and makes every later expression empty, so that formulas need no checks of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "ir/decompose.h"

namespace godwit::ops {

class Expr {
 public:
  Expr() = default;
  Expr(DecomposeCtx& ctx, ValueId id) : ctx_(&ctx), id_(id) {}

  [[nodiscard]] ValueId id() const { return id_; }
  [[nodiscard]] bool valid() const { return id_.valid(); }
  [[nodiscard]] DecomposeCtx& ctx() const { return *ctx_; }
  [[nodiscard]] const Type& type() const { return ctx_->TypeOf(id_); }
  [[nodiscard]] DType dtype() const { return type().dtype(); }
  [[nodiscard]] bool ranked() const { return type().ranked(); }
  [[nodiscard]] int rank() const { return type().rank(); }
  /// An axis' dim, negative ones from the end; a symbol of its own when there is none (only after a failure).
  [[nodiscard]] Dim dim(int axis) const;

 private:
  DecomposeCtx* ctx_ = nullptr;
  ValueId id_;
};

/// A size: a number, or what becomes an i64[1] when it is asked for.
class Extent {
 public:
  Extent(int64_t n) : dim_(n) {}  // NOLINT(google-explicit-constructor)
  Extent(Dim dim, std::function<Expr(DecomposeCtx&)> make) : dim_(std::move(dim)), make_(std::move(make)) {}
  static Extent Of(const Expr& x, int axis);
  /// An i64 of one element.
  static Extent Value(const Expr& x);

  [[nodiscard]] const Dim& dim() const { return dim_; }
  [[nodiscard]] std::optional<int64_t> known() const { return dim_.known(); }
  [[nodiscard]] Expr Get(DecomposeCtx& ctx) const;

  friend Extent operator+(const Extent& a, const Extent& b);
  friend Extent operator-(const Extent& a, const Extent& b);
  friend Extent operator*(const Extent& a, const Extent& b);
  /// Rounds down; both are sizes.
  friend Extent operator/(const Extent& a, const Extent& b);
  static Extent Larger(const Extent& a, const Extent& b);
  static Extent Smaller(const Extent& a, const Extent& b);

 private:
  friend Expr DimsOf(DecomposeCtx& ctx, const std::vector<Extent>& dims);

  Dim dim_;
  std::function<Expr(DecomposeCtx&)> make_;
  ValueId of_;  // axis `axis_` of this value
  int axis_ = 0;
};
using Extents = std::vector<Extent>;

/// Operand `i` of the node that is decomposed, empty when absent.
Expr Operand(DecomposeCtx& ctx, size_t i);
/// The same, ranked: fails with ir.no_decomposition where the rank is not known.
Expr RankedOperand(DecomposeCtx& ctx, size_t i);
/// Any operator with one result. Empty operands are absent ones.
Expr Apply(DecomposeCtx& ctx, const OpDef& op, const std::vector<Expr>& in, Attrs attrs = {});
std::vector<Expr> ApplyN(DecomposeCtx& ctx, const OpDef& op, const std::vector<Expr>& in, size_t n_out,
                         Attrs attrs = {});

Expr Const(DecomposeCtx& ctx, Tensor tensor);
Expr I64s(DecomposeCtx& ctx, const std::vector<int64_t>& values);
Expr ScalarOf(DecomposeCtx& ctx, DType dtype, double value);
/// An integer of any size, exactly.
Expr IntegerOf(DecomposeCtx& ctx, DType dtype, int64_t value);
/// f16 and bf16 become f32, in which several steps lose less; others stay.
Expr Widen(const Expr& x);
/// Sets the result, cast to the element type that the operator states for it.
void Result0(DecomposeCtx& ctx, const Expr& y, DType dtype);
void ResultN(DecomposeCtx& ctx, size_t i, const Expr& y, DType dtype);

Expr operator+(const Expr& a, const Expr& b);
Expr operator-(const Expr& a, const Expr& b);
Expr operator*(const Expr& a, const Expr& b);
Expr operator/(const Expr& a, const Expr& b);
Expr operator+(const Expr& a, double b);
Expr operator-(const Expr& a, double b);
Expr operator*(const Expr& a, double b);
Expr operator/(const Expr& a, double b);
Expr operator-(double a, const Expr& b);
Expr operator/(double a, const Expr& b);
Expr operator-(const Expr& a);

Expr Abs(const Expr& x);
Expr Ceil(const Expr& x);
Expr Cos(const Expr& x);
Expr Erf(const Expr& x);
Expr Exp(const Expr& x);
Expr Floor(const Expr& x);
Expr Log(const Expr& x);
Expr Relu(const Expr& x);
Expr Round(const Expr& x);
Expr Sigmoid(const Expr& x);
Expr Softplus(const Expr& x);
Expr Sqrt(const Expr& x);
Expr Tanh(const Expr& x);
Expr Max(const Expr& a, const Expr& b);
Expr Min(const Expr& a, const Expr& b);
Expr Max(const Expr& a, double b);
Expr Min(const Expr& a, double b);
Expr Mod(const Expr& a, const Expr& b);
Expr Pow(const Expr& a, double b);

Expr Equal(const Expr& a, const Expr& b);
Expr Less(const Expr& a, const Expr& b);
Expr LessEqual(const Expr& a, const Expr& b);
Expr And(const Expr& a, const Expr& b);
Expr Or(const Expr& a, const Expr& b);
Expr Not(const Expr& a);
Expr Where(const Expr& condition, const Expr& a, const Expr& b);

Expr Cast(const Expr& x, DType to);
Expr Reshape(const Expr& x, const Extents& dims);
Expr Expand(const Expr& x, const Extents& dims);
Expr Transpose(const Expr& x, std::vector<int64_t> perm);
Expr SwapAxes(const Expr& x, int a, int b);
Expr Unsqueeze(const Expr& x, const std::vector<int64_t>& axes);
Expr Squeeze(const Expr& x, const std::vector<int64_t>& axes);
Expr Slice(const Expr& x, int64_t axis, const Extent& start, const Extent& end, int64_t step = 1);
Expr Join(const std::vector<Expr>& parts, int64_t axis);
Expr Gather(const Expr& x, const Expr& indices, int64_t axis);
Expr GatherElements(const Expr& x, const Expr& indices, int64_t axis);
Expr Reduce(const Expr& x, std::string_view mode, const std::vector<int64_t>& axes, bool keep_dims = true);
Expr MatMul(const Expr& a, const Expr& b);
Expr Softmax(const Expr& x, int64_t axis);
/// 0, 1, ... n - 1 as i64, or `from` onwards.
Expr Range(DecomposeCtx& ctx, const Extent& n);
Expr Range(DecomposeCtx& ctx, const Extent& from, const Extent& n);
/// The dims as an i64 vector.
Expr DimsOf(DecomposeCtx& ctx, const Extents& dims);
/// A tensor of one value.
Expr Full(DecomposeCtx& ctx, DType dtype, double value, const Extents& dims);

}  // namespace godwit::ops
