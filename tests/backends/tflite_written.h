// A graph written to TFLite as the program writes it: the file, read again and checked, and the graph that it gives.
#pragma once

#include <string>
#include <string_view>

#include "backends/tflite/export.h"
#include "formats/tflite/parse.h"
#include "ir/graph.h"

namespace godwit::test {

struct WrittenTflite {
  std::string bytes;
  tflite::Model model;  // views of `bytes`
  int runtime = 0;
  int64_t halves = 0;  // tensors stored in half

  /// The operators of the main subgraph, a word each.
  [[nodiscard]] std::string Ops() const;
  [[nodiscard]] const tflite::Operator& Op(size_t i) const { return model.subgraphs[0].operators[i]; }
  [[nodiscard]] const tflite::Tensor& TensorOf(const tflite::Operator& op, size_t input) const {
    return model.subgraphs[0].tensors[static_cast<size_t>(op.inputs[input])];
  }
  [[nodiscard]] int VersionOf(size_t i) const { return model.CodeOf(Op(i)).version; }
  /// The most axes that a tensor of the main subgraph has.
  [[nodiscard]] size_t Rank() const;
};

/// Fails the test where the text is no graph.
Graph ParsedGraph(std::string_view text);
/// "litert@2.1": fails the test where there is no such target.
targets::TfliteProfile Profile(std::string_view name);

/// Fails the test where the graph cannot be written, or the file does not hold what files must; then it has no
/// operators.
WrittenTflite WriteTflite(const Graph& graph, const to_tflite::ExportOptions& options = {});
Graph ReadTflite(const WrittenTflite& written);

}  // namespace godwit::test
