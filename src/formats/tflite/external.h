// Constants that lie in files beside the model. Which files a model may name is decided as for ONNX.
#pragma once

#include <string>
#include <vector>

#include "formats/onnx/external_data.h"
#include "formats/tflite/model.h"

namespace godwit::tflite {

class ExternalConstants {
 public:
  /// An empty `model_path` means a model from memory: it has no folder, only allowed folders serve.
  ExternalConstants(const std::string& model_path, const std::vector<std::string>& allowed_folders,
                    const Limits& limits, DiagSink* warnings = nullptr)
      : files_(model_path, allowed_folders, limits, warnings) {}

  using Slice = onnx::ExternalFiles::Slice;
  /// The bytes of a tensor that has an external buffer, of a model that CheckModel has passed.
  Result<Slice> Open(const Model& model, const Tensor& tensor);

 private:
  onnx::ExternalFiles files_;
};

}  // namespace godwit::tflite
