// ONNX tensors as tensors of ours: element types, payloads wherever they lie, sequences and optionals of test data.
#pragma once

#include <memory>

#include "base/mapped_file.h"
#include "formats/onnx/external_data.h"
#include "formats/onnx/model.h"
#include "ir/graph.h"

namespace godwit::from_onnx {

/// kNone for a number that names no element type.
DType ToDType(int64_t data_type);

/// Loads tensors of one file; `keep_alive` owns the bytes that the views point into.
class TensorImport {
 public:
  TensorImport(std::shared_ptr<const void> keep_alive, std::shared_ptr<onnx::ExternalFiles> files, const Limits& limits)
      : keep_alive_(std::move(keep_alive)), files_(std::move(files)), limits_(limits) {}

  [[nodiscard]] Result<Tensor> Load(const onnx::Tensor& view) const;
  [[nodiscard]] Result<Tensor> LoadSparse(const onnx::SparseTensor& view) const;
  /// A constant whose bytes stay where they are until they are wanted. Checks now what can be checked without them.
  [[nodiscard]] Result<Constant> Lazy(const onnx::Tensor& view) const;

 private:
  std::shared_ptr<const void> keep_alive_;
  std::shared_ptr<onnx::ExternalFiles> files_;
  Limits limits_;
};

/// A stand-alone TensorProto, SequenceProto or OptionalProto (what the conformance suite's data files hold), read as
/// the type that the model declares for it.
Result<RtValue> LoadTestData(const MappedFile::Ptr& file, const Type& type);

}  // namespace godwit::from_onnx
