// What a row's function sees of one core node that is to be written: operands as tensors of the file or as known
// contents, results as the tensors they have to become, and the means to write operators. What a function has written
// is kept only when it ends well and the target's table has a version of every operator that takes it as it is.
//
// A function may also run for a node together with what follows it: an activation that the operator can have fused
// (TakeActivation), or the quantisation around it (rows with Row::kQuantised). In, Out and their types are then those
// of the file; node() and TypeOf stay those of the graph.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/tflite/written.h"
#include "base/diag_targets.h"
#include "ops/ops.h"
#include "passes/lazy_weight.h"
#include "passes/legalise/scope.h"
#include "targets/misfit.h"

namespace godwit::to_tflite {

class ModelExport;
struct Row;

/// ActivationFunctionType of the schema.
enum class Activation : uint8_t { kNone = 0, kRelu = 1, kReluN1To1 = 2, kRelu6 = 3, kTanh = 4 };

/// What is written together with a node.
struct Together {
  Activation activation = Activation::kNone;
  ValueId result;          ///< what the node's first result becomes instead; invalid: itself
  bool quantised = false;  ///< operands are read before their dequantize, `result` is that of a quantize
};

class NodeExport {
 public:
  NodeExport(ModelExport& exporter, Scope& scope, NodeId id, const Row& row, Together with = {});

  [[nodiscard]] const Node& node() const { return node_; }
  [[nodiscard]] const OpDef& op() const { return *node_.op; }
  [[nodiscard]] const Attrs& attrs() const { return node_.attrs; }
  [[nodiscard]] const Row& row() const { return row_; }
  /// The source's operator, "Sum" or "com.microsoft.Gelu".
  [[nodiscard]] std::string_view source_op() const;

  // Operands as the graph has them.
  [[nodiscard]] size_t n_in() const { return node_.in.size(); }
  [[nodiscard]] bool Has(size_t i) const { return i < node_.in.size() && node_.in[i].valid(); }
  [[nodiscard]] ValueId Operand(size_t i) const { return Has(i) ? node_.in[i] : ValueId(); }
  [[nodiscard]] const Type& TypeOf(size_t i) const { return TypeOf(Operand(i)); }
  [[nodiscard]] const Type& TypeOf(ValueId id) const;
  [[nodiscard]] DType DtypeOf(size_t i) const { return TypeOf(i).dtype(); }
  [[nodiscard]] const Shape& ShapeOf(size_t i) const { return TypeOf(i).shape(); }
  [[nodiscard]] bool IsConstant(size_t i) const { return Has(i) && scope_.graph().IsConstant(Operand(i)); }
  [[nodiscard]] Result<int> Rank(size_t i) const;  ///< target.rank when it is not known
  /// All dims, where they are numbers.
  [[nodiscard]] std::optional<Dims> StaticDims(const Type& type) const;
  [[nodiscard]] std::optional<Dims> StaticDims(size_t i) const { return StaticDims(TypeOf(i)); }
  Result<Dims> NeedDims(size_t i, std::string_view what);  ///< target.constant when they are not
  /// Contents, when they are known without running the model. Asking does not make the operand a part of the file.
  [[nodiscard]] const Tensor* Known(size_t i) { return Known(Operand(i)); }
  [[nodiscard]] const Tensor* Known(ValueId id) { return scope_.Known(id); }
  [[nodiscard]] std::optional<std::vector<int64_t>> Ints(size_t i) { return Ints(Operand(i)); }
  [[nodiscard]] std::optional<std::vector<int64_t>> Ints(ValueId id) { return scope_.Ints(id); }
  Result<std::vector<int64_t>> NeedInts(size_t i, std::string_view what);  ///< target.constant when it is not known
  Result<double> NeedNumber(size_t i, std::string_view what);
  [[nodiscard]] std::optional<double> Number(ValueId id);  ///< of a known tensor of one element
  [[nodiscard]] std::optional<double> Number(size_t i) { return Number(Operand(i)); }

  /// The node of this operator that makes a value which nobody else uses; null otherwise. A row that writes its work
  /// too names that node's operands instead of the value.
  [[nodiscard]] const Node* Maker(ValueId id, const OpDef& by) const;
  [[nodiscard]] const Node* Maker(ValueId id) const;
  /// The node that makes a value, whoever else uses it.
  [[nodiscard]] const Node* MakerOf(ValueId id) const;
  [[nodiscard]] Scope& scope() { return scope_; }

  // Tensors of the file.
  Ref In(size_t i) { return Of(Operand(i)); }
  Ref Of(ValueId id);
  Refs Ins();  ///< all operands, without absent ones at the end
  /// Operand `i` with its axes permuted: a constant is stored so, anything else is transposed.
  Ref InTurned(size_t i, const std::vector<int64_t>& perm) { return OfTurned(Operand(i), perm); }
  Ref OfTurned(ValueId id, const std::vector<int64_t>& perm);
  /// The same for weights of a window over lines, [o, w, i] in some order, as those of one over images of height 1.
  Ref WeightsWithHeight(size_t i, const std::vector<int64_t>& perm);
  /// A constant operand, worked out when the file is written: in its type unless `type` is another.
  Result<Ref> InMade(ValueId id, TensorType type, WeightRecipe recipe);
  /// Operand `i` as i32: many operators have no other indices. Constants must fit.
  Result<Ref> InI32(size_t i) { return OfI32(Operand(i)); }
  Result<Ref> OfI32(ValueId id);
  Ref Out(size_t i = 0);
  [[nodiscard]] bool Wants(size_t i) const;
  [[nodiscard]] size_t n_out() const { return node_.out.size(); }
  [[nodiscard]] const Type& OutType(size_t i = 0) const { return TypeOf(i < n_out() ? node_.out[i] : ValueId()); }
  /// The type that a tensor of the file has.
  [[nodiscard]] const TensorType& TypeOf(Ref ref) const;
  [[nodiscard]] bool quantised() const { return with_.quantised; }
  /// Whether the target's delegate wants matrices where FULLY_CONNECTED flattens by itself.
  [[nodiscard]] bool FlatInputs() const;
  /// Whether the integers of the value are written with these scales.
  [[nodiscard]] bool MeansTheSame(ValueId integers, const Quant& quant) const;
  /// Whether the value is a weight of integers whose operator the source computes on numbers: from here on its integers
  /// are what is written. `asymmetric` tells how.
  bool TakeHybrid(ValueId weight, bool* asymmetric);

