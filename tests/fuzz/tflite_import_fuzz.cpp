// Any bytes as a TFLite model, imported whole: every operator's row and type rule, then the checks and the text form.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "frontends/tflite/import.h"
#include "ir/text.h"
#include "ir/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace godwit;
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  from_tflite::ImportOptions options;
  // Small models show as much as large ones, and many more of them fit into a second.
  options.limits.growth_bytes = 1 << 18;
  options.limits.view_bytes = 1 << 24;
  options.limits.nodes = 200;
  options.limits.tensors = 2000;
  DiagSink problems;
  const auto graph = from_tflite::ImportModel(MappedFile::FromBytes({bytes, bytes + size}), options, &problems);
  if (!graph.ok()) return 0;
  DiagSink defects;
  VerifyGraph(*graph, &defects);
  // Whatever a file holds, a graph without reported problems is sound: anything else is a defect of the importer.
  if (!problems.has_errors() && defects.has_errors()) __builtin_trap();
  (void)PrintGraph(*graph).ok();
  return 0;
}
