#include "frontends/onnx/tensor_import.h"

#include <cstring>
#include <utility>

#include "formats/onnx/parse.h"
#include "formats/onnx/tensor_data.h"

namespace godwit::from_onnx {

namespace {

constexpr DType kDTypes[] = {DType::kNone,       DType::kF32,  DType::kU8,       DType::kI8,         DType::kU16,
                             DType::kI16,        DType::kI32,  DType::kI64,      DType::kString,     DType::kBool,
                             DType::kF16,        DType::kF64,  DType::kU32,      DType::kU64,        DType::kC64,
                             DType::kC128,       DType::kBF16, DType::kF8E4M3FN, DType::kF8E4M3FNUZ, DType::kF8E5M2,
                             DType::kF8E5M2FNUZ, DType::kU4,   DType::kI4,       DType::kF4E2M1,     DType::kF8E8M0,
                             DType::kU2,         DType::kI2};

// Aliases the payload where its address suits the element type, else copies.
Result<Tensor> FromData(const onnx::TensorData& data, const std::shared_ptr<const void>& keep_alive) {
  const DType dtype = ToDType(static_cast<int64_t>(data.type));
  Dims dims(data.dims.begin(), data.dims.end());
  TRY(const int64_t bytes, CheckedByteSize(dtype, dims));
  if (dtype == DType::kString) {
    TRY(Tensor out, Tensor::Make(dtype, std::move(dims)));
    for (size_t i = 0; i < data.strings.size(); ++i) out.mutable_data<StringRef>()[i] = Intern(data.strings[i]);
    return out;
  }
  CHECK(static_cast<size_t>(bytes) == data.bytes.size());
  const size_t alignment = IsComplex(dtype) ? ByteSize(dtype) / 2 : ByteSize(dtype);
  if (reinterpret_cast<uintptr_t>(data.bytes.data()) % alignment == 0) {
    return Tensor(dtype, std::move(dims), data.bytes.data(), data.owner ? data.owner : keep_alive);
  }
  TRY(Tensor out, Tensor::Make(dtype, std::move(dims)));
  if (bytes > 0) std::memcpy(out.mutable_raw(), data.bytes.data(), data.bytes.size());
  return out;
}

class StoredTensor final : public TensorSource {
 public:
  StoredTensor(const onnx::Tensor& view, uint64_t bytes, std::shared_ptr<const void> keep_alive,
               std::shared_ptr<onnx::ExternalFiles> files, const Limits& limits)
      : view_(view), bytes_(bytes), keep_alive_(std::move(keep_alive)), files_(std::move(files)), limits_(limits) {}

  [[nodiscard]] Result<Tensor> Load() const override {
    TRY(onnx::TensorData data, onnx::DecodeTensor(view_, limits_, files_.get()));
    return FromData(data, keep_alive_);
  }
  [[nodiscard]] PackedBytes Packed() const override {
    if (view_.data_type == onnx::DataType::kBool) return {};  // any byte but 0 is true in a file, 1 only in memory
    if (view_.external) {
      auto slice = files_->Open(view_, bytes_);
      if (!slice.ok()) return {};
      return {slice->bytes, slice->file};
    }
    if (view_.typed_fields != 0 || view_.raw_data.size() != bytes_) return {};
    return {view_.raw_data, keep_alive_};
  }
  [[nodiscard]] uint64_t stored_bytes() const override { return bytes_; }

