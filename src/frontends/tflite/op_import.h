// What an import function sees of one TFLite operator: its operands as values of the graph being built, as real numbers
// where the operator's row asks for them, its options, and the means to emit core operators in its place. The first
// failure is kept, what follows it does nothing.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tflite/model.h"
#include "frontends/tflite/rule.h"
#include "ir/builder.h"
#include "ops/ops.h"

namespace godwit::from_tflite {

class GraphImport;

/// The end of a slice that reaches as far as the axis does.
inline constexpr int64_t kToEnd = INT64_MAX;

class OpImport {
 public:
  OpImport(GraphImport& importer, const tflite::Operator& op, Numbers numbers);

  [[nodiscard]] const tflite::Operator& op() const { return op_; }
  [[nodiscard]] GraphImport& importer() { return importer_; }
  [[nodiscard]] std::string_view name() const { return name_; }
  /// Those of the operator's own table; all defaults where the file states none.
  [[nodiscard]] const tflite::Options& options() const { return options_; }

  // Operands.
  [[nodiscard]] size_t n_in() const { return op_.inputs.size(); }
  [[nodiscard]] bool Has(size_t i) const { return i < op_.inputs.size() && op_.inputs[i] >= 0; }
  /// One without a name or shape where there is none.
  [[nodiscard]] const tflite::Tensor& InTensor(size_t i) const;
  /// What the operator computes with: real numbers where its row says so and the tensor is quantised.
  ValueId In(size_t i);
  ValueId InOrNone(size_t i) { return Has(i) ? In(i) : ValueId(); }
  /// The elements as they are stored.
  ValueId Stored(size_t i);
  /// The real numbers whatever the row says.
  ValueId Real(size_t i);
  /// An operand that is added to products of operands `x` and `w`: an integer one goes by the product of their scales.
  ValueId Bias(size_t i, size_t x, size_t w);
  [[nodiscard]] bool Quantised(size_t i) const;
  /// Whether operands and results with these indices have one scale and zero point.
  [[nodiscard]] bool OneScale(const std::vector<size_t>& ins, bool with_result = true) const;

  // Types and contents.
  [[nodiscard]] const Type& TypeOf(ValueId v) const;
  [[nodiscard]] DType DtypeOf(ValueId v) const { return TypeOf(v).dtype(); }
  /// -1, and a failure, when it is not known.
  int Rank(ValueId v);
  /// The dim; a failure when it is not known as a number.
  int64_t DimOf(ValueId v, int axis);
  /// The shape, each dim a number; a failure otherwise.
  std::vector<int64_t> Dims(ValueId v);
  /// The elements of whatever rank, in order.
  [[nodiscard]] std::optional<std::vector<int64_t>> KnownInts(ValueId v);
  /// Operand i's elements, which must be known.
  std::vector<int64_t> ConstInts(size_t i);
  const Tensor* KnownTensor(ValueId v);

  // Options.
  [[nodiscard]] int64_t Int(std::string_view field) const { return options_.Int(field); }
  [[nodiscard]] bool Flag(std::string_view field) const { return options_.Bool(field); }
  [[nodiscard]] double Float(std::string_view field) const { return static_cast<double>(options_.Float(field)); }
  [[nodiscard]] std::vector<int64_t> Ints(std::string_view field) const { return options_.Ints(field); }

  // Building.
  Builder& builder();
  ValueId Emit(const OpDef& op, std::vector<ValueId> in, Attrs attrs = {});
  std::vector<ValueId> EmitN(const OpDef& op, std::vector<ValueId> in, size_t n_out, Attrs attrs = {});
  ValueId I64s(const std::vector<int64_t>& values) { return builder().I64s(values); }
  /// A rank-0 constant of the element type of `like`.
  ValueId Number(ValueId like, double value);
  ValueId Cast(ValueId x, DType to);
  ValueId Add(ValueId a, ValueId b) { return Emit(ops::kAdd, {a, b}); }
  ValueId Sub(ValueId a, ValueId b) { return Emit(ops::kSub, {a, b}); }
  ValueId Mul(ValueId a, ValueId b) { return Emit(ops::kMul, {a, b}); }
  ValueId Div(ValueId a, ValueId b) { return Emit(ops::kDiv, {a, b}); }
  ValueId Clip(ValueId x, double low, double high) { return Emit(ops::kClip, {x, Number(x, low), Number(x, high)}); }
  ValueId Unsqueeze(ValueId x, const std::vector<int64_t>& axes) { return Emit(ops::kUnsqueeze, {x, I64s(axes)}); }
  ValueId Squeeze(ValueId x, const std::vector<int64_t>& axes) { return Emit(ops::kSqueeze, {x, I64s(axes)}); }
  ValueId Reshape(ValueId x, const std::vector<int64_t>& shape) {
    return Emit(ops::kReshape, {x, I64s(shape)}, {{"allow_zero", int64_t{1}}});
  }
  ValueId Slice(ValueId x, int64_t axis, int64_t begin, int64_t end, int64_t step = 1) {
    return Emit(ops::kSlice, {x, I64s({begin}), I64s({end}), I64s({axis}), I64s({step})});
  }
  ValueId Transpose(ValueId x, std::vector<int64_t> perm) {
    return Emit(ops::kTranspose, {x}, {{"perm", std::move(perm)}});
  }
  /// The function that the option fused_activation_function names.
  ValueId Activate(ValueId x);
  /// The same on stored elements of result 0's quantisation.
  ValueId ActivateStored(ValueId x);

  // Results.
  [[nodiscard]] size_t n_out() const { return op_.outputs.size(); }
  [[nodiscard]] bool Wants(size_t i) const { return i < op_.outputs.size() && op_.outputs[i] >= 0; }
  [[nodiscard]] const tflite::Tensor& OutTensor(size_t i) const;
  /// Real numbers are quantised where the tensor is; other types are cast to the tensor's.
  void Out(size_t i, ValueId value);

  // Failures.
  ValueId Fail(Diag diag);
  ValueId Unsupported(std::string why);
  ValueId BadOption(std::string_view field, std::string what);
  [[nodiscard]] bool ok() const { return failure_ == nullptr; }
  Status status();
  void Warn(Diag diag);

  /// A tensor of the subgraph as real numbers, for operators that know more tensors than operands.
  /// Those of 32 bits are left as they are unless `any_integer` is set.
  ValueId RealTensor(int32_t tensor, bool any_integer = false);
  /// The mark that quantize and dequantize of this operator carry; empty for none.
  [[nodiscard]] std::string_view arithmetic() const { return arithmetic_; }
  /// For rows that decide by themselves.
  void set_arithmetic(std::string_view mark) { arithmetic_ = mark; }
  ValueId Quantized(ValueId real, const tflite::Tensor& as);
  /// Attributes of a quantize or dequantize with the operator's mark.
  [[nodiscard]] Attrs Marked(Attrs attrs) const;

 private:
  struct Grain {
    ValueId scale, zero;
    int64_t axis = 0, block = 0;
  };
  Grain GrainOf(const tflite::Tensor& tensor);

  GraphImport& importer_;
  const tflite::Operator& op_;
  std::string name_;
  tflite::Options options_;
  Numbers numbers_;
  std::string_view arithmetic_;
  std::vector<std::pair<int32_t, ValueId>> real_;  ///< tensors that are dequantised already
  std::unique_ptr<Diag> failure_;
};

}  // namespace godwit::from_tflite
