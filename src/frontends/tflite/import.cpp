#include "frontends/tflite/import.h"

#include "base/text.h"
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
  size_t subgraph = 0;
  if (!options.signature.empty()) {
    std::string known;
    const tflite::SignatureDef* found = nullptr;
    for (const tflite::SignatureDef& s : loaded->model.signature_defs) {
      if (s.key == options.signature && found == nullptr) found = &s;
      known += Concat(known.empty() ? "'" : ", '", Printable(s.key, 80), "'");
    }
    if (found == nullptr) {
      return Diag(diag::kUsage,
                  Concat("--signature: the model has none named '", Printable(options.signature, 80), "'"))
          .Hint(known.empty() ? "it has no signatures" : Concat("it has ", known));
    }
    subgraph = found->subgraph_index;
  }
  GraphImport importer(std::move(loaded), options, sink, subgraph);
  RETURN_IF_ERROR(importer.Run());
  return importer.TakeGraph();
}

}  // namespace godwit::from_tflite
