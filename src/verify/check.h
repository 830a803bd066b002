// Whether a model makes sense, beyond being readable: the everyday mistakes, each a diagnostic of its own.
#pragma once

#include "base/diag.h"
#include "ir/graph.h"

namespace godwit {

struct CheckOptions {
  bool weights = true;  ///< read every weight, for NaN and infinity
};

/// Adds what it finds to the sink; what importing found is there already.
void CheckModel(const Graph& graph, const CheckOptions& options, DiagSink* sink);

}  // namespace godwit
