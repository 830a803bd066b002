// `suite --through FORMAT`: every model is written in another format, read back, and tested as what it became.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "ir/graph.h"

namespace godwit::tools {

/// Writes a graph, in `keep` under the given name where that is not empty, and reads it back.
using Through = std::function<Result<Graph>(const Graph& graph, const std::string& name)>;

/// `formats`: "onnx@17", or several with commas, one after the other: "onnx@11,onnx@17".
Result<Through> MakeThrough(const std::string& formats, const std::string& keep);

}  // namespace godwit::tools
