#include "ops/plain.h"

#include <algorithm>

#include "ir/convert.h"

namespace godwit::ops {

template <>
std::vector<double> Widen<double>(const Tensor& tensor) {
  return ToF64(tensor);
}

template <>
std::vector<uint64_t> Widen<uint64_t>(const Tensor& tensor) {
  return ToU64(tensor);
}

template <>
void Narrow<double>(std::span<const double> values, Tensor* out) {
  CHECK(FromF64(values, out).ok());
}

template <>
void Narrow<uint64_t>(std::span<const uint64_t> values, Tensor* out) {
  CHECK(FromU64(values, out).ok());
}

std::vector<int64_t> RowMajorStrides(const Dims& dims) {
  std::vector<int64_t> strides(dims.size(), 1);
  // An extent of zero means no element is ever addressed; treating it as one keeps the products in range.
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<int64_t>(dims[i], 1);
  return strides;
}

int64_t ProductOf(const Dims& dims, size_t begin, size_t end) {
  int64_t product = 1;
  for (size_t i = begin; i < end; ++i) product *= dims[i];
  return product;
}

namespace {

// Rows x 4 results at once: the sums stay in registers and each b element is read once for all rows.
template <class T, int kRows>
void Tile(int64_t k, const T* a, int64_t lda, const T* b, T (&sums)[kRows][4]) {
  typedef T Vec __attribute__((vector_size(2 * sizeof(T)), aligned(alignof(T)), may_alias));
  Vec acc[kRows][2] = {};
  for (int64_t p = 0; p < k; ++p) {
    const Vec b0 = *reinterpret_cast<const Vec*>(b + 4 * p);
    const Vec b1 = *reinterpret_cast<const Vec*>(b + 4 * p + 2);
    for (int r = 0; r < kRows; ++r) {
      const T x = a[r * lda + p];
      const Vec xx = {x, x};
      acc[r][0] += xx * b0;
      acc[r][1] += xx * b1;
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int j = 0; j < 4; ++j) sums[r][j] = acc[r][j / 2][j % 2];
  }
}

template <class T, int kRows>
void TileRow(int64_t n, int64_t k, const T* a, int64_t lda, const Panels<T>& b, T* c, int64_t ldc) {
  T sums[kRows][4];
  for (int64_t j = 0; j < n; j += 4) {
    Tile<T, kRows>(k, a, lda, b.Panel(j), sums);
    const int64_t width = std::min<int64_t>(4, n - j);
    for (int r = 0; r < kRows; ++r) std::copy_n(sums[r], width, c + r * ldc + j);
  }
}

template <class T>
void Product(int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const Panels<T>& b, T* c, int64_t ldc) {
  int64_t i = 0;
  for (; i + 4 <= m; i += 4) TileRow<T, 4>(n, k, a + i * lda, lda, b, c + i * ldc, ldc);
  for (; i < m; ++i) TileRow<T, 1>(n, k, a + i * lda, lda, b, c + i * ldc, ldc);
}

}  // namespace

template <>
void WideProduct<double>(int64_t m, int64_t n, int64_t k, const double* a, int64_t lda, const Panels<double>& b,
                         double* c, int64_t ldc) {
  Product(m, n, k, a, lda, b, c, ldc);
}

template <>
void WideProduct<uint64_t>(int64_t m, int64_t n, int64_t k, const uint64_t* a, int64_t lda, const Panels<uint64_t>& b,
                           uint64_t* c, int64_t ldc) {
  Product(m, n, k, a, lda, b, c, ldc);
}

Odometer::Odometer(Dims box, std::vector<std::vector<int64_t>> strides)
    : box_(std::move(box)),
      index_(box_.size(), 0),
      strides_(std::move(strides)),
      offsets_(strides_.size(), 0),
      count_(ElementCount(box_)) {}

void Odometer::Next() {
  for (size_t k = box_.size(); k-- > 0;) {
    if (++index_[k] < box_[k]) {
      for (size_t i = 0; i < offsets_.size(); ++i) offsets_[i] += strides_[i][k];
      return;
    }
    index_[k] = 0;
    for (size_t i = 0; i < offsets_.size(); ++i) offsets_[i] -= strides_[i][k] * (box_[k] - 1);
  }
}

}  // namespace godwit::ops
