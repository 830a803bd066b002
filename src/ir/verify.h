// Checks every invariant of a graph. A violation is a defect of the code that built the graph (or of a text that was
// written by hand), never a property of a user's model.
#pragma once

#include <cstddef>

#include "base/diag.h"
#include "base/result.h"
#include "ir/graph.h"

namespace godwit {

/// Adds an ir.verify diagnostic for each violation, `limit` at most. Linear in the size of the graph.
void VerifyGraph(const Graph& graph, DiagSink* sink, size_t limit = 20);
/// The first violation.
Status VerifyGraph(const Graph& graph);

}  // namespace godwit
