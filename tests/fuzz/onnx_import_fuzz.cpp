// Any bytes as an ONNX model.
#include "frontends/onnx/import.h"
#include "fuzz/import_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace godwit;
  FuzzImport<from_onnx::ImportOptions>(
      [](const auto& file, const auto& options, DiagSink* sink) { return from_onnx::ImportModel(file, options, sink); },
      data, size);
  return 0;
}