  // New constants.
  Ref Const(Tensor tensor);
  Ref I32s(const std::vector<int64_t>& values);  ///< rank 1; values must fit
  Ref ScalarI32(int64_t value);
  Ref Number(DType dtype, double value);  ///< rank 0
  /// Not where that were larger than a file should hold for nothing.
  Result<Ref> Filled(DType dtype, Dims dims, double value);
  /// Zeros as the bias of a sum of products of `x` and `w`: i32 with their scales where these are integers.
  Result<Ref> ZeroBias(Ref x, Ref w, int64_t channels);
  /// The operand as the bias of such a sum, zeros when there is none.
  Result<Ref> Bias(ValueId id, Ref x, Ref w, int64_t channels);

  // Writing.
  /// Operator that gives the core node's results, those nobody wants included.
  void Emit(std::string_view builtin, Refs in, OptionList options = {});
  /// One that gives result `i` alone.
  void EmitTo(size_t i, std::string_view builtin, Refs in, OptionList options = {});
  /// One in between, with one result of this type.
  Ref Temp(std::string_view builtin, Refs in, TensorType type, OptionList options = {});
  void EmitAs(std::string_view builtin, Refs in, Refs out, OptionList options = {});
  /// A tensor in between.
  Ref NewTensor(TensorType type);
  /// A tensor that keeps what it holds from one run to the next.
  Ref NewVariable(TensorType type);
  /// `x` under another shape, dims of unknown size at most one; `x` itself where it has that shape.
  Ref Reshaped(Ref x, const Shape& shape);
  /// RESHAPE of `x` to result `i`.
  Status EmitReshapeTo(size_t i, Ref x);
  Ref Turned(Ref x, const std::vector<int64_t>& perm);
  /// The activation that is to be fused, which the operator that is written has then: kNone mostly. A row that does not
  /// ask is not used where there is one.
  Activation TakeActivation();
  /// The last operator written, for what Emit has no argument for.
  WrittenOperator& last() { return written_.back(); }

  // Nodes that are written together.
  /// Writes the node that makes operand `i`, which nobody else uses, with an activation in one operator that gives this
  /// node's result. Not this, where it cannot be.
  Status FuseInto(size_t i, Activation activation);
  /// The same for the node that makes operand `i` of a quantize: it works on integers, whose own dequantizes it takes
  /// in.
  Status Quantise(size_t i);

  /// Region k as a subgraph: its number. Its inputs are the region's parameters and then `captures`.
  Result<int> Body(size_t k, const std::vector<ValueId>& captures);
  /// What the node's regions use of the graph around them, constants left out.
  [[nodiscard]] std::vector<ValueId> Captures() const;
  [[nodiscard]] NodeId id() const { return id_; }
  ModelExport& exporter() { return exporter_; }

  // Failures.
  /// The row takes in a pattern of nodes, and this is not it: nothing to report.
  [[nodiscard]] Diag NotThis() { return Lacks(diag::kDefect, {}); }
  [[nodiscard]] Diag Lacks(const DiagDef& limit, std::string what,
                           targets::Repair repair = targets::Repair::kDecompose);
  /// target.attribute
  [[nodiscard]] Diag LacksForm(std::string what) { return Lacks(diag::kTargetAttribute, std::move(what)); }
  /// target.layout, which the legaliser repairs by transpositions.
  [[nodiscard]] Diag LacksLayout(std::string what);

  // For the exporter.
  WrittenGroup& written() { return written_; }
  [[nodiscard]] const targets::Misfit& misfit() const { return misfit_; }
  /// Every written operator against the target's table, which settles its version; the misfit where one does not fit.
  std::optional<targets::Misfit> CheckWritten();
  [[nodiscard]] const Together& with() const { return with_; }
  /// Whether what is to be written together with the node was.
  [[nodiscard]] bool Complete() const;

 private:
  ValueId Integers(ValueId id);
  DType Narrower(size_t i, TypeSet takes, bool* lossy);

  ModelExport& exporter_;
  Scope& scope_;
  const NodeId id_;
  const Node& node_;
  const Row& row_;
  Together with_;
  ValueId hybrid_;
  bool activation_taken_ = false;
  bool failed_ = false;
  bool not_quantised_ = false;  ///< an operand has no integers behind it
  WrittenGroup written_;
  targets::Misfit misfit_;
};

/// A type with the same elements and another shape.
TensorType WithShape(const TensorType& type, Shape shape);
Shape ShapeOfDims(const Dims& dims);

}  // namespace godwit::to_tflite
