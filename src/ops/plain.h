// Plain buffers for the reference kernels of the heavy operators: tensors widened once into double or 64-bit integers,
// results rounded once, and one matrix product that all of them share.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ir/tensor.h"

namespace godwit::ops {

/// T is double (any real type) or uint64_t (integers and bool as 64-bit two's complement: sums and products wrap). The
/// operator has a table of types: elements of others never come here.
template <class T>
std::vector<T> Widen(const Tensor& tensor);
/// Rounds to the tensor's type (integers are cut to their width).
template <class T>
void Narrow(std::span<const T> values, Tensor* out);

/// Element strides of a dense row-major tensor.
std::vector<int64_t> RowMajorStrides(const Dims& dims);

/// Product of dims [begin, end).
int64_t ProductOf(const Dims& dims, size_t begin, size_t end);

/// The right-hand side of a product, k rows of n columns, kept as panels of four columns.
template <class T>
class Panels {
 public:
  static constexpr int64_t kWidth = 4;
  Panels(int64_t k, int64_t n) : k_(k), data_(static_cast<size_t>((n + kWidth - 1) / kWidth * kWidth * k)) {}
  T& At(int64_t k, int64_t n) { return data_[static_cast<size_t>(((n / kWidth) * k_ + k) * kWidth + n % kWidth)]; }
  [[nodiscard]] const T* Panel(int64_t n) const { return data_.data() + (n / kWidth) * k_ * kWidth; }

 private:
  int64_t k_;
  std::vector<T> data_;
};

/// c[i * ldc + j] = sum over p, in order, of a[i * lda + p] * b(p, j).
template <class T>
void WideProduct(int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const Panels<T>& b, T* c, int64_t ldc);

/// Steps through all indices of a box in row-major order, keeping the offsets that any number of stride sets give.
class Odometer {
 public:
  Odometer(Dims box, std::vector<std::vector<int64_t>> strides);
  [[nodiscard]] int64_t count() const { return count_; }
  [[nodiscard]] int64_t offset(size_t k) const { return offsets_[k]; }
  [[nodiscard]] const Dims& index() const { return index_; }
  void Next();

 private:
  Dims box_, index_;
  std::vector<std::vector<int64_t>> strides_;
  std::vector<int64_t> offsets_;
  int64_t count_;
};

}  // namespace godwit::ops
