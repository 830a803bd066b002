// What a rule sees of the node it is offered: its operands and what is known about them, and the means to put
// something else in its place. New nodes get the node's origin, a replacement its name.
#pragma once

#include <initializer_list>
#include <optional>
#include <vector>

#include "ir/dim.h"
#include "rewrite/editor.h"

namespace godwit {

class RewriteCtx {
 public:
  RewriteCtx(Editor& editor, NodeId id) : editor_(editor), id_(id), origin_(editor.graph().node(id).origin) {}

  [[nodiscard]] Editor& editor() { return editor_; }
  [[nodiscard]] const Graph& graph() const { return editor_.graph(); }
  [[nodiscard]] NodeId id() const { return id_; }
  [[nodiscard]] const Node& node() const { return graph().node(id_); }
  [[nodiscard]] const Attrs& attrs() const { return node().attrs; }

  // The node's operands and results.
  [[nodiscard]] size_t n_in() const { return node().in.size(); }
  [[nodiscard]] bool Has(size_t i) const { return i < n_in() && node().in[i].valid(); }
  [[nodiscard]] ValueId In(size_t i) const { return i < n_in() ? node().in[i] : ValueId(); }
  [[nodiscard]] ValueId Out(size_t i = 0) const { return i < node().out.size() ? node().out[i] : ValueId(); }

  // What is known about values.
  [[nodiscard]] const Type& TypeOf(ValueId v) const;  ///< unknown for absent operands
  [[nodiscard]] DType DtypeOf(ValueId v) const { return TypeOf(v).dtype(); }
  [[nodiscard]] bool Ranked(ValueId v) const { return TypeOf(v).ranked(); }
  [[nodiscard]] int Rank(ValueId v) const { return TypeOf(v).rank(); }
  [[nodiscard]] const Shape& ShapeOf(ValueId v) const { return TypeOf(v).shape(); }
  [[nodiscard]] bool IsConstant(ValueId v) const { return graph().IsConstant(v); }
  /// Contents of a constant of at most 4096 elements; null otherwise.
  [[nodiscard]] const Tensor* Small(ValueId v) { return v ? editor_.inference().Const(v) : nullptr; }
  /// The one number that all elements of a small constant are.
  [[nodiscard]] std::optional<double> Splat(ValueId v);
  [[nodiscard]] bool IsSplat(ValueId v, double number) { return Splat(v) == number; }
  /// Integer contents as dims, symbolic ones included; constants and shape arithmetic.
  [[nodiscard]] std::optional<std::vector<Dim>> Dims(ValueId v);
  /// The same where all are plain numbers.
  [[nodiscard]] std::optional<std::vector<int64_t>> Ints(ValueId v);

  // The nodes around.
  /// The node that makes the value, when it is in this node's region; null otherwise.
  [[nodiscard]] const Node* Def(ValueId v) const;
  /// The same when its operator is `op`.
  [[nodiscard]] const Node* Def(ValueId v, const OpDef& op) const;
  [[nodiscard]] size_t UseCount(ValueId v) const { return editor_.Uses(v).size(); }
  /// Used in one place, and that is not as a region's result.
  [[nodiscard]] bool SingleUse(ValueId v) const;
  /// The only node that uses the value, when there is one; it is in this node's region.
  [[nodiscard]] const Node* OnlyUser(ValueId v) const;

  // Making nodes.
  Result<ValueId> Emit(const OpDef& op, std::vector<ValueId> in, Attrs attrs = {});
  Result<std::vector<ValueId>> EmitN(const OpDef& op, std::vector<ValueId> in, size_t n_out, Attrs attrs = {});
  ValueId Constant(Tensor tensor) { return editor_.AddConstant(std::move(tensor)); }
  ValueId Constant(godwit::Constant constant) { return editor_.AddConstant(std::move(constant)); }
  ValueId I64s(const std::vector<int64_t>& values);
  ValueId ScalarI64(int64_t value) { return Constant(Tensor::ScalarI64(value)); }
  /// A rank-0 constant, correctly rounded.
  ValueId Scalar(DType dtype, double value);
  /// New nodes are said to come from there; this node's origin at first.
  void set_origin(OriginId origin) { origin_ = origin; }

  // Putting something in the node's place. Each is the last thing that a rule does: `return ctx.Replace(...)`.
  /// Result 0, the only one in use.
  Result<bool> Replace(ValueId now) { return Replace(std::vector<ValueId>{now}); }
  /// All results; those nobody wants may be invalid.
  Result<bool> Replace(const std::vector<ValueId>& now);
  /// A node with these operands and attributes instead, with as many results.
  Result<bool> Rebuild(const OpDef& op, std::vector<ValueId> in, Attrs attrs = {});
  /// Another operand i, everything else as it is.
  Result<bool> Rewire(size_t i, ValueId operand);

  /// Takes back the nodes made so far.
  void Undo();

 private:
  Editor& editor_;
  NodeId id_;
  OriginId origin_;
  std::vector<NodeId> made_;
};

}  // namespace godwit
