#include "formats/tflite/parse.h"

#include "base/diag_tflite.h"
#include "base/text.h"
#include "formats/tflite/appended.h"
#include "formats/tflite/names.h"
#include "formats/tflite/parser.h"

namespace godwit::tflite {

namespace {

constexpr uint32_t kVersion = 3;

}  // namespace

Result<Model> ParseModel(ByteSpan file, const Limits& limits) {
  flat::Context context(file, limits);
  if (context.Identifier() != kIdentifier) {
    return Diag(diag::kTfliteNoModel, "the mark TFL3 is not there").At("byte 4");
  }
  Parser parser(&context);
  Model model = parser.ReadModel();
  if (!context.ok()) return context.TakeError();
  if (model.version != kVersion) {
    return Diag(diag::kTfliteVersion, Concat("schema version ", std::to_string(model.version), " instead of 3"));
  }
  if (model.subgraphs.empty()) return Diag(diag::kTfliteNoModel, "there is no graph in the model");
  model.appended = FindAppended(file, context.reach());
  return model;
}

}  // namespace godwit::tflite
