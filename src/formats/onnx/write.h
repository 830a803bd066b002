// Writes the views of model.h as ONNX bytes, in the field order and form of the official serializer. Payloads stream
// from where they lie, so that writing needs no memory for them.
#pragma once

#include <string>

#include "base/atomic_file.h"
#include "base/result.h"
#include "formats/onnx/model.h"

namespace godwit::onnx {

/// How long the file will be. Protobuf libraries read no more than 2^31 - 1 bytes: beyond that, weights have to go to a
/// side file first.
uint64_t ModelBytes(const Model& model);
Status WriteModel(const Model& model, AtomicFile* file);
/// For small models and tests.
std::string SerializeModel(const Model& model);
std::string SerializeTensor(const Tensor& tensor);

}  // namespace godwit::onnx
