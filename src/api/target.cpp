#include "api/target.h"

#include "base/text.h"

namespace godwit {

namespace {

struct FormatRow {
  Format format;
  std::string_view name, suffix;
  FileKind kind;
};
constexpr FormatRow kFormats[] = {
    {Format::kOnnx, "ONNX", ".onnx", FileKind::kOnnx},
    {Format::kTflite, "TFLite", ".tflite", FileKind::kTflite},
};

}  // namespace

std::string_view Name(Format format) {
  for (const FormatRow& row : kFormats) {
    if (row.format == format) return row.name;
  }
  return "";
}

std::string_view SuffixOf(Format format) {
  for (const FormatRow& row : kFormats) {
    if (row.format == format) return row.suffix;
  }
  return "";
}

Format FormatOf(FileKind kind) {
  for (const FormatRow& row : kFormats) {
    if (row.kind == kind) return row.format;
  }
  return Format::kNone;
}

Format FormatOfPath(std::string_view path) {
  for (const FormatRow& row : kFormats) {
    if (path.ends_with(row.suffix)) return row.format;
  }
  return Format::kNone;
}

Result<Target> ParseTarget(const std::string& text) {
  Target out;
  if (text.empty()) return out;
  const size_t at = text.find('@');
  const std::string name = text.substr(0, at);
  const std::string version = at == std::string::npos ? "" : text.substr(at + 1);
  if (text.ends_with(".toml") || name == "tflite" || name == "litert" || name.starts_with("tflite+") ||
      name.starts_with("litert+")) {
    out.format = Format::kTflite;
    out.profile = text;
    return out;
  }
  if (name == "ort") {
    out.format = Format::kOnnx;
    out.runtime = name;
    return out;
  }
  int64_t opset = 0;
  const bool number = ParseInt(version, &opset) && opset > 0 && opset < 1000;
  if (name != "onnx" || (at != std::string::npos && !number)) {
    return Diag(diag::kUsage, Concat("--target: '", Printable(text, 100),
                                     "' is not onnx, onnx@OPSET, ort, tflite@VERSION, litert@VERSION or a .toml file"))
        .Hint("`godwit list targets` shows them");
  }
  out.format = Format::kOnnx;
  out.opset = static_cast<int>(opset);
  return out;
}

Status SettleFormat(const std::string& output, Format source, Target* target) {
  const Format named = FormatOfPath(output);
  if (target->format == Format::kNone) {
    target->format = named != Format::kNone ? named : source;
  } else if (named != Format::kNone && named != target->format) {
    return Diag(diag::kUsage, Concat("'", Printable(output, 200), "' is named as a ", Name(named),
                                     " model, and the target takes ", Name(target->format)))
        .Hint(Concat("name it *", SuffixOf(target->format)));
  }
  if (target->format != Format::kNone) return Ok{};
  return Diag(diag::kUsage, Concat("'", Printable(output, 200), "' does not say what to write"))
      .Hint("OUT.onnx or OUT.tflite, or --target");
}

}  // namespace godwit
