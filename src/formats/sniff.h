// Recognises what a file is by its content, so that a wrong file is named for what it is instead of failing somewhere
// within a parser.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/diag.h"

namespace godwit {

enum class FileKind : uint8_t {
  kUnknown,
  kEmpty,
  kOnnx,
  kOnnxText,
  kOrt,
  kTflite,
  kSavedModel,
  kGraphDef,
  kGraphText,
  kKeras,
  kHdf5,
  kTorchScript,
  kTorchCheckpoint,
  kTorchExport,
  kExecutorch,
  kPickle,
  kSafetensors,
  kGguf,
  kDarknet,
  kNcnn,
  kOpenvinoXml,
  kNpy,
  kNpz,
  kZip,
  kGzip,
  kPicture,
  kLfsPointer,
  kHtml,
};

FileKind Sniff(ByteSpan bytes);
/// "a TensorFlow Lite model"
std::string_view Describe(FileKind kind);
/// What to say when an ONNX model was expected and `kind` was found.
Diag NotOnnx(FileKind kind, std::string path);

}  // namespace godwit
