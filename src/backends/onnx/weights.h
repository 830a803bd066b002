// Constants as tensors of a file. Large ones are bytes that are fetched when they are written, one tensor at a time:
// straight from the file they lie in where that holds them in the same form.
#pragma once

#include <memory>

#include "backends/onnx/arena.h"
#include "formats/onnx/model.h"
#include "ir/graph.h"

namespace godwit::to_onnx {

/// What the file holds of a constant. `keep` takes over what the view points into.
onnx::Tensor ToInitializer(const Constant& constant, std::string_view name, ExportArena* arena,
                           std::vector<std::shared_ptr<const void>>* keep);

}  // namespace godwit::to_onnx
