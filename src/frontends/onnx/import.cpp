#include "frontends/onnx/import.h"

#include "formats/onnx/external_data.h"
#include "formats/onnx/parse.h"
#include "frontends/onnx/graph_import.h"

namespace godwit::from_onnx {

namespace {

// The mapped bytes and the arrays of the views over them live as long as any constant that points into them.
struct Loaded {
  MappedFile::Ptr file;
  onnx::Model model;
};

}  // namespace

Result<Graph> ImportModel(const MappedFile::Ptr& file, const ImportOptions& options, DiagSink* sink) {
  auto loaded = std::make_shared<Loaded>();
  loaded->file = file;
  TRY(loaded->model, onnx::ParseModel(file->bytes(), options.limits, sink));
  // Side files are opened when a constant is first asked for, which may be long after the sink is gone.
  auto side_files = std::make_shared<onnx::ExternalFiles>(file->path(), options.allow_external, options.limits);
  for (const auto& [location, contents] : options.side_files) side_files->Provide(location, contents);
  side_files->Expect(onnx::ListSideFiles(loaded->model, sink));
  GraphImport importer(loaded->model, TensorImport(loaded, std::move(side_files), options.limits), options, sink);
  RETURN_IF_ERROR(importer.Run());
  return importer.TakeGraph();
}

}  // namespace godwit::from_onnx
