// What the graph tells of a value before it is run: how exactly any runtime can be expected to give it.
#pragma once

#include "ir/graph.h"

namespace godwit {

/// The result of a function of a bounded range: runtimes compute it as exactly as its range, not its value, goes.
bool IsOfUnitRange(const Graph& graph, ValueId value);

/// The largest step of real numbers that integers stand for; 0 where they are none.
double StepOf(const Graph& graph, ValueId value);

}  // namespace godwit
