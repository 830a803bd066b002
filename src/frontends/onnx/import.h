// Reads an ONNX model into a graph. Import never stops at the first bad node: everything that is wrong goes to the
// sink, and nodes that could not be imported stay in the graph as opaque ones, so that it can still be inspected.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/diag.h"
#include "base/limits.h"
#include "base/mapped_file.h"
#include "base/result.h"
#include "ir/graph.h"

namespace godwit::from_onnx {

struct ImportOptions {
  Limits limits;
  /// Folders beside the model's own where side files may lie.
  std::vector<std::string> allow_external;
  /// Contents of side files by location, where they are not to be read from the disk.
  std::map<std::string, MappedFile::Ptr> side_files;
  /// Dims of inputs, by input name: numbers fix, names keep a dim dynamic.
  std::map<std::string, std::vector<std::string>> shapes;
  /// Initialisers that are also graph inputs are constants unless this is set.
  bool initializers_are_inputs = false;
  /// Of formats whose files can be entered in several ways (TFLite): by this one; empty: by the main one.
  std::string signature;
  /// The caller reads the other entries as well: nothing is said about them.
  bool reads_all_entries = false;
};

/// A graph, even where single nodes have failed (see the sink); an error only when there is nothing to show.
Result<Graph> ImportModel(const MappedFile::Ptr& file, const ImportOptions& options, DiagSink* sink);

}  // namespace godwit::from_onnx