 private:
  onnx::Tensor view_;
  uint64_t bytes_;
  std::shared_ptr<const void> keep_alive_;
  std::shared_ptr<onnx::ExternalFiles> files_;
  Limits limits_;
};

}  // namespace

DType ToDType(int64_t data_type) {
  return data_type < 0 || data_type >= static_cast<int64_t>(std::size(kDTypes)) ? DType::kNone : kDTypes[data_type];
}

Result<Tensor> TensorImport::Load(const onnx::Tensor& view) const {
  TRY(onnx::TensorData data, onnx::DecodeTensor(view, limits_, files_.get()));
  return FromData(data, keep_alive_);
}

Result<Tensor> TensorImport::LoadSparse(const onnx::SparseTensor& view) const {
  TRY(onnx::TensorData data, onnx::DecodeSparse(view, limits_, files_.get()));
  return FromData(data, keep_alive_);
}

Result<Constant> TensorImport::Lazy(const onnx::Tensor& view) const {
  const DType dtype = ToDType(static_cast<int64_t>(view.data_type));
  Dims dims(view.dims.begin(), view.dims.end());
  RETURN_IF_ERROR(CheckedByteSize(dtype, dims));
  if (dtype == DType::kString) {
    TRY(Tensor tensor, Load(view));
    TensorType type = tensor.type();
    return Constant{std::move(type), std::move(tensor)};
  }
  TRY(const uint64_t bytes, onnx::StoredBytes(view));
  if (!view.external) {
    // Payloads in the file are checked now, at no cost: a decode of the raw form copies nothing.
    if (view.typed_fields == 0) {
      TRY(onnx::TensorData data, onnx::DecodeTensor(view, limits_, nullptr));
      (void)data;
    }
  }
  return Constant{TensorType(dtype, ToShape(dims)),
                  std::make_shared<const StoredTensor>(view, bytes, keep_alive_, files_, limits_)};
}

namespace {

using Keep = std::shared_ptr<const void>;

Result<RtValue> FromSequence(const onnx::Sequence& sequence, const Keep& keep, int depth);

Result<RtValue> FromTensor(const onnx::Tensor& view, const Keep& keep) {
  TRY(onnx::TensorData data, onnx::DecodeTensor(view, Limits(), nullptr));
  TRY(Tensor tensor, FromData(data, keep));
  return RtValue(std::move(tensor));
}

Result<RtValue> FromOptional(const onnx::Optional& optional, const Keep& keep, int depth) {
  if (optional.tensor != nullptr) return FromTensor(*optional.tensor, keep);
  if (optional.sequence != nullptr) return FromSequence(*optional.sequence, keep, depth + 1);
  if (optional.optional != nullptr && depth < 16) return FromOptional(*optional.optional, keep, depth + 1);
  return RtValue::None();
}

Result<RtValue> FromMap(const onnx::Map& map, const Keep& keep, int depth) {
  RtMap out;
  const auto n = static_cast<int64_t>(map.string_keys.empty() ? map.keys.size() : map.string_keys.size());
  if (map.string_keys.empty()) {
    out.keys = Tensor::I64({n}, Dims(map.keys.begin(), map.keys.end()));
  } else {
    TRY(out.keys, Tensor::Make(DType::kString, {n}));
    for (size_t i = 0; i < map.string_keys.size(); ++i) {
      out.keys.mutable_data<StringRef>()[i] = Intern(map.string_keys[i]);
    }
  }
  if (map.values != nullptr) {
    TRY(RtValue values, FromSequence(*map.values, keep, depth + 1));
    out.values = *values.sequence;
  }
  return RtValue::Map(std::move(out));
}

Result<RtValue> FromSequence(const onnx::Sequence& sequence, const Keep& keep, int depth) {
  std::vector<RtValue> elements;
  if (depth > 16) return Diag(diag::kLimitExceeded, "sequences are nested more than 16 deep");
  for (const onnx::Tensor& t : sequence.tensors) {
    TRY(RtValue v, FromTensor(t, keep));
    elements.push_back(std::move(v));
  }
  for (const onnx::Sequence& s : sequence.sequences) {
    TRY(RtValue v, FromSequence(s, keep, depth + 1));
    elements.push_back(std::move(v));
  }
  for (const onnx::Optional& o : sequence.optionals) {
    TRY(RtValue v, FromOptional(o, keep, depth + 1));
    elements.push_back(std::move(v));
  }
  for (const onnx::Map& m : sequence.maps) {
    TRY(RtValue v, FromMap(m, keep, depth + 1));
    elements.push_back(std::move(v));
  }
  return RtValue::Sequence(std::move(elements));
}

template <class T>
Keep KeepBoth(const MappedFile::Ptr& file, const onnx::Parsed<T>& parsed) {
  return std::make_shared<std::pair<MappedFile::Ptr, decltype(parsed.arena)>>(file, parsed.arena);
}

}  // namespace

Result<RtValue> LoadTestData(const MappedFile::Ptr& file, const Type& type) {
  switch (type.kind()) {
    case Type::Kind::kSequence: {
      TRY(auto parsed, onnx::ParseSequence(file->bytes(), Limits()));
      return FromSequence(parsed.value, KeepBoth(file, parsed), 0);
    }
    case Type::Kind::kOptional: {
      TRY(auto parsed, onnx::ParseOptional(file->bytes(), Limits()));
      return FromOptional(parsed.value, KeepBoth(file, parsed), 0);
    }
    case Type::Kind::kMap: {
      TRY(auto parsed, onnx::ParseMap(file->bytes(), Limits()));
      return FromMap(parsed.value, KeepBoth(file, parsed), 0);
    }
    default: {
      TRY(auto parsed, onnx::ParseTensor(file->bytes(), Limits()));
      return FromTensor(parsed.value, KeepBoth(file, parsed));
    }
  }
}

}  // namespace godwit::from_onnx
