// Values for a model's inputs: read from files, stated, or drawn from a seed within what the graph shows they may be.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "ir/graph.h"
#include "verify/samples.h"

namespace godwit {

struct InputOptions {
  uint64_t seed = 0;
  /// "NAME=FILE.npy", "NAME=FILE.npz", "NAME=FILE.pb", "NAME=0.5" (everywhere), "NAME=0:255" (drawn from a range).
  std::vector<std::string> samples;
  /// Sizes of the dims that no stated value decides; what is missing is 1.
  DimSizes sizes = {};
  Limits limits;
};

/// What --sample states, files read: "NAME=FILE.npy", "NAME=0.5", "NAME=0:255" ...
Result<InputSpecs> StatedInputs(const Graph& graph, const std::vector<std::string>& samples, const Limits& limits);

/// One value for each input of the main region. Floats are drawn from [0, 1), integers are 0 or 1 unless they index
/// an axis whose size is known; a dim that nothing states is 1. The same seed draws the same values on any machine.
Result<std::vector<RtValue>> MakeInputs(const Graph& graph, const InputOptions& options);

/// The array of a .npy file, the member `name` (or the only one) of a .npz, or an ONNX tensor, for a value of `type`.
Result<RtValue> ReadInputFile(const std::string& path, std::string_view name, const Type& type, const Limits& limits);

}  // namespace godwit
