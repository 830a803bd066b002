#include "ir/tensor.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <unordered_set>

#include "base/blocks.h"
#include "base/text.h"

namespace godwit {

namespace {

// No address space or file holds more; a shape from a hostile file must not reach the allocator.
constexpr int64_t kMaxBytes = int64_t{1} << 40;

void FillEmptyStrings(std::byte* data, int64_t count) {
  auto* strings = reinterpret_cast<StringRef*>(data);
  std::fill(strings, strings + count, Intern({}));
}

}  // namespace

int64_t ElementCount(const Dims& dims) {
  int64_t count = 1;
  for (int64_t d : dims) count *= d;
  return count;
}

Result<int64_t> CheckedByteSize(DType dtype, const Dims& dims) {
  // Zero dims count as one here: strides of an empty tensor must not overflow either.
  int64_t bytes = static_cast<int64_t>(std::max<size_t>(ByteSize(dtype), 1));
  bool empty = false;
  for (int64_t d : dims) {
    if (d < 0) return Diag(diag::kTensorShape, Concat("a tensor cannot have the shape ", ToString(dims)));
    empty = empty || d == 0;
    if (d > 1 && __builtin_mul_overflow(bytes, d, &bytes)) bytes = kMaxBytes + 1;
    if (bytes > kMaxBytes) {
      return Diag(diag::kLimitExceeded, Concat("a tensor ", Name(dtype), ToString(dims), " is larger than ",
                                               HumanBytes(static_cast<uint64_t>(kMaxBytes))));
    }
  }
  return empty ? 0 : bytes;
}

std::string ToString(const Dims& dims) {
  std::string out = "[";
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i != 0) out += ',';
    out += std::to_string(dims[i]);
  }
  return out += ']';
}

Shape ToShape(const Dims& dims) { return {dims.begin(), dims.end()}; }

StringRef Intern(std::string_view text) {
  // Never destroyed: tensors of other static objects may still point into it at exit.
  static auto& mutex = *new std::mutex;
  static auto& pool = *new std::unordered_set<std::string>;
  const std::lock_guard<std::mutex> lock(mutex);
  return &*pool.emplace(text).first;
}

Tensor::Tensor(DType dtype, Dims dims) : dtype_(dtype), dims_(std::move(dims)), count_(ElementCount(dims_)) {
  auto buffer = AllocateBlock(bytes());
  CHECK(buffer != nullptr);
  data_ = buffer.get();
  owner_ = std::move(buffer);
  if (dtype == DType::kString) FillEmptyStrings(data_, count_);
}

Tensor::Tensor(DType dtype, Dims dims, const void* data, std::shared_ptr<const void> owner)
    : dtype_(dtype),
      dims_(std::move(dims)),
      count_(ElementCount(dims_)),
      data_(static_cast<std::byte*>(const_cast<void*>(data))),
      owner_(std::move(owner)) {}

Result<Tensor> Tensor::Make(DType dtype, Dims dims) {
  TRY(const int64_t size, CheckedByteSize(dtype, dims));
  auto buffer = AllocateBlock(static_cast<size_t>(size));
  if (buffer == nullptr) {
    return Diag(diag::kLimitExceeded, Concat("no memory for a tensor of ", HumanBytes(static_cast<uint64_t>(size))));
  }
  std::byte* data = buffer.get();
  Tensor t(dtype, std::move(dims), data, std::move(buffer));
  if (dtype == DType::kString) FillEmptyStrings(data, t.count_);
  return t;
}

Tensor Tensor::I64(Dims dims, const std::vector<int64_t>& values) {
  return Of<int64_t>(DType::kI64, std::move(dims), values);
}

Tensor Tensor::F32(Dims dims, const std::vector<float>& values) {
  return Of<float>(DType::kF32, std::move(dims), values);
}

Tensor Tensor::Reshaped(Dims dims) const {
  Tensor t = *this;
  t.dims_ = std::move(dims);
  CHECK(ElementCount(t.dims_) == count_);
  return t;
}

Tensor Tensor::Reinterpreted(DType dtype) const {
  CHECK(ByteSize(dtype) == ByteSize(dtype_));
  Tensor t = *this;
  t.dtype_ = dtype;
  return t;
}

TensorType Tensor::type() const { return {dtype_, ToShape(dims_)}; }

bool Identical(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.dims() != b.dims()) return false;
  return a.bytes() == 0 || a.raw() == b.raw() || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

RtValue RtValue::Sequence(std::vector<RtValue> elements) {
  RtValue v;
  v.kind = Kind::kSequence;
  v.sequence = std::make_shared<const std::vector<RtValue>>(std::move(elements));
  return v;
}

RtValue RtValue::Map(RtMap map) {
  RtValue v;
  v.kind = Kind::kMap;
  v.map = std::make_shared<const RtMap>(std::move(map));
  return v;
}

RtValue RtValue::None() {
  RtValue v;
  v.kind = Kind::kNone;
  return v;
}

}  // namespace godwit
