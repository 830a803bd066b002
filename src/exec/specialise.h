// A graph with the sizes of its inputs known: types of all values worked out again, and every value that follows from
// constants and sizes alone computed, through the operators' own kernels and under growth limits.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>
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
  RegionId region;
  std::vector<ValueId> inputs;  ///< parameters of the region, then values around it that it uses
  std::vector<Type> types;      ///< by value
  std::vector<RtValue> known;   ///< by value: what is known before the run; absent elsewhere
  /// By node: the region of an `if` whose condition is known. Its nodes belong to those around it.
  std::unordered_map<uint32_t, RegionId> chosen;
  int64_t folded_nodes = 0;
  int64_t folded_bytes = 0;
};

/// Whether the node makes a stored constant real, for an operator that its source computes on integers. Such nodes are
/// not folded: an integer kernel reads the constant as it is stored.
bool IsStoredConstant(const Graph& graph, const Node& node);

/// `inputs` are types for the main region's parameters, at least as precise as declared.
Result<Specialised> Specialise(const Graph& graph, const std::vector<Type>& inputs, Widening* widening,
                               const FoldLimits& limits = {});

/// What a region is given.
struct RegionInput {
  ValueId value;
  Type type;
  RtValue known;  ///< where its contents are known; absent elsewhere
};
Result<Specialised> SpecialiseRegion(const Graph& graph, RegionId region, const std::vector<RegionInput>& inputs,
                                     Widening* widening, const FoldLimits& limits = {});

}  // namespace godwit
