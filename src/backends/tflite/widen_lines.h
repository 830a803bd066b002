// Windows over one spatial axis. TFLite's are over two, so that each such operator is written between two reshapes; as
// nodes of the graph the reshapes meet those of their neighbours and go.
#pragma once

#include "base/result.h"
#include "ir/graph.h"

namespace godwit::to_tflite {

/// Convolutions and poolings of one spatial axis become those of two, the first of extent 1. True when there were any.
/// Quantised ones, and those whose weights are computed, stay as they are.
Result<bool> WidenLines(Graph* graph);

}  // namespace godwit::to_tflite
