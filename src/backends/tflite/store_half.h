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

/// What f16 cannot hold stays as it is: numbers out of its range, or, where `exact`, any that it rounds.
Result<StoredHalf> StoreHalf(const targets::TfliteProfile& profile, WrittenGraph* graph, bool exact = false);

/// Whether most weights of a graph are halves: as such they should be written.
bool MostlyHalf(const Graph& graph);
/// A note in the metadata that they were so in a TFLite file: other formats get them widened. Those that still are
/// halves become such again.
void NoteHalfWeights(Graph* graph);
[[nodiscard]] bool WereHalf(const Graph& graph);

}  // namespace godwit::to_tflite
