// Element conversion: between the bytes of any element type and the wide types (f64, i64, u64, complex) in which
// reference semantics are computed. Every store rounds once, to nearest with ties to even, directly from the wide
// value.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "ir/dtype.h"
#include "ir/tensor.h"

namespace godwit {

/// What a store does with values that the element type cannot hold.
struct ConvertOptions {
  enum class Round : uint8_t { kUp, kDown, kNearest };
  /// f8 kinds only: clamp to the largest finite value; else infinity, or NaN where there is none.
  bool saturate = true;
  /// f8e8m0 only, whose values are powers of two: away from zero, towards zero, nearest with ties up.
  Round e8m0 = Round::kUp;
};

// One element. Out of range: f32, f16, bf16 become infinite; f4e2m1 clamps (NaN becomes 0); integers keep their low
// bits, of a floating value that is first truncated towards zero and clamped to 64 bits (NaN becomes 0). A bool is
// false for zero only. Complex elements read as their real part. String elements read as 0 and are not written.
double LoadF64(DType dtype, const std::byte* element);
int64_t LoadI64(DType dtype, const std::byte* element);   ///< u64: the same bits
uint64_t LoadU64(DType dtype, const std::byte* element);  ///< negative values: the same bits
std::complex<double> LoadComplex(DType dtype, const std::byte* element);
void StoreF64(DType dtype, double value, std::byte* element, ConvertOptions options = {});
void StoreI64(DType dtype, int64_t value, std::byte* element, ConvertOptions options = {});
void StoreU64(DType dtype, uint64_t value, std::byte* element, ConvertOptions options = {});
void StoreComplex(DType dtype, std::complex<double> value, std::byte* element, ConvertOptions options = {});

/// `value` rounded to what an element of the type can hold, widened again.
double RoundTo(DType dtype, double value, ConvertOptions options = {});

// Whole tensors, by the same rules.
std::vector<double> ToF64(const Tensor& tensor);
std::vector<int64_t> ToI64(const Tensor& tensor);
std::vector<uint64_t> ToU64(const Tensor& tensor);
std::vector<std::complex<double>> ToComplex(const Tensor& tensor);
/// The number of values must be that of the tensor's elements, and the tensor one of numbers.
Status FromF64(std::span<const double> values, Tensor* tensor, ConvertOptions options = {});
Status FromI64(std::span<const int64_t> values, Tensor* tensor, ConvertOptions options = {});
Status FromU64(std::span<const uint64_t> values, Tensor* tensor, ConvertOptions options = {});
Status FromComplex(std::span<const std::complex<double>> values, Tensor* tensor, ConvertOptions options = {});

/// The tensor with its elements converted, through whichever wide type loses nothing. Not for strings.
Result<Tensor> ConvertTensor(const Tensor& tensor, DType dtype, ConvertOptions options = {});

}  // namespace godwit
