// What a row's function sees of one core node that is to be written: operands as names or as known contents, results
// by the names they have to get, and the means to write ONNX nodes. What a function has written is kept only when it
// ends well and every node fits the official signature of its operator.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "backends/onnx/values.h"
#include "base/diag_targets.h"
#include "ops/ops.h"
#include "passes/legalise/scope.h"
#include "targets/misfit.h"

namespace godwit::to_onnx {

class ModelExport;
struct Row;

using Names = std::vector<Name>;

class NodeExport {
 public:
  NodeExport(ModelExport& exporter, Scope& scope, NodeId id, const Row& row);

  [[nodiscard]] const Node& node() const { return node_; }
  [[nodiscard]] const OpDef& op() const { return *node_.op; }
  [[nodiscard]] const Attrs& attrs() const { return node_.attrs; }
  [[nodiscard]] const Row& row() const { return row_; }
  /// The operator set of ai.onnx that is written.
  [[nodiscard]] int opset() const;
  /// That of the source; 0 where it has none.
  [[nodiscard]] int64_t source_opset() const;
  /// The source's operator, "Sum" or "com.microsoft.Gelu": which of several ways to say the same it chose.
  [[nodiscard]] std::string_view source_op() const;

  // Operands.
  [[nodiscard]] size_t n_in() const { return node_.in.size(); }
  [[nodiscard]] bool Has(size_t i) const { return i < node_.in.size() && node_.in[i].valid(); }
  [[nodiscard]] ValueId Operand(size_t i) const { return Has(i) ? node_.in[i] : ValueId(); }
  [[nodiscard]] const Type& TypeOf(size_t i) const { return TypeOf(Operand(i)); }
  [[nodiscard]] const Type& TypeOf(ValueId id) const;
  [[nodiscard]] DType DtypeOf(size_t i) const { return TypeOf(i).dtype(); }
  [[nodiscard]] Result<int> Rank(size_t i) const;  ///< target.rank when it is not known
  /// Contents, when they are known without running the model. Asking does not make the operand a part of the file.
  [[nodiscard]] const Tensor* Known(size_t i) { return Known(Operand(i)); }
  [[nodiscard]] const Tensor* Known(ValueId id) { return scope_.Known(id); }
  /// Contents of a constant of any size, loaded; nothing where the operand is none.
  [[nodiscard]] std::optional<Tensor> Loaded(size_t i) const;
  [[nodiscard]] std::optional<std::vector<int64_t>> Ints(size_t i) { return Ints(Operand(i)); }
  [[nodiscard]] std::optional<std::vector<int64_t>> Ints(ValueId id) { return scope_.Ints(id); }
  /// The same for what can only be an attribute: target.constant when it is not known.
  Result<std::vector<int64_t>> NeedInts(size_t i, std::string_view what);
  Result<double> NeedNumber(size_t i, std::string_view what);

  /// The node of this operator that makes a value which nobody else uses; null otherwise. A row that writes its work
  /// too names that node's operands instead of the value.
  [[nodiscard]] const Node* Maker(ValueId id, const OpDef& by) const;
  /// The same, whoever else uses the value.
  [[nodiscard]] const Node* DefOf(ValueId id, const OpDef& by) const;
  [[nodiscard]] bool IsConstant(ValueId id) const;
  /// The same if the maker came from the same node of the source.
  [[nodiscard]] const Node* Sibling(ValueId id, const OpDef& by) const;

  /// The same, whoever else uses the value: for what the row leaves unnamed altogether.
  [[nodiscard]] const Node* SiblingOf(ValueId id, const OpDef& by) const;

  /// Whether this node may give `value`, a result of `maker`, in the maker's place: nobody uses it before this node.
  [[nodiscard]] bool MayGive(const Node& maker, ValueId value) const;
  /// The name of a value that this node gives in the place of the one that makes it, which is not written then.
  Name Give(ValueId value);

  // Names of tensors of the file. Absent ones are "".
  Name In(size_t i) { return Of(Operand(i)); }
  Name Of(ValueId id);
  /// Operand i with its last two axes swapped where the attribute asks for that.
  Result<Name> InSwapped(size_t i, std::string_view flag);
  Names Ins();  ///< all operands, without absent ones at the end
  Name Out(size_t i = 0);
  [[nodiscard]] bool Wants(size_t i) const;
  [[nodiscard]] size_t n_out() const { return node_.out.size(); }
  [[nodiscard]] const Type& OutType(size_t i = 0) const { return TypeOf(i < n_out() ? node_.out[i] : ValueId()); }

  // New constants.
  Name Const(Tensor tensor);
  Name I64s(const std::vector<int64_t>& values);
  Name ScalarI64(int64_t value) { return Const(Tensor::ScalarI64(value)); }
  Name Number(DType dtype, double value);  ///< rank 0

  // Writing. Attributes at their defaults need not be given.
  /// A node that gives the core node's results (those nobody wants are left out where that is allowed).
  void Emit(std::string_view op, Names in, const OnnxAttrs& attrs = {});
  /// A node that gives result `i` alone.
  void EmitTo(size_t i, std::string_view op, Names in, const OnnxAttrs& attrs = {});
  /// A node in between, with one result.
  Name Temp(std::string_view op, Names in, const OnnxAttrs& attrs = {});
  void EmitAs(std::string_view op, const Names& in, const Names& out, const OnnxAttrs& attrs = {});
  /// A name for a tensor in between.
  Name NewName(std::string_view hint);
  /// The nodes that follow are of this domain.
  void set_domain(std::string_view domain) { domain_ = domain; }
  /// Region k as a graph attribute.
  Result<const onnx::Graph*> Body(size_t k);

  // Failures.
  /// The row takes in a pattern of nodes, and this is not it: nothing to report.
  [[nodiscard]] Diag NotThis() { return Lacks(diag::kDefect, {}); }
  [[nodiscard]] Diag Lacks(const DiagDef& limit, std::string what,
                           targets::Repair repair = targets::Repair::kDecompose);
  /// target.attribute
  [[nodiscard]] Diag LacksForm(std::string what) { return Lacks(diag::kTargetAttribute, std::move(what)); }

  // For the exporter.
  [[nodiscard]] const std::vector<onnx::Node>& written() const { return written_; }
  std::vector<onnx::Node>& written() { return written_; }
  [[nodiscard]] const std::vector<ValueId>& given() const { return given_; }
  [[nodiscard]] const targets::Misfit& misfit() const { return misfit_; }
  /// Every written node against its operator's signature; the misfit where one does not fit.
  std::optional<targets::Misfit> CheckWritten();

 private:
  void Note(Name name, ValueId id);
  const Type* TypeOfName(Name name) const;

  ModelExport& exporter_;
  Scope& scope_;
  const NodeId id_;
  const Node& node_;
  const Row& row_;
  std::string_view domain_;
  std::vector<onnx::Node> written_;
  std::vector<ValueId> given_;
  std::unordered_map<Name, Type> types_;
  targets::Misfit misfit_;
};

}  // namespace godwit::to_onnx
