// What an operator's `decompose` sees: its operands as values, its attributes, and a builder for the simpler operators
// that say the same. A target that lacks the operator has those instead.
#pragma once

#include <string>
#include <vector>

#include "ir/builder.h"
#include "ir/graph.h"
#include "ir/op_def.h"

namespace godwit {

class DecomposeCtx {
 public:
  DecomposeCtx(Builder& builder, const OpDef& op, const Attrs& node_attrs, std::vector<ValueId> in,
               std::vector<bool> wanted)
      : attrs(node_attrs),
        build(builder),
        op_(op),
        in_(std::move(in)),
        wanted_(std::move(wanted)),
        out_(wanted_.size()) {}

  const Attrs& attrs;
  Builder& build;

  [[nodiscard]] const OpDef& op() const { return op_; }
  [[nodiscard]] size_t n_in() const { return in_.size(); }
  [[nodiscard]] size_t n_out() const { return out_.size(); }
  [[nodiscard]] bool Has(size_t i) const { return i < in_.size() && in_[i].valid(); }
  [[nodiscard]] ValueId In(size_t i) const { return i < in_.size() ? in_[i] : ValueId(); }
  /// The type of a value; of an absent one: not known.
  [[nodiscard]] const Type& TypeOf(ValueId id) const;
  [[nodiscard]] const Type& TypeOfIn(size_t i) const { return TypeOf(In(i)); }
  /// A small operand's value when it is known; null otherwise.
  [[nodiscard]] const Tensor* Const(size_t i) { return Has(i) ? build.inference().Const(In(i)) : nullptr; }
  /// An integer operand's elements, when all are known numbers.
  [[nodiscard]] std::optional<std::vector<int64_t>> Ints(size_t i);
  [[nodiscard]] bool Wants(size_t i) const { return i < wanted_.size() && wanted_[i]; }

  void Out(size_t i, ValueId value) {
    if (i < out_.size()) out_[i] = value;
  }
  [[nodiscard]] const std::vector<ValueId>& results() const { return out_; }

  /// A node with one result, or nothing once anything has failed.
  ValueId Emit(const OpDef& op, std::vector<ValueId> in, Attrs node_attrs = {});
  std::vector<ValueId> EmitN(const OpDef& op, std::vector<ValueId> in, size_t n_out, Attrs node_attrs = {});
  /// Emit and its kin give nothing from here on. The first failure stays.
  void Fail(Diag diag);
  [[nodiscard]] Status TakeStatus() { return std::move(status_); }
  [[nodiscard]] bool failed() const { return !status_.ok(); }

  /// ir.no_decomposition: this node cannot be said in simpler operators, because `why`.
  [[nodiscard]] Diag Cannot(std::string_view why) const;

 private:
  const OpDef& op_;
  std::vector<ValueId> in_;
  std::vector<bool> wanted_;
  std::vector<ValueId> out_;
  Status status_ = Ok{};
};

/// The node in simpler operators, emitted where `builder` stands: a value for each of its results, invalid for those
/// that nobody wants. The node itself stays. Fails when its operator has no decomposition or this case has none; nodes
/// emitted until then are left to whoever drops unused ones.
Result<std::vector<ValueId>> Decompose(Builder& builder, NodeId node);

}  // namespace godwit
