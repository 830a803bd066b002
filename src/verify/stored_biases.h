// Biases as a model in integers has them: in steps of the products that they are added to.
#pragma once

#include <optional>

#include "ir/graph.h"

namespace godwit {

/// `source` with each bias in numbers, of a product of dequantised data and weights, rounded to such steps; nothing
/// where it has none.
std::optional<Graph> StoredBiases(const Graph& source);

}  // namespace godwit
