// Any bytes as a TFLite model.
#include "frontends/tflite/import.h"
#include "fuzz/import_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace godwit;
  FuzzImport<from_tflite::ImportOptions>([](const auto& file, const auto& options,
                                            DiagSink* sink) { return from_tflite::ImportModel(file, options, sink); },
                                         data, size);
  return 0;
}
