// What a model is written for: the format, and within it an operator set, a runtime, a profile. From --target, from the
// output's suffix, or from both, which must agree.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/sniff.h"

namespace godwit {

enum class Format : uint8_t { kNone, kOnnx, kTflite };
/// "ONNX"
std::string_view Name(Format format);
/// ".onnx"
std::string_view SuffixOf(Format format);
/// The format that a file of this kind is written in; kNone where it is not one that is written.
Format FormatOf(FileKind kind);
/// The same by the suffix of a path.
Format FormatOfPath(std::string_view path);

struct Target {
  Format format = Format::kNone;
  int opset = 0;        ///< ONNX: the operator set; 0: the source's
  std::string runtime;  ///< "ort": rewrites that it runs slower stay out; empty: any
  std::string profile;  ///< TFLite: "tflite@2.14", "litert@2.2+xnnpack", or a file of the user's; empty: any runtime
};

/// "onnx", "onnx@17", "ort", "tflite@2.14", "litert@2.2+xnnpack", "my.toml"; "" leaves everything open.
Result<Target> ParseTarget(const std::string& text);

/// Settles the format: the target's, else that of the output's suffix, else `source`. Wrong use where they disagree.
Status SettleFormat(const std::string& output, Format source, Target* target);

}  // namespace godwit
