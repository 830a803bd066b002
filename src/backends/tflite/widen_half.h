// Half precision where the kernels have none: the whole graph in f32 between inputs and outputs that keep their type.
#pragma once

#include "base/result.h"
#include "ir/graph.h"

namespace godwit::to_tflite {

/// Values, weights and types of f16 and bf16 become f32, which holds each of them; what lies between two operators is
/// no longer rounded. True when there was anything to do. Graphs that look at the bits of halves stay as they are.
Result<bool> WidenHalf(Graph* graph);

}  // namespace godwit::to_tflite
