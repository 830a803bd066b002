// Opens a model file: recognises it by content, refuses what is not a model for what it is, and imports it.
#pragma once

#include <string>

#include "base/diag.h"
#include "base/mapped_file.h"
#include "base/result.h"
#include "frontends/onnx/import.h"
#include "ir/graph.h"

namespace godwit {

using LoadOptions = from_onnx::ImportOptions;

/// As ImportModel: problems of single nodes go to the sink, and the graph still shows what is there.
Result<Graph> LoadModel(const std::string& path, const LoadOptions& options, DiagSink* sink);
Result<Graph> LoadModel(const MappedFile::Ptr& file, const LoadOptions& options, DiagSink* sink);

/// "input=1,3,H,224" for LoadOptions::shapes: numbers fix dims, names keep them dynamic.
Status AddShape(std::string_view text, LoadOptions* options);

}  // namespace godwit
