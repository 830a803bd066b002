// Reads ONNX bytes into the views of model.h: one pass, payloads untouched, memory bounded by the limits.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/result.h"
#include "formats/onnx/model.h"

namespace godwit::onnx {

/// The views point into `file`. `warnings` may be null.
Result<Model> ParseModel(ByteSpan file, const Limits& limits, DiagSink* warnings);

/// A message that stands alone in a file (test data), with the arena that owns its arrays.
template <class T>
struct Parsed {
  T value;
  std::shared_ptr<std::pmr::monotonic_buffer_resource> arena;
};
Result<Parsed<Tensor>> ParseTensor(ByteSpan file, const Limits& limits);
Result<Parsed<SparseTensor>> ParseSparseTensor(ByteSpan file, const Limits& limits);
Result<Parsed<Sequence>> ParseSequence(ByteSpan file, const Limits& limits);
Result<Parsed<Optional>> ParseOptional(ByteSpan file, const Limits& limits);
Result<Parsed<Map>> ParseMap(ByteSpan file, const Limits& limits);
Result<Parsed<Type>> ParseType(ByteSpan file, const Limits& limits);

}  // namespace godwit::onnx
