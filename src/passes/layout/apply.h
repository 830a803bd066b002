// Rewrites a graph to what was chosen: nodes keep their ids, names and origins, values theirs; what is stored under a
// value is its order from then on.
#pragma once

#include <vector>

#include "passes/layout/problem.h"

namespace godwit::layout {

/// A transposition, or a reshape that stands for one, that had to be put in.
struct Inserted {
  ValueId root;
  Label from = kAny, to = kAny;  ///< of the root's axes
  ValueId value;                 ///< what it gives
};

Status Apply(Graph* graph, Problem& problem, std::vector<Inserted>* inserted, std::vector<ValueLayout>* layouts);

}  // namespace godwit::layout
