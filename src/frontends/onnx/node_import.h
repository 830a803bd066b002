// What an import function sees of one ONNX node: its operands as values of the graph being built, its attributes with
// every read checked, and the means to emit core operators in its place.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/onnx/model.h"
#include "frontends/onnx/rule.h"
#include "ir/builder.h"
#include "ops/ops.h"

namespace godwit::from_onnx {

class GraphImport;

class NodeImport {
 public:
  NodeImport(GraphImport& importer, const onnx::Node& node, int64_t version, std::vector<ValueId> in)
      : importer_(importer), node_(node), version_(version), in_(std::move(in)), out_(node.outputs.size()) {}

  [[nodiscard]] const onnx::Node& node() const { return node_; }
  /// Version of the node's domain that the model (or the enclosing function) imports.
  [[nodiscard]] int64_t version() const { return version_; }

  // Operands.
  [[nodiscard]] size_t n_in() const { return in_.size(); }
  [[nodiscard]] bool Has(size_t i) const { return i < in_.size() && in_[i].valid(); }
  [[nodiscard]] Result<ValueId> In(size_t i) const;  ///< onnx.input.missing when absent
  [[nodiscard]] ValueId InOrNone(size_t i) const { return Has(i) ? in_[i] : ValueId(); }
  [[nodiscard]] const std::vector<ValueId>& ins() const { return in_; }
  [[nodiscard]] const Type& TypeOf(ValueId v) const;
  [[nodiscard]] DType DtypeOf(ValueId v) const { return TypeOf(v).dtype(); }
  [[nodiscard]] Result<int> Rank(ValueId v) const;  ///< onnx.rank.unknown when it is not known
  /// The operand's contents when they are known at import (constants), as integers.
  [[nodiscard]] std::optional<std::vector<int64_t>> KnownInts(ValueId v);
  [[nodiscard]] const Tensor* KnownTensor(ValueId v);

  // Attributes. Reading one of another type is onnx.attr.type, a missing required one onnx.attr.missing.
  [[nodiscard]] bool HasAttr(std::string_view name);
  Result<int64_t> Int(std::string_view name);
  Result<int64_t> Int(std::string_view name, int64_t fallback);
  Result<double> Float(std::string_view name);
  Result<double> Float(std::string_view name, double fallback);
  Result<std::string> Str(std::string_view name);
  Result<std::string> Str(std::string_view name, std::string_view fallback);
  Result<std::vector<int64_t>> Ints(std::string_view name);      ///< empty when absent
  Result<std::vector<double>> Floats(std::string_view name);     ///< empty when absent
  Result<std::vector<std::string>> Strs(std::string_view name);  ///< empty when absent
  Result<Tensor> TensorAttr(std::string_view name);              ///< invalid when absent; sparse ones come dense
  /// The same without loading it: the bytes stay in the file until they are wanted.
  Result<godwit::Constant> ConstantAttr(std::string_view name);
  Result<const onnx::Graph*> GraphAttr(std::string_view name);     ///< null when absent
  Result<DType> DtypeAttr(std::string_view name, DType fallback);  ///< an ONNX TensorProto.DataType number
  Result<Type> TypeAttr(std::string_view name);
  /// Marks an attribute as seen that has no meaning for inference (names of legacy attributes and the like).
  void Ignore(std::string_view name) { (void)HasAttr(name); }

  // Building.
  Builder& builder();
  Result<ValueId> Emit(const OpDef& op, std::vector<ValueId> in, Attrs attrs = {});
  Result<std::vector<ValueId>> EmitN(const OpDef& op, std::vector<ValueId> in, size_t n_out, Attrs attrs = {});
  /// A node with regions: `graphs[k]` becomes region k with parameters of the given types (graph inputs otherwise).
  Result<std::vector<ValueId>> EmitRegions(const OpDef& op, std::vector<ValueId> in, size_t n_out, Attrs attrs,
                                           const std::vector<const onnx::Graph*>& graphs,
                                           const std::vector<std::vector<Type>>& param_types);
  /// The sub-graph's nodes in this node's place, its inputs bound to `in`; its outputs.
  Result<std::vector<ValueId>> Inline(const onnx::Graph& graph, const std::vector<ValueId>& in);
  ValueId I64s(const std::vector<int64_t>& values) { return builder().I64s(values); }
  ValueId ScalarI64(int64_t value) { return builder().ScalarI64(value); }
  /// A rank-0 constant of the value's element type.
  ValueId ScalarLike(ValueId like, double value) { return builder().Scalar(DtypeOf(like), value); }
  ValueId Constant(Tensor tensor) { return builder().Constant(std::move(tensor)); }

  // Results.
  [[nodiscard]] size_t n_out() const { return out_.size(); }
  [[nodiscard]] bool Wants(size_t i) const { return i < node_.outputs.size() && !node_.outputs[i].empty(); }
  void Out(size_t i, ValueId value) {
    if (i < out_.size()) out_[i] = value;
  }
  [[nodiscard]] const std::vector<ValueId>& outs() const { return out_; }

  // Whole nodes that map one to one: all operands as they are (absent ones stay absent), results in order.
  Status Same(const OpDef& op, Attrs attrs = {});

  // Failures, already naming the node.
  [[nodiscard]] Diag BadValue(std::string_view attribute, std::string what) const;  ///< onnx.attr.value
  [[nodiscard]] Diag Unsupported(std::string why) const;                            ///< onnx.op.unsupported
  /// A warning that does not stop the import of the node.
  void Warn(Diag diag);

  /// Attributes nobody read.
  [[nodiscard]] std::vector<std::string_view> Unread() const;

 private:
  const onnx::Attribute* Find(std::string_view name);
  Result<const onnx::Attribute*> FindTyped(std::string_view name, onnx::AttributeType type,
                                           onnx::AttributeType empty_list_type);

  GraphImport& importer_;
  const onnx::Node& node_;
  int64_t version_;
  std::vector<ValueId> in_;
  std::vector<ValueId> out_;
  uint64_t read_ = 0;  ///< bit i: attribute i was asked for (attributes past 64 count as read)
};

}  // namespace godwit::from_onnx
