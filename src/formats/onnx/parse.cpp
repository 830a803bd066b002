#include "formats/onnx/parse.h"

#include <string>

#include "base/text.h"
#include "formats/onnx/parser.h"

namespace godwit::onnx {

namespace {

constexpr int64_t kNewestIrVersion = 13;

template <class T>
Result<Parsed<T>> ParseAlone(ByteSpan file, const Limits& limits, T (Parser::*read)(proto::WireReader)) {
  proto::WireContext context(file, limits);
  Parser parser(&context);
  T value = (parser.*read)(proto::WireReader(&context, file));
  if (!context.ok()) return context.TakeError();
  return Parsed<T>{value, parser.arena().resource()};
}

}  // namespace

Result<Model> ParseModel(ByteSpan file, const Limits& limits, DiagSink* warnings) {
  proto::WireContext context(file, limits);
  Parser parser(&context);
  Model model;
  parser.ReadModel(proto::WireReader(&context, file), &model);
  if (!context.ok()) return context.TakeError();
  model.arena = parser.arena().resource();
  if (warnings != nullptr && model.ir_version > kNewestIrVersion) {
    warnings->Add(
        Diag(diag::kOnnxIrNewer, Concat("IR version ", std::to_string(model.ir_version), " is newer than ",
                                        std::to_string(kNewestIrVersion), "; what it added is not understood"))
            .As(Severity::kWarning));
  }
  return model;
}

Result<Parsed<Tensor>> ParseTensor(ByteSpan file, const Limits& limits) {
  return ParseAlone(file, limits, &Parser::ReadTensor);
}
Result<Parsed<SparseTensor>> ParseSparseTensor(ByteSpan file, const Limits& limits) {
  return ParseAlone(file, limits, &Parser::ReadSparseTensor);
}
Result<Parsed<Sequence>> ParseSequence(ByteSpan file, const Limits& limits) {
  return ParseAlone(file, limits, &Parser::ReadSequence);
}
Result<Parsed<Optional>> ParseOptional(ByteSpan file, const Limits& limits) {
  return ParseAlone(file, limits, &Parser::ReadOptional);
}
Result<Parsed<Map>> ParseMap(ByteSpan file, const Limits& limits) { return ParseAlone(file, limits, &Parser::ReadMap); }
Result<Parsed<Type>> ParseType(ByteSpan file, const Limits& limits) {
  return ParseAlone(file, limits, &Parser::ReadType);
}

}  // namespace godwit::onnx
