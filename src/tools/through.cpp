#include "tools/through.h"

#include <vector>

#include "backends/onnx/export.h"
#include "backends/onnx/files.h"
#include "base/diag.h"
#include "base/text.h"
#include "formats/onnx/write.h"
#include "frontends/onnx/import.h"

namespace godwit::tools {

namespace {

// The first error, if there was one.
Status FirstError(const DiagSink& sink) {
  for (const Diag& d : sink.all()) {
    if (d.severity == Severity::kError) return Diag(d);
  }
  return Ok{};
}

Result<Graph> ThroughOnnx(const Graph& graph, int opset, const std::string& keep_as) {
  to_onnx::ExportOptions options;
  options.opset = opset;
  DiagSink sink;
  TRY(const to_onnx::Exported exported, to_onnx::ExportModel(graph, options, &sink));
  RETURN_IF_ERROR(FirstError(sink));
  if (!keep_as.empty()) {
    TRY(to_onnx::OnnxFiles files, to_onnx::WriteOnnxFiles(exported, keep_as, {}));
    RETURN_IF_ERROR(files.Commit());
  }
  const std::string text = onnx::SerializeModel(exported.model);
  const ByteSpan bytes = AsBytes(text);
  TRY(Graph back, from_onnx::ImportModel(MappedFile::FromBytes({bytes.begin(), bytes.end()}), {}, &sink));
  RETURN_IF_ERROR(FirstError(sink));
  return back;
}

}  // namespace

Result<Through> MakeThrough(const std::string& formats, const std::string& keep) {
  std::vector<int64_t> opsets;
  for (const std::string_view format : Split(formats, ',')) {
    const auto wrong = [&] {
      return Diag(diag::kUsage, Concat("'", format, "' is no format to go through")).Hint("--through onnx@17");
    };
    const std::vector<std::string_view> parts = Split(format, '@');
    int64_t opset = 0;
    if (parts.size() > 2 || parts[0] != "onnx") return wrong();
    if (parts.size() == 2 && parts[1] != "same" && !ParseInt(parts[1], &opset)) return wrong();
    opsets.push_back(opset);
  }
  return Through([opsets, keep](const Graph& graph, const std::string& name) -> Result<Graph> {
    const auto version = [&](size_t i) {
      return opsets[i] != 0 ? static_cast<int>(opsets[i]) : to_onnx::DefaultOpset(graph);
    };
    Result<Graph> now = ThroughOnnx(graph, version(0), keep.empty() ? "" : Concat(keep, "/", name));
    for (size_t i = 1; now.ok() && i < opsets.size(); ++i) now = ThroughOnnx(*now, version(i), "");
    return now;
  });
}

}  // namespace godwit::tools
