#include "api/load.h"

#include "base/text.h"
#include "formats/sniff.h"
#include "frontends/tflite/import.h"

namespace godwit {

namespace {

// Every problem of a file names it, whichever room found it.
void NameFile(const std::string& path, Diag* diag) {
  if (diag->file.empty()) diag->file = path;
}

// A shape for an input that the model does not have is a slip of the caller's.
Status CheckShapeNames(const Graph& graph, const LoadOptions& options) {
  for (const auto& [name, shape] : options.shapes) {
    std::string known;
    bool found = false;
    for (const ValueId id : graph.region(Graph::main()).params) {
      const std::string& input = graph.value(id).name;
      found = found || input == name;
      known += Concat(known.empty() ? "'" : ", '", Printable(input, 100), "'");
    }
    if (!found) {
      return Diag(diag::kExecInput, Concat("the model has no input named '", name, "'"))
          .Hint(known.empty() ? "it has no inputs" : Concat("its inputs are ", known));
    }
  }
  return Ok{};
}

}  // namespace

Result<Graph> LoadModel(const MappedFile::Ptr& file, const LoadOptions& options, DiagSink* sink) {
  const FileKind kind = Sniff(file->bytes());
  if (kind == FileKind::kTflite) {
    from_tflite::ImportOptions read;
    read.limits = options.limits;
    read.shapes = options.shapes;
    read.allow_external = options.allow_external;
    read.signature = options.signature;
    read.reads_all_entries = options.reads_all_entries;
    auto graph = from_tflite::ImportModel(file, read, sink);
    if (!graph.ok()) {
      NameFile(file->path(), &graph.diag());
      return graph;
    }
    RETURN_IF_ERROR(CheckShapeNames(*graph, options));
    return graph;
  }
  if (!options.signature.empty()) {
    return Diag(diag::kUsage, "--signature: only TFLite models have several entries").File(file->path());
  }
  // Damaged protobuf is told apart by its parser better than by its first bytes.
  if (kind != FileKind::kOnnx && kind != FileKind::kUnknown) return NotOnnx(kind, file->path());
  auto graph = from_onnx::ImportModel(file, options, sink);
  if (!graph.ok()) {
    const bool named_onnx = file->path().ends_with(".onnx") || file->path().empty();
    if (kind == FileKind::kUnknown && !named_onnx && graph.diag().exit == Exit::kMalformed) {
      return NotOnnx(kind, file->path());
    }
    NameFile(file->path(), &graph.diag());
    return graph;
  }
  RETURN_IF_ERROR(CheckShapeNames(*graph, options));
  return graph;
}

Result<Graph> LoadModel(const std::string& path, const LoadOptions& options, DiagSink* sink) {
  TRY(MappedFile::Ptr file, MappedFile::Open(path, options.limits));
  return LoadModel(file, options, sink);
}

Status AddShape(std::string_view text, LoadOptions* options) {
  const size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) {
    return Diag(diag::kUsage, Concat("'", Printable(text, 200), "' is not NAME=DIM,DIM,..."))
        .Hint("--shape input=1,3,224,224");
  }
  std::vector<std::string> dims;
  const std::string_view list = Trim(text.substr(equals + 1));
  if (!list.empty()) {
    for (const std::string_view part : Split(list, ',')) {
      const std::string_view dim = Trim(part);
      int64_t size = 0;
      const bool number = !dim.empty() && (dim[0] == '-' || (dim[0] >= '0' && dim[0] <= '9'));
      if (dim.empty() || (number && (!ParseInt(dim, &size) || size < 0 || size > INT32_MAX))) {
        return Diag(diag::kUsage, Concat("'", Printable(part, 100), "' in '", Printable(text, 200), "' is not a dim"))
            .Hint("a number fixes a dim, a name keeps it dynamic: --shape input=N,3,224,224");
      }
      dims.emplace_back(dim);
    }
  }
  options->shapes[std::string(text.substr(0, equals))] = std::move(dims);
  return Ok{};
}

}  // namespace godwit
