// Types of values: tensors (dtype, shape that may be symbolic or of unknown rank, optional quantisation),
// sequences, optionals, maps, and opaque resources.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ir/dim.h"
#include "ir/dtype.h"

namespace godwit {

/// real = (stored - zero_point) * scale, per tensor (axis < 0, one scale), per axis, or per block along `axis`.
struct Quant {
  std::vector<double> scales;
  std::vector<int64_t> zero_points;  ///< empty means all zero
  int axis = -1;
  int64_t block = 0;  ///< elements a block along `axis`; 0 means none
  friend bool operator==(const Quant&, const Quant&) = default;
};

struct TensorType {
  DType dtype = DType::kNone;  ///< kNone: not known
  bool ranked = false;         ///< false: the rank is not known and `shape` is empty
  Shape shape;
  std::shared_ptr<const Quant> quant;  ///< null: not quantised

  TensorType() = default;
  explicit TensorType(DType d) : dtype(d) {}
  TensorType(DType d, Shape s) : dtype(d), ranked(true), shape(std::move(s)) {}
  [[nodiscard]] int rank() const { return static_cast<int>(shape.size()); }
  [[nodiscard]] bool is_static() const { return ranked && IsStatic(shape); }
  friend bool operator==(const TensorType& a, const TensorType& b);
};

class Type {
 public:
  enum class Kind : uint8_t { kUnknown, kTensor, kSequence, kOptional, kMap, kResource };

  Type() = default;
  Type(TensorType t) : kind_(Kind::kTensor), tensor_(std::move(t)) {}  // NOLINT(google-explicit-constructor)
  static Type Tensor(DType d) { return Type(TensorType(d)); }
  static Type Tensor(DType d, Shape s) { return Type(TensorType(d, std::move(s))); }
  static Type Sequence(Type element) { return Of(Kind::kSequence, std::move(element)); }
  static Type Optional(Type element) { return Of(Kind::kOptional, std::move(element)); }
  static Type Map(DType key, Type value);
  static Type Resource();

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is_unknown() const { return kind_ == Kind::kUnknown; }
  [[nodiscard]] bool is_tensor() const { return kind_ == Kind::kTensor; }
  [[nodiscard]] const TensorType& tensor() const { return tensor_; }
  TensorType& tensor() { return tensor_; }
  /// Element of a sequence or optional, value of a map.
  [[nodiscard]] const Type& element() const;
  [[nodiscard]] DType key() const { return key_; }
  /// Conveniences for tensors; kNone, false, empty otherwise.
  [[nodiscard]] DType dtype() const { return tensor_.dtype; }
  [[nodiscard]] bool ranked() const { return is_tensor() && tensor_.ranked; }
  [[nodiscard]] const Shape& shape() const { return tensor_.shape; }
  [[nodiscard]] int rank() const { return tensor_.rank(); }

  /// "f32[1,3,H,W]", "f32[*]", "seq(f32[*])", "opt(i64[])", "map(i64,f32[*])", "?".
  [[nodiscard]] std::string ToString() const;
  static Result<Type> Parse(std::string_view text);
  friend bool operator==(const Type& a, const Type& b);

 private:
  static Type Of(Kind kind, Type element);
  Kind kind_ = Kind::kUnknown;
  TensorType tensor_;
  DType key_ = DType::kNone;
  std::shared_ptr<const Type> element_;
};

/// The most precise type that both describe: known dims win over symbolic ones. nullopt when they contradict.
std::optional<Type> Meet(const Type& a, const Type& b);
/// The most precise type that covers both (branches of an If): differing dims become symbols named `hint`_0, ...
Type Join(const Type& a, const Type& b, std::string_view hint);

}  // namespace godwit
