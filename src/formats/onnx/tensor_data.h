// The values of a stored tensor as dense little-endian elements: 2- and 4-bit types take one byte each (signed ones
// sign-extended), bool is 0 or 1, 8- and 16-bit floats are bit patterns, complex numbers are pairs.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"
#include "formats/onnx/external_data.h"
#include "formats/onnx/model.h"

namespace godwit::onnx {

struct TensorData {
  DataType type = DataType::kUndefined;
  std::span<const int64_t> dims;
  int64_t count = 0;
  ByteSpan bytes;                         ///< empty for strings
  std::shared_ptr<const void> owner;      ///< keeps `bytes`; null: they lie in the model's own file
  std::vector<std::string_view> strings;  ///< into the model's own file
};

/// Elements by shape; an error for negative dimensions or a product beyond int64.
Result<int64_t> ElementCount(const Tensor& tensor);
/// Bytes that raw_data or a side file must hold for the tensor's shape and type.
Result<uint64_t> StoredBytes(const Tensor& tensor);

/// Copies only where the stored form differs from the dense one. `files` may be null: external data is then refused as
/// missing.
Result<TensorData> DecodeTensor(const Tensor& tensor, const Limits& limits, ExternalFiles* files);
/// The dense form, zeros included, under the limit growth-bytes.
Result<TensorData> DecodeSparse(const SparseTensor& tensor, const Limits& limits, ExternalFiles* files);

}  // namespace godwit::onnx
