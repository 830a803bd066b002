// Inputs that are to be constants: "NAME=FILE.npy", "NAME=16000" as values that fit the model's inputs.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "ir/graph.h"

namespace godwit {

/// A number fills the whole input, whose dims must then be known. A file is what ReadInputFile takes.
Result<std::vector<std::pair<std::string, Tensor>>> ReadBindings(const Graph& graph,
                                                                 const std::vector<std::string>& texts,
                                                                 const Limits& limits);

/// Whether such a text is about an input of the model.
bool BindsInput(const Graph& graph, const std::string& text);

}  // namespace godwit
