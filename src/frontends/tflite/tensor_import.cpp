#include "frontends/tflite/tensor_import.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>
#include <vector>

#include "base/diag_tflite_import.h"
#include "base/populate.h"
#include "base/text.h"
#include "frontends/tflite/densify.h"

namespace godwit::from_tflite {

namespace {

constexpr DType kDTypes[] = {DType::kF32,  DType::kF16,  DType::kI32,  DType::kU8,       DType::kI64,   DType::kString,
                             DType::kBool, DType::kI16,  DType::kC64,  DType::kI8,       DType::kF64,   DType::kC128,
                             DType::kU64,  DType::kNone, DType::kNone, DType::kU32,      DType::kU16,   DType::kI4,
                             DType::kBF16, DType::kI2,   DType::kU4,   DType::kF8E4M3FN, DType::kF8E5M2};

// Elements of 2 and 4 bits, the first in the lowest bits of a byte.
void Unpack(DType dtype, ByteSpan bytes, Tensor* out) {
  const unsigned bits = Info(dtype).bits;
  const unsigned per_byte = 8 / bits;
  const unsigned mask = (1U << bits) - 1;
  for (int64_t i = 0; i < out->size(); ++i) {
    const auto at = static_cast<size_t>(i);
    unsigned v = std::to_integer<unsigned>(bytes[at / per_byte]) >> (at % per_byte * bits) & mask;
    if (IsSigned(dtype) && (v >> (bits - 1)) != 0) v |= ~mask;
    out->mutable_raw()[at] = static_cast<std::byte>(v & 0xFFU);
  }
}

// A count, the offset of each text and of the end of the last, then the texts.
Result<Tensor> Texts(const Dims& dims, ByteSpan bytes) {
  TRY(Tensor out, Tensor::Make(DType::kString, dims));
  const auto bad = [&](std::string_view what) {
    return Diag(diag::kTfliteTensor, Concat("a constant of texts: ", what));
  };
  if (bytes.size() < 4) return bad("its count is missing");
  const auto count = LoadLe<uint32_t>(bytes.data());
  if (static_cast<int64_t>(count) != out.size()) return bad(fmt::format("{} texts for {} elements", count, out.size()));
  if ((bytes.size() - 4) / 4 < uint64_t{count} + 1) return bad("its offsets are cut off");
  for (size_t i = 0; i < count; ++i) {
    const auto begin = LoadLe<uint32_t>(bytes.data() + 4 + 4 * i), end = LoadLe<uint32_t>(bytes.data() + 8 + 4 * i);
    if (begin > end || end > bytes.size()) return bad(fmt::format("text {} lies outside", i));
    out.mutable_data<StringRef>()[i] = Intern(AsText(bytes.subspan(begin, end - begin)));
  }
  return out;
}

class StoredTensor final : public TensorSource {
 public:
  StoredTensor(DType dtype, Dims dims, ByteSpan bytes, const tflite::Sparsity* sparsity,
               std::shared_ptr<const void> keep)
      : dtype_(dtype), dims_(std::move(dims)), bytes_(bytes), sparsity_(sparsity), keep_(std::move(keep)) {}

  [[nodiscard]] Result<Tensor> Load() const override {
    PopulatePages(bytes_);
    if (sparsity_ != nullptr) return Densify(dtype_, dims_, bytes_, *sparsity_);
    if (Info(dtype_).bits < 8) {
      TRY(Tensor out, Tensor::Make(dtype_, dims_));
      Unpack(dtype_, bytes_, &out);
      return out;
    }
    const size_t alignment = IsComplex(dtype_) ? ByteSize(dtype_) / 2 : ByteSize(dtype_);
    if (reinterpret_cast<uintptr_t>(bytes_.data()) % alignment == 0 && dtype_ != DType::kBool) {
      return Tensor(dtype_, dims_, bytes_.data(), keep_);
    }
    TRY(Tensor out, Tensor::Make(dtype_, dims_));
    if (dtype_ == DType::kBool) {
      // Any byte but 0 is true in a file, 1 only in memory.
      for (size_t i = 0; i < out.bytes(); ++i) out.mutable_raw()[i] = std::byte{bytes_[i] != std::byte{0}};
    } else if (out.bytes() > 0) {
      std::memcpy(out.mutable_raw(), bytes_.data(), out.bytes());
    }
    return out;
  }
  [[nodiscard]] PackedBytes Packed() const override {
    if (sparsity_ != nullptr || dtype_ == DType::kBool) return {};
    return {bytes_, keep_};
  }
  [[nodiscard]] uint64_t stored_bytes() const override { return bytes_.size(); }
  [[nodiscard]] int depth() const override { return sparsity_ != nullptr ? 1 : 0; }

