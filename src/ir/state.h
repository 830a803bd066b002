// State of a model: what a run leaves behind for the next one of the same session. A graph is a function, so state is
// an input and an output of the model that belong together; which ones, and what the input holds at first, is said in
// the graph's metadata, so that it survives rewriting, the text form, and writing to formats that know no state.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ir/graph.h"

namespace godwit {

struct StateSlot {
  std::string input;
  std::string output;
  Tensor initial;  ///< invalid where the input's shape is not known: zeros
};

/// Inputs and outputs are named; each name belongs to one slot.
void AddState(const StateSlot& slot, Graph* graph);
/// Those whose input and output are still there.
Result<std::vector<StateSlot>> StatesOf(const Graph& graph);
/// The graph as a run that begins with the state's first contents sees it, which it must have: neither the input nor the
/// output is there any more.
void DropState(const StateSlot& slot, Graph* graph);
/// What a run has left becomes the inputs of the next one. Both are in the order of the main region.
void CarryState(const Graph& graph, const std::vector<StateSlot>& states, const std::vector<RtValue>& results,
                std::vector<RtValue>* inputs);

}  // namespace godwit
