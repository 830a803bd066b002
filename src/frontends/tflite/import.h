// Reads a TFLite model into a graph: channels stay last, no transposition is added, activations that are fused into an
// operator become nodes, quantised operators become dequantize, operator, quantize (ops/arithmetic.h). As with ONNX,
// everything that is wrong goes to the sink, and operators that could not be imported stay as opaque nodes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/diag.h"
#include "base/limits.h"
#include "base/mapped_file.h"
#include "base/result.h"
#include "ir/graph.h"

namespace godwit::from_tflite {

struct ImportOptions {
  Limits limits;
  /// Folders beside the model's own where constants may lie.
  std::vector<std::string> allow_external;
  /// Dims of inputs, by input name: numbers fix, names keep a dim dynamic.
  std::map<std::string, std::vector<std::string>> shapes;
  /// The signature whose subgraph is read; empty: the first one of the main subgraph.
  std::string signature;
  /// The caller reads the other entries as well: nothing is said about them.
  bool reads_all_entries = false;
};

/// A graph, even where single operators have failed (see the sink); an error only when there is nothing to show.
Result<Graph> ImportModel(const MappedFile::Ptr& file, const ImportOptions& options, DiagSink* sink);

}  // namespace godwit::from_tflite