 private:
  DType dtype_;
  Dims dims_;
  ByteSpan bytes_;
  const tflite::Sparsity* sparsity_;
  std::shared_ptr<const void> keep_;
};

}  // namespace

DType ToDType(tflite::TensorType type) {
  const auto i = static_cast<size_t>(static_cast<uint8_t>(type));
  return i < std::size(kDTypes) ? kDTypes[i] : DType::kNone;
}

bool IsQuantised(const tflite::Tensor& tensor) {
  constexpr TypeSet kTypes =
      TypeSet(DType::kI8) | DType::kU8 | DType::kI16 | DType::kU16 | DType::kI4 | DType::kI2 | DType::kU4;
  if (tensor.quantization == nullptr || !kTypes.Has(ToDType(tensor.type))) return false;
  using Details = tflite::Quantization::Details;
  const Details details = tensor.quantization->details;
  return !tensor.quantization->scale.empty() || details == Details::kBlockwise || details == Details::kMultiAxis;
}

bool HasScale(const tflite::Tensor& tensor) {
  return IsQuantised(tensor) ||
         (IsInteger(ToDType(tensor.type)) && tensor.quantization != nullptr && !tensor.quantization->scale.empty());
}

std::shared_ptr<const Quant> WholeQuant(const tflite::Tensor& tensor) {
  if (!IsQuantised(tensor)) return nullptr;
  const tflite::Quantization& q = *tensor.quantization;
  if (q.details != tflite::Quantization::Details::kNone || q.scale.size() != 1) return nullptr;
  auto out = std::make_shared<Quant>();
  out->scales.push_back(static_cast<double>(q.scale[0]));
  if (!q.zero_point.empty() && q.zero_point[0] != 0) out->zero_points.push_back(q.zero_point[0]);
  return out;
}

Result<Constant> ToConstant(const tflite::Tensor& tensor, ByteSpan bytes, const Limits& limits,
                            std::shared_ptr<const void> keep_alive) {
  const DType dtype = ToDType(tensor.type);
  if (dtype == DType::kNone) {
    return Diag(diag::kTfliteTensor, Concat("a constant of type ", tflite::TypeName(tensor.type)));
  }
  Dims dims(tensor.shape.begin(), tensor.shape.end());
  TRY(const int64_t size, CheckedByteSize(dtype, dims));
  if (dtype == DType::kString) {
    TRY(Tensor texts, Texts(dims, bytes));
    TensorType type = texts.type();
    return Constant{std::move(type), std::move(texts)};
  }
  if (tensor.sparsity == nullptr) {
    const unsigned bits = Info(dtype).bits;
    const uint64_t want =
        bits < 8 ? (static_cast<uint64_t>(ElementCount(dims)) * bits + 7) / 8 : static_cast<uint64_t>(size);
    if (bytes.size() < want) {
      return Diag(diag::kTfliteTensor, fmt::format("a constant of {} bytes has {}", want, bytes.size()));
    }
    bytes = bytes.first(static_cast<size_t>(want));
  } else if (size - limits.growth_bytes > 4 * static_cast<int64_t>(bytes.size())) {
    return LimitExceeded(limits, &Limits::growth_bytes, static_cast<uint64_t>(size), "bytes of a sparse constant");
  }
  TensorType type(dtype, ToShape(dims));
  return Constant{std::move(type), std::make_shared<const StoredTensor>(dtype, std::move(dims), bytes, tensor.sparsity,
                                                                        std::move(keep_alive))};
}

}  // namespace godwit::from_tflite
