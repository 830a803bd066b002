// The text form under arbitrary text: it parses or is refused, what parses is judged by the verifier, and what prints
// parses back to the same text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ir/text.h"
#include "ir/verify.h"
#include "ops/ops.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace godwit;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<Graph> graph = ParseGraph(text, ops::Find);
  if (!graph.ok()) return 0;
  DiagSink sink;
  VerifyGraph(*graph, &sink);
  const Result<std::string> printed = PrintGraph(*graph);
  if (!printed.ok()) std::abort();
  const Result<Graph> back = ParseGraph(*printed, ops::Find);
  if (!back.ok() || *PrintGraph(*back) != *printed) std::abort();
  return 0;
}
