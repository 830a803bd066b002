#include "formats/onnx/tensor_data.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/checked.h"
#include "base/populate.h"
#include "base/text.h"
#include "formats/protobuf/wire_reader.h"

namespace godwit::onnx {

namespace {

using Bytes = std::vector<std::byte>;

// Field numbers of TensorProto.
constexpr int kFloatData = 4, kInt32Data = 5, kStringData = 6, kDoubleData = 10;

Diag About(const DiagDef& def, const Tensor& tensor, std::string what) {
  return Diag(def, std::move(what)).Tensor(std::string(tensor.name));
}

Result<const DataTypeInfo*> InfoOf(const Tensor& tensor) {
  const DataTypeInfo* info = FindDataType(tensor.data_type);
  if (info != nullptr) return info;
  return About(diag::kOnnxTensorType, tensor,
               Concat("element type ", std::to_string(static_cast<int32_t>(tensor.data_type)), " is not one of ONNX"));
}

std::shared_ptr<const Bytes> Share(Bytes bytes) { return std::make_shared<const Bytes>(std::move(bytes)); }

// A typed field as the bytes that raw_data would hold. One packed run of floats or doubles is those bytes already.
class TypedField {
 public:
  TypedField(const Tensor& tensor, const DataTypeInfo& info, const Limits& limits)
      : tensor_(tensor), info_(info), context_(tensor.message, limits) {}

  Result<Ok> Read(uint64_t expected_bytes) {
    const int field = info_.typed_field;
    proto::WireReader r(&context_, tensor_.message);
    size_t runs = 0;
    while (r.Next()) {
      if (static_cast<int>(r.field()) != field) continue;
      proto::WireReader copy = r;
      if (r.wire() == proto::Wire::kBytes && copy.Bytes().empty()) continue;
      ++runs;
    }
    const bool in_place = field == kFloatData || field == kDoubleData;
    if (!in_place) {
      // No value takes less than a byte of the message, so this bounds what a short message can make of it.
      const uint64_t most = tensor_.message.size() * std::max<uint64_t>(1, info_.raw_bits / 8U);
      const uint64_t bytes = std::min(expected_bytes, most);
      const Limits& limits = context_.limits();
      if (bytes > static_cast<uint64_t>(limits.growth_bytes) + 4 * tensor_.message.size()) {
        return LimitExceeded(limits, &Limits::growth_bytes, bytes, "bytes of a tensor stored as small numbers");
      }
      owned_.reserve(static_cast<size_t>(bytes));
    }
    r = proto::WireReader(&context_, tensor_.message);
    while (r.Next()) {
      if (static_cast<int>(r.field()) != field) continue;
      if (in_place && r.wire() == proto::Wire::kBytes) {
        const ByteSpan run = r.Bytes();
        if (runs == 1) {
          view_ = run;
        } else {
          owned_.insert(owned_.end(), run.begin(), run.end());
        }
      } else if (field == kFloatData) {
        Append(r.Fixed32(), 4);
      } else if (field == kDoubleData) {
        Append(r.Fixed64(), 8);
      } else {
        proto::ForEachVarint(&r, [&](uint64_t v) { AddInteger(v); });
      }
    }
    if (!context_.ok()) return context_.TakeError();
    if (!fits_) {
      return About(diag::kOnnxTensorValue, tensor_, Concat("a stored value does not fit ", info_.name));
    }
    return Ok{};
  }

  [[nodiscard]] ByteSpan bytes() const { return view_.empty() ? ByteSpan(owned_) : view_; }
  // Null when the bytes lie in the message.
  std::shared_ptr<const void> TakeOwner(ByteSpan* bytes) {
    if (!view_.empty()) return nullptr;
    auto owner = Share(std::move(owned_));
    *bytes = *owner;
    return owner;
  }

 private:
  void Append(uint64_t bits, size_t width) {
    const size_t at = owned_.size();
    owned_.resize(at + width);
    std::memcpy(owned_.data() + at, &bits, width);
  }

  void AddInteger(uint64_t v) {
    // Negative numbers come sign-extended to 64 bits, or to 32 from some writers; bit patterns (8- and 16-bit floats,
    // packed small integers) come unsigned. The low bits are the same under each reading.
    const size_t width = std::max<size_t>(1, info_.raw_bits / 8U);
    if (width < 8 && (v >> (8 * width)) != 0) {
      const int64_t lowest = -(int64_t{1} << (8 * width - 1));
      const auto wide = static_cast<int64_t>(v);
      const auto narrow = static_cast<int64_t>(static_cast<int32_t>(static_cast<uint32_t>(v)));
      const bool negative = (wide < 0 && wide >= lowest) || ((v >> 32) == 0 && narrow < 0 && narrow >= lowest);
      fits_ = fits_ && negative && info_.typed_field == kInt32Data;
    }
    Append(v, width);
  }

