// A graph with the sizes of its inputs known: types of all values worked out again, and every value that follows from
// constants and sizes alone computed, through the operators' own kernels and under growth limits.
#pragma once

#include <cstdint>
#include <vector>

#include "exec/widen.h"
#include "ir/graph.h"
#include "ir/inference.h"

namespace godwit {

struct FoldLimits {
  int64_t value_bytes = int64_t{64} << 20;  ///< of one folded value; larger ones are left to be computed when run
  int64_t total_bytes = int64_t{256} << 20;
};

struct Specialised {
  const Graph* graph = nullptr;
  std::vector<Type> types;     ///< by value
  std::vector<RtValue> known;  ///< by value: what is known before the run; absent elsewhere
  int64_t folded_nodes = 0;
  int64_t folded_bytes = 0;
};

/// `inputs` are types for the main region's parameters, at least as precise as declared.
Result<Specialised> Specialise(const Graph& graph, const std::vector<Type>& inputs, Widening* widening,
                               const FoldLimits& limits = {});

}  // namespace godwit
