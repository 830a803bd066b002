// Layers that keep their state themselves, in variable tensors of the file: what a source read from TFLite had as one
// operator is written as one again.
#pragma once

#include <unordered_map>

#include "ir/graph.h"

namespace godwit::to_tflite {

/// An input and an output of the model that carry state belong together; see ir/state.h.
struct StateValues {
  ValueId out;
  bool rests = false;  ///< at first it holds what runtimes put into variable tensors: zeros, for i8 the zero point
};
/// By the input. What cannot be read is left out: who writes the model says so.
using StateTable = std::unordered_map<uint32_t, StateValues>;
StateTable StatesByInput(const Graph& graph);

/// Scans that are one operator, states and all, which would be many in turns written one after the other.
bool IsSequenceLayer(const Graph& graph, const StateTable& states, NodeId scan);

}  // namespace godwit::to_tflite
