// What half precision would do, measured on samples: ranges of activations, and errors by a run in f32 in which every
// result and weight of the chosen nodes is rounded. Fast kernels serve, since nothing is really stored in half.
#pragma once

#include <vector>

#include "passes/half_choice.h"

namespace godwit::half {

/// Largest magnitude of each value of the main region over the samples; negative where it was not seen.
Result<std::vector<double>> Peaks(const Graph& graph, const HalfOptions& options);

/// Keeps what leaves the type's range, with what reads it.
void KeepWide(const Graph& graph, const HalfOptions& options, const std::vector<double>& peaks, Choice* choice,
              HalfReport* report);

/// Keeps the nodes that add most of the error until the outputs are within the bound; the error that is left.
Result<double> KeepSensitive(const Graph& graph, const HalfOptions& options, const std::vector<double>& peaks,
                             Choice* choice);

}  // namespace godwit::half
