// Writes a graph as an ONNX model of any operator set from 7 to 27: nodes by the rows of rows_*.cpp, what no row takes
// by the repairs of the legaliser, the rest reported with the names of the source. Nothing of the graph is changed,
// and weights stay where they are until the file is written.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/diag.h"
#include "base/result.h"
#include "formats/onnx/model.h"
#include "ir/graph.h"

namespace godwit::to_onnx {

inline constexpr int kOldestOpset = 7;
inline constexpr int kNewestOpset = 27;
/// The newest that runtimes in use load.
inline constexpr int kUsualNewest = 26;

struct ExportOptions {
  /// Operator set of ai.onnx; 0: that of the source, within what runtimes load.
  int opset = 0;
  /// Domains beside ai.onnx and ai.onnx.ml whose operators may be written, "com.microsoft". Operators that the source
  /// has in a domain unknown here are always kept. "com.microsoft.FusedConv" is one operator alone.
  std::vector<std::string> domains;
};

/// Whether a domain, or an operator with its domain before it, is allowed as such.
bool Allows(const ExportOptions& options, std::string_view domain);

struct Exported {
  onnx::Model model;
  int opset = 0;
  size_t nodes = 0;                               ///< those of bodies included
  std::vector<std::shared_ptr<const void>> keep;  ///< what the views of `model` point into
};

/// The operator set that a source's own number stands for.
int DefaultOpset(const Graph& graph);
/// What cannot be written goes to the sink, all of it; the model is whole only when no error was added.
Result<Exported> ExportModel(const Graph& graph, const ExportOptions& options, DiagSink* sink);

}  // namespace godwit::to_onnx
