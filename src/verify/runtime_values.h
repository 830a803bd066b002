// Values on their way between the interpreter and a real runtime.
#pragma once

#include "base/result.h"
#include "ir/tensor.h"
#include "runtimes/runtime.h"

namespace godwit {

/// runtime.value where the value is no tensor, or its element type has no name there.
Result<runtimes::Array> ToArray(const RtValue& value);
Result<RtValue> FromArray(const runtimes::Array& array);

/// What the model takes, in its order, from values by input name; what is not given is exec.input.
Result<std::vector<runtimes::Array>> ArraysFor(const runtimes::Model& model,
                                               const std::vector<std::pair<std::string, RtValue>>& inputs);
/// Runs the model on values by input name. Results are in the order of its outputs.
Result<std::vector<RtValue>> RunInRuntime(runtimes::Model* model,
                                          const std::vector<std::pair<std::string, RtValue>>& inputs);

}  // namespace godwit
