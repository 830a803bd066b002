// A session of ONNX Runtime as a Model.
#pragma once

#include <memory>

#include "runtimes/onnxruntime.h"
#include "runtimes/runtime.h"

namespace godwit::runtimes::ort {

/// Takes the session over.
Result<std::unique_ptr<Model>> MakeModel(const Calls& calls, OrtSession* session);

}  // namespace godwit::runtimes::ort
