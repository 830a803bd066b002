// Samples: values for a graph's inputs that show what it computes. Drawn ones follow from the seed alone, on any
// machine: random values, a ramp, and the edges (zeros, ones, large values). Integers that index an axis stay within
// it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ir/graph.h"

namespace godwit {

/// What is stated about one input.
struct InputSpec {
  RtValue value;        ///< taken as it is, unless absent
  bool ranged = false;  ///< draw from `least` to `most`, both included for integers
  double least = 0;
  double most = 1;
  std::string text;  ///< every element of an input of strings
};
using InputSpecs = std::map<std::string, InputSpec>;  ///< by input name

/// Sizes of named dims.
using DimSizes = std::vector<std::pair<std::string, int64_t>>;

enum class SampleKind : uint8_t { kRandom, kSigned, kRamp, kZeros, kOnes, kLarge, kGiven };
std::string_view Name(SampleKind kind);

struct SampleRequest {
  SampleKind kind = SampleKind::kRandom;
  uint64_t seed = 0;
  DimSizes sizes;  ///< of the dims that no stated value decides; what is missing is 1
};

/// One value for each input of the main region. Random floats are drawn from [0, 1), or from [-1, 1) when signed;
/// integers are 0 or 1 unless they index an axis of known size or a range is stated. What cannot be drawn is a
/// diagnostic that names the input.
Result<std::vector<RtValue>> DrawSample(const Graph& graph, const InputSpecs& specs, const SampleRequest& request);

/// Names of the dims that the inputs leave open, in order of their first use, those that stated values decide
/// left out.
std::vector<std::string> OpenDims(const Graph& graph, const InputSpecs& specs);

}  // namespace godwit
