// Types, options and constants of ours as those of TFLite.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "backends/tflite/written.h"
#include "formats/tflite/arena.h"
#include "formats/tflite/model.h"

namespace godwit::to_tflite {

/// Nothing for types that TFLite does not have.
std::optional<tflite::TensorType> ToTensorType(DType dtype);

/// The options of a builtin operator; those at their defaults are there too, as converters have always written them.
tflite::Options ToOptions(const WrittenOperator& op, tflite::ModelArena* arena);

/// Null where there is nothing to say.
const tflite::Quantization* ToQuantization(const Quant* quant, tflite::ModelArena* arena);

/// What the file holds of a constant: bytes that are fetched when they are written. `keep` takes over what it points
/// into.
Result<tflite::Buffer> ToBuffer(const Constant& constant, std::vector<std::shared_ptr<const void>>* keep);

}  // namespace godwit::to_tflite
