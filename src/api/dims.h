// Sizes of a model's named dims as the command line states them: "N=4" fixes one, "H=64:224:512" bounds it and says
// which size to take where one is needed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/load.h"
#include "base/result.h"
#include "ir/graph.h"
#include "verify/samples.h"

namespace godwit {

struct DimRange {
  std::string name;
  int64_t least = 0, best = 0, most = 0;
  [[nodiscard]] bool fixed() const { return least == most; }
};

/// "NAME=SIZE" or "NAME=LEAST:BEST:MOST".
Result<DimRange> ParseDimRange(std::string_view text);

/// Adds to `options->shapes` the inputs whose dims the fixed ranges decide, for reading the model once more. A name
/// that no input has is wrong use. Shapes that are stated already stay as they are. Whether anything was added.
Result<bool> FixDims(const Graph& graph, const std::vector<DimRange>& ranges, LoadOptions* options);

/// Whether an input of the model has a dim of that name.
bool HasDim(const Graph& graph, std::string_view name);

/// The best sizes, for samples that are drawn.
DimSizes BestSizes(const std::vector<DimRange>& ranges);
/// Whether values keep within the ranges.
Status CheckSizes(const Graph& graph, const std::vector<DimRange>& ranges, const std::vector<RtValue>& inputs);

}  // namespace godwit