  const Tensor& tensor_;
  const DataTypeInfo& info_;
  proto::WireContext context_;
  ByteSpan view_;
  Bytes owned_;
  bool fits_ = true;
};

Bytes Unpack(ByteSpan packed, int64_t count, const DataTypeInfo& info) {
  const unsigned bits = info.raw_bits;
  const unsigned per_byte = 8 / bits;
  const unsigned mask = (1U << bits) - 1;
  const unsigned sign = info.is_signed ? 1U << (bits - 1) : 0;
  Bytes out(static_cast<size_t>(count));
  for (size_t i = 0; i < out.size(); ++i) {
    const unsigned v = (static_cast<unsigned>(packed[i / per_byte]) >> (bits * (i % per_byte))) & mask;
    out[i] = static_cast<std::byte>((v ^ sign) - sign);
  }
  return out;
}

Status DecodeStrings(const Tensor& tensor, const Limits& limits, TensorData* out) {
  proto::WireContext context(tensor.message, limits);
  proto::WireReader r(&context, tensor.message);
  while (r.Next()) {
    if (r.field() == kStringData) out->strings.push_back(r.Text());
  }
  if (!context.ok()) return context.TakeError();
  if (out->strings.size() != static_cast<uint64_t>(out->count)) {
    return About(diag::kOnnxTensorSize, tensor,
                 Concat("the shape has ", std::to_string(out->count), " elements and ",
                        std::to_string(out->strings.size()), " strings are stored"));
  }
  return Ok{};
}

// Exactly one of raw_data, one typed field and external data may hold the values.
Status CheckPayload(const Tensor& tensor, const DataTypeInfo& info) {
  const auto typed = static_cast<unsigned>(tensor.typed_fields);
  const int sources = (tensor.raw_data.empty() ? 0 : 1) + (typed != 0 ? 1 : 0) + (tensor.external ? 1 : 0);
  if (sources > 1) {
    return About(diag::kOnnxTensorPayload, tensor, "values are stored in more than one place (raw, typed, external)");
  }
  if (typed != 0 && typed != 1U << info.typed_field) {
    return About(diag::kOnnxTensorPayload, tensor,
                 Concat("values of type ", info.name, " are stored in the wrong field"));
  }
  if (info.raw_bits == 0 && (!tensor.raw_data.empty() || tensor.external)) {
    return About(diag::kOnnxTensorPayload, tensor, "strings can only be stored in string_data");
  }
  if (tensor.details != nullptr && tensor.details->has_segment) {
    return About(diag::kOnnxTensorPayload, tensor, "the tensor is one segment of a larger one, which no tool writes");
  }
  return Ok{};
}

}  // namespace

Result<int64_t> ElementCount(const Tensor& tensor) {
  const auto count = CheckedProduct(tensor.dims);
  if (count) return *count;
  std::string shape;
  for (const int64_t d : tensor.dims) shape += Concat(shape.empty() ? "" : ",", std::to_string(d));
  return About(diag::kOnnxTensorDims, tensor, Concat("[", shape, "] is not the shape of a stored tensor"));
}

Result<uint64_t> StoredBytes(const Tensor& tensor) {
  TRY(const DataTypeInfo* info, InfoOf(tensor));
  TRY(const int64_t count, ElementCount(tensor));
  const auto bits = CheckedMul(static_cast<uint64_t>(count), static_cast<uint64_t>(info->raw_bits));
  if (!bits || *bits > UINT64_MAX - 7) {
    return About(diag::kOnnxTensorDims, tensor, "the tensor has more bytes than can be counted");
  }
  return (*bits + 7) / 8;
}

Result<TensorData> DecodeTensor(const Tensor& tensor, const Limits& limits, ExternalFiles* files) {
  TRY(const DataTypeInfo* info, InfoOf(tensor));
  TensorData out;
  out.type = tensor.data_type;
  out.dims = tensor.dims;
  TRY(out.count, ElementCount(tensor));
  RETURN_IF_ERROR(CheckPayload(tensor, *info));
  if (info->raw_bits == 0) {
    RETURN_IF_ERROR(DecodeStrings(tensor, limits, &out));
    return out;
  }
  TRY(const uint64_t wanted, StoredBytes(tensor));

  if (tensor.external) {
    if (files == nullptr) {
      return About(diag::kOnnxExternalMissing, tensor, "the values lie in another file, which is not at hand");
    }
    TRY(ExternalFiles::Slice slice, files->Open(tensor, wanted));
    out.bytes = slice.bytes;
    out.owner = std::move(slice.file);
  } else if (tensor.typed_fields != 0) {
    TypedField field(tensor, *info, limits);
    RETURN_IF_ERROR(field.Read(wanted));
    out.bytes = field.bytes();
    out.owner = field.TakeOwner(&out.bytes);
  } else {
    out.bytes = tensor.raw_data;
  }
  if (out.bytes.size() != wanted) {
    return About(diag::kOnnxTensorSize, tensor,
                 Concat(std::to_string(out.bytes.size()), " bytes are stored where shape and type need ",
                        std::to_string(wanted)));
  }
  PopulatePages(out.bytes);

  const bool odd_bool =
      tensor.data_type == DataType::kBool &&
      std::any_of(out.bytes.begin(), out.bytes.end(), [](std::byte b) { return static_cast<uint8_t>(b) > 1; });
  if (info->raw_bits >= 8 && !odd_bool) return out;
  Bytes dense;
  if (odd_bool) {
    dense.assign(out.bytes.begin(), out.bytes.end());
    for (std::byte& b : dense) b = static_cast<std::byte>(b != std::byte{0} ? 1 : 0);
  } else {
    dense = Unpack(out.bytes, out.count, *info);
  }
  const auto owner = Share(std::move(dense));
  out.bytes = *owner;
  out.owner = owner;
  return out;
}

Result<TensorData> DecodeSparse(const SparseTensor& sparse, const Limits& limits, ExternalFiles* files) {
  const auto bad = [&](std::string what) { return About(diag::kOnnxSparse, sparse.values, std::move(what)); };
  TRY(const TensorData values, DecodeTensor(sparse.values, limits, files));
  TRY(const TensorData indices, DecodeTensor(sparse.indices, limits, files));
  const DataTypeInfo& info = *FindDataType(values.type);
  if (info.bytes == 0) return bad("strings cannot be stored sparsely");
  if (indices.type != DataType::kInt64) return bad("the indices of a sparse tensor must be INT64");
  const size_t rank = sparse.dims.size();
  const auto stored = static_cast<uint64_t>(values.count);
  const bool linear = indices.dims.size() == 1;
  const bool rows = indices.dims.size() == 2 && static_cast<uint64_t>(indices.dims[1]) == rank;
  if (!linear && !rows) return bad("the indices of a sparse tensor must have shape [N] or [N, rank]");
  if (static_cast<uint64_t>(indices.dims[0]) != stored) return bad("a sparse tensor has not one index for each value");

  const auto count = CheckedProduct(sparse.dims);
  const auto bytes = count ? CheckedMul(*count, static_cast<int64_t>(info.bytes)) : std::nullopt;
  if (!bytes) return About(diag::kOnnxTensorDims, sparse.values, "the sparse tensor's shape cannot be a shape");
  const auto most = CheckedAdd(static_cast<uint64_t>(limits.growth_bytes), 4 * stored * info.bytes);
  if (most && static_cast<uint64_t>(*bytes) > *most) {
    Diag diag = LimitExceeded(limits, &Limits::growth_bytes, static_cast<uint64_t>(*bytes), "bytes of a sparse tensor");
    return std::move(diag).Tensor(std::string(sparse.values.name));
  }

  Bytes dense(static_cast<size_t>(*bytes));
  int64_t last = -1;
  for (uint64_t i = 0; i < stored; ++i) {
    int64_t position = 0;
    if (linear) {
      position = LoadLe<int64_t>(indices.bytes.data() + 8 * i);
      if (position < 0 || position >= *count) return bad("an index of a sparse tensor lies outside its shape");
    } else {
      for (size_t d = 0; d < rank; ++d) {
        const auto index = LoadLe<int64_t>(indices.bytes.data() + 8 * (i * rank + d));
        if (index < 0 || index >= sparse.dims[d]) return bad("an index of a sparse tensor lies outside its shape");
        position = position * sparse.dims[d] + index;
      }
    }
    if (position <= last) return bad("the indices of a sparse tensor must rise, each once");
    last = position;
    std::memcpy(dense.data() + position * info.bytes, values.bytes.data() + i * info.bytes, info.bytes);
  }
  TensorData out;
  out.type = values.type;
  out.dims = sparse.dims;
  out.count = *count;
  const auto owner = Share(std::move(dense));
  out.bytes = *owner;
  out.owner = owner;
  return out;
}

}  // namespace godwit::onnx
