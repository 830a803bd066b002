// What an operator's `infer` sees: types of its operands, whatever is known of their contents (constants, and integer
// contents as symbolic dims, so that Shape -> Gather -> Concat -> Reshape chains stay exact under dynamic shapes), its
// attributes, and for control flow the types its regions give. It states types (and contents) of its results.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/attrs.h"
#include "ir/op_def.h"
#include "ir/tensor.h"
#include "ir/type.h"

namespace godwit {

class InferCtx {
 public:
  InferCtx(const OpDef& op, const Attrs& node_attrs, std::vector<const Type*> in, size_t n_out)
      : attrs(node_attrs), op_(op), in_(std::move(in)), out_(n_out), contents_(n_out) {}
  virtual ~InferCtx() = default;

  const Attrs& attrs;
  [[nodiscard]] const OpDef& op() const { return op_; }

  [[nodiscard]] size_t n_in() const { return in_.size(); }
  [[nodiscard]] size_t n_out() const { return out_.size(); }
  [[nodiscard]] bool Has(size_t i) const { return i < in_.size() && in_[i] != nullptr; }
  [[nodiscard]] const Type& In(size_t i) const { return Has(i) ? *in_[i] : kUnknown; }
  [[nodiscard]] DType DtypeOf(size_t i) const { return In(i).dtype(); }
  [[nodiscard]] bool Ranked(size_t i) const { return In(i).ranked(); }
  [[nodiscard]] int Rank(size_t i) const { return In(i).rank(); }
  [[nodiscard]] const Shape& ShapeOf(size_t i) const { return In(i).shape(); }

  /// The operand's value when it is known while inferring; null otherwise (or when too large to be shape-like).
  [[nodiscard]] virtual const Tensor* Const(size_t) { return nullptr; }
  /// An integer operand's elements as dims, when known, symbolic ones included (rank 0 or 1).
  [[nodiscard]] virtual std::optional<std::vector<Dim>> Contents(size_t) { return std::nullopt; }
  /// The same when all are plain numbers.
  [[nodiscard]] std::optional<std::vector<int64_t>> Ints(size_t i);
  /// Types of region `k`'s results when its parameters have these types. Only for operators with regions.
  virtual Result<std::vector<Type>> InferRegion(size_t k, const std::vector<Type>& params);
  /// A symbol that occurs nowhere else.
  virtual Dim Fresh(std::string_view hint);

  void Out(size_t i, Type type) {
    if (i < out_.size()) out_[i] = std::move(type);
  }
  void Out(size_t i, DType dtype, Shape shape) { Out(i, Type::Tensor(dtype, std::move(shape))); }
  void OutContents(size_t i, std::vector<Dim> dims) {
    if (i < contents_.size()) contents_[i] = std::move(dims);
  }

  /// The failure of a numbered constraint: Fail("c1", "axis 5, rank 4").
  [[nodiscard]] Diag Fail(std::string_view constraint, std::string what) const;
  /// An attribute axis in [-rank, rank) made non-negative; the constraint's failure otherwise.
  [[nodiscard]] Result<int> Axis(std::string_view constraint, int64_t axis, int rank) const;

  [[nodiscard]] std::vector<Type>& results() { return out_; }
  [[nodiscard]] std::vector<std::optional<std::vector<Dim>>>& result_contents() { return contents_; }

 private:
  static const Type kUnknown;
  const OpDef& op_;
  std::vector<const Type*> in_;
  std::vector<Type> out_;
  std::vector<std::optional<std::vector<Dim>>> contents_;
  int fresh_ = 0;
};

/// Operand and result element types against the operator's table: allowed types and groups that must agree.
Status CheckOperandTypes(const OpDef& op, const std::vector<const Type*>& in);

}  // namespace godwit
