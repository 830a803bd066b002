// An exported model as files: one, or two when the weights are too many for one message.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/onnx/export.h"
#include "base/atomic_file.h"

namespace godwit::to_onnx {

struct FileOptions {
  enum class Weights : uint8_t {
    kFit,    ///< beside the model only when the model would be longer than protobuf reads
    kBeside  ///< in a file of their own, but for small ones
  };
  Weights weights = Weights::kFit;
  /// Files that must not be overwritten.
  std::vector<std::string> inputs;
};

/// Files that are written but not yet in their places.
struct OnnxFiles {
  AtomicFile model;
  std::unique_ptr<AtomicFile> weights;  ///< null when there is no second file

  /// Puts both in place so that a model that is there has its own weights at every instant. Weights that are there
  /// already stay, and the model is replaced at once. Where others are there, a model that needs them goes first: for
  /// that moment there is none.
  Status Commit();
};

/// What the model at `path` calls its second file, which lies beside it.
std::string WeightsName(const std::string& path);

/// Writes the model to `path` and, where needed, its weights to `path`.data.
Result<OnnxFiles> WriteOnnxFiles(const Exported& exported, const std::string& path, const FileOptions& options);

}  // namespace godwit::to_onnx
