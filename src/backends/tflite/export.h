// Writes a graph as a TFLite model for a runtime: nodes by the rows of rows_*.cpp, what no row takes by the repairs of
// the legaliser, the rest reported with the names of the source. Nothing of the graph is changed, and weights stay
// where they are until the file is written. A graph should have been prepared first (prepare.h): one that was not is
// written too, with transpositions around each operator that wants its channels last.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/diag.h"
#include "base/result.h"
#include "formats/tflite/model.h"
#include "ir/graph.h"
#include "targets/tflite.h"

namespace godwit::to_tflite {

struct ExportOptions {
  targets::TfliteProfile profile;
  bool half_weights = false;  ///< stored in f16, computed with in f32
  bool tune = true;           ///< operators in the forms that CPUs run fastest, sums in another order
  /// Further ways to enter the file, each a graph of its own with the key "tflite.signature" in its metadata. They keep
  /// no state.
  std::vector<const Graph*> entries = {};
};

struct Exported {
  tflite::Model model;
  int runtime = 0;                                ///< the oldest that runs it, as targets/tflite.h numbers them
  size_t operators = 0;                           ///< those of all subgraphs
  int64_t half_tensors = 0, half_elements = 0;    ///< weights that are stored in half
  std::vector<std::shared_ptr<const void>> keep;  ///< what the views of `model` point into
};

/// What cannot be written goes to the sink, all of it; the model is whole only when no error was added.
Result<Exported> ExportModel(const Graph& graph, const ExportOptions& options, DiagSink* sink);

}  // namespace godwit::to_tflite
