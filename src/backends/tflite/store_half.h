// Weights in half for runtimes that compute in f32: a large f32 constant becomes an f16 one and a DEQUANTIZE, the form
// that every runtime knows and that delegates take into their convolutions.
#pragma once

#include "backends/tflite/written.h"
#include "base/result.h"
#include "targets/tflite.h"

namespace godwit::to_tflite {

struct StoredHalf {
  int64_t tensors = 0;
  int64_t elements = 0;
};

/// What f16 cannot hold stays as it is.
Result<StoredHalf> StoreHalf(const targets::TfliteProfile& profile, WrittenGraph* graph);

/// Whether most weights of a graph are halves: as such they should be written.
bool MostlyHalf(const Graph& graph);

}  // namespace godwit::to_tflite
