// What the graph shows about the integers that an input may hold: an index into an axis of known size stays below it.
#pragma once

#include <cstdint>

#include "ir/graph.h"

namespace godwit {

/// The size of the smallest axis that the input's elements pick from (gathers, scatters, one-hot), followed through
/// operators that hand values on unchanged and into the bodies of control flow; 0 when nothing shows one.
int64_t IndexBound(const Graph& graph, ValueId input);

}  // namespace godwit
