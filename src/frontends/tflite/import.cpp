#include "frontends/tflite/import.h"

#include "formats/tflite/parse.h"
#include "frontends/tflite/graph_import.h"

namespace godwit::from_tflite {

Result<Graph> ImportModel(const MappedFile::Ptr& file, const ImportOptions& options, DiagSink* sink) {
  auto loaded = std::make_shared<Loaded>();
  loaded->file = file;
  TRY(loaded->model, tflite::ParseModel(file->bytes(), options.limits));
  // A model whose parts do not fit together is not walked.
  DiagSink problems;
  tflite::CheckModel(loaded->model, options.limits, &problems);
  const Diag* first = nullptr;
  for (const Diag& d : problems.all()) {
    if (d.severity == Severity::kError && first == nullptr) {
      first = &d;
    } else {
      sink->Add(d);
    }
  }
  if (first != nullptr) return Diag(*first);
  loaded->external =
      std::make_unique<tflite::ExternalConstants>(file->path(), options.allow_external, options.limits, sink);
  GraphImport importer(std::move(loaded), options, sink);
  RETURN_IF_ERROR(importer.Run());
  return importer.TakeGraph();
}

}  // namespace godwit::from_tflite
