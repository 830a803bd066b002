// Every sample of an operator as a model of one node, or a graph of an operator with regions: through a format and back
// it gives what it gave before. What cannot be written must say so by a target.* problem.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/diag.h"
#include "ir/graph.h"
#include "ops/ops.h"

namespace godwit::test {

struct Trip {
  std::string name;  ///< for messages
  std::function<Result<Graph>(const Graph&)> through;
};

/// The first error in a sink, as a status.
Status FirstError(const DiagSink& sink);

/// All but the opaque one, which stands for what is not known.
std::vector<const OpDef*> OperatorsWithSamples();

/// Takes all there is of the operator on every trip, and fails where there is nothing; graphs with regions must be
/// taken by some trip, those with sequences where the format has them.
void ExpectSameAfter(const std::vector<Trip>& trips, const OpDef& op, bool sequences);

}  // namespace godwit::test
