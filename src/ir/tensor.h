// A dense tensor in memory: dtype, concrete shape, and bytes that are owned, shared or borrowed from a mapped file.
// Strings are interned, and an element of a string tensor is a pointer to the interned text, so that every operator
// that only moves data treats them as 8-byte elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ir/dtype.h"
#include "ir/type.h"

namespace godwit {

using Dims = std::vector<int64_t>;

/// Product of dims; callers have checked for overflow (see CheckedByteSize).
int64_t ElementCount(const Dims& dims);
/// Bytes of such a tensor; an error when a dim is negative or the size cannot be (past the limit `tensor_bytes`).
Result<int64_t> CheckedByteSize(DType dtype, const Dims& dims);
std::string ToString(const Dims& dims);
Shape ToShape(const Dims& dims);

using StringRef = const std::string*;
/// The one copy of `text`, alive until the program ends.
StringRef Intern(std::string_view text);

class Tensor {
 public:
  Tensor() = default;
  /// Owned, 64-byte aligned, zeroed only for strings (empty). The size must have been checked.
  Tensor(DType dtype, Dims dims);
  /// Borrowed: `owner` keeps `data` alive (null: the caller does). `data` is aligned to the element size.
  Tensor(DType dtype, Dims dims, const void* data, std::shared_ptr<const void> owner);

  /// Owned, refusing sizes that cannot be.
  static Result<Tensor> Make(DType dtype, Dims dims);
  template <class T>
  static Tensor Of(DType dtype, Dims dims, std::span<const T> values);
  static Tensor I64(Dims dims, const std::vector<int64_t>& values);
  static Tensor F32(Dims dims, const std::vector<float>& values);
  static Tensor ScalarI64(int64_t value) { return I64({}, {value}); }

  [[nodiscard]] bool valid() const { return dtype_ != DType::kNone; }
  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] const Dims& dims() const { return dims_; }
  [[nodiscard]] int rank() const { return static_cast<int>(dims_.size()); }
  [[nodiscard]] int64_t dim(int i) const { return dims_[static_cast<size_t>(i < 0 ? i + rank() : i)]; }
  [[nodiscard]] int64_t size() const { return count_; }
  [[nodiscard]] size_t bytes() const { return static_cast<size_t>(count_) * ByteSize(dtype_); }
  [[nodiscard]] const std::byte* raw() const { return data_; }
  /// Writing is for the one who made the tensor, before it is shared.
  std::byte* mutable_raw() { return data_; }
  template <class T>
  [[nodiscard]] const T* data() const {
    return reinterpret_cast<const T*>(data_);
  }
  template <class T>
  T* mutable_data() {
    return reinterpret_cast<T*>(data_);
  }
  template <class T>
  [[nodiscard]] std::span<const T> span() const {
    return {data<T>(), static_cast<size_t>(count_)};
  }
  [[nodiscard]] const std::shared_ptr<const void>& owner() const { return owner_; }

  /// The same bytes under another shape of equal element count.
  [[nodiscard]] Tensor Reshaped(Dims dims) const;
  /// The same bytes as another type of equal element size.
  [[nodiscard]] Tensor Reinterpreted(DType dtype) const;
  [[nodiscard]] TensorType type() const;

 private:
  DType dtype_ = DType::kNone;
  Dims dims_;
  int64_t count_ = 0;
  std::byte* data_ = nullptr;
  std::shared_ptr<const void> owner_;
};

/// Byte-for-byte equality of dtype, shape and contents.
bool Identical(const Tensor& a, const Tensor& b);

template <class T>
Tensor Tensor::Of(DType dtype, Dims dims, std::span<const T> values) {
  Tensor t(dtype, std::move(dims));
  for (size_t i = 0; i < values.size(); ++i) t.mutable_data<T>()[i] = values[i];
  return t;
}

/// What a value is while a graph runs: absent (an optional operand not given), a tensor, a sequence, an empty
/// optional (a filled optional is simply its element), or a map.
struct RtMap;
struct RtValue {
  enum class Kind : uint8_t { kAbsent, kTensor, kSequence, kNone, kMap };
  Kind kind = Kind::kAbsent;
  Tensor tensor;
  std::shared_ptr<const std::vector<RtValue>> sequence;
  std::shared_ptr<const RtMap> map;

  RtValue() = default;
  RtValue(Tensor t) : kind(Kind::kTensor), tensor(std::move(t)) {}  // NOLINT(google-explicit-constructor)
  static RtValue Sequence(std::vector<RtValue> elements);
  static RtValue Map(RtMap map);
  static RtValue None();
  [[nodiscard]] bool is_tensor() const { return kind == Kind::kTensor; }
  [[nodiscard]] bool absent() const { return kind == Kind::kAbsent; }
};
struct RtMap {
  Tensor keys;  ///< rank 1
  std::vector<RtValue> values;
};

}  // namespace godwit
