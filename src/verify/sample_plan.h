// Which samples a proof runs: their kinds, and the sizes of the dims that the model leaves open.
#pragma once

#include <vector>

#include "verify/samples.h"

namespace godwit {

/// The kinds of `count` samples: random ones between a ramp and the edges. `real` samples that are given come first, in
/// the place of random ones; the edges keep theirs.
std::vector<SampleKind> SampleKinds(int count, size_t real = 0);

/// Sets of sizes for the open dims, the likelier ones first, for the first (0) or second (1) size to be tried. Height
/// and width, and what else may not be alike, differ; the last sets are for models that only take particular sizes. One
/// empty set where no dim is open.
std::vector<DimSizes> SizesToTry(const Graph& graph, const InputSpecs& specs, int which);

/// "N=2 H=64 W=96"
std::string ToString(const DimSizes& sizes);

/// Multiply-adds of one run at these sizes; bodies of loops count once.
double MacsAt(const Graph& graph, const DimSizes& sizes);

}  // namespace godwit
