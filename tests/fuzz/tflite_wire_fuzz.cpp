// Any bytes as a TFLite model: views, checks, and what is written of it.
#include <cstddef>
#include <cstdint>

#include "formats/sniff.h"
#include "formats/tflite/parse.h"
#include "formats/tflite/write.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace godwit;
  const ByteSpan bytes(reinterpret_cast<const std::byte*>(data), size);
  // Low enough that an input which grows is told from one that runs away.
  Limits limits;
  limits.view_bytes = 1 << 20;
  (void)Sniff(bytes);
  const auto model = tflite::ParseModel(bytes, limits);
  if (!model.ok()) {
    (void)FormatDiag(model.diag());
    return 0;
  }
  DiagSink problems;
  tflite::CheckModel(*model, limits, &problems);
  // Constants behind the tables every other time.
  const tflite::WriteOptions options{64, size % 2 == 0 ? uint64_t{0x7FFFFFFF} : 0};
  const auto written = tflite::SerializeModel(*model, options);
  if (!written.ok()) return 0;
  // What was read is written so that it reads back the same, sound or not. Parts that lie upon each other are written
  // one by one, so that they may take more than the limit allows.
  limits.view_bytes = 1 << 30;
  const auto again = tflite::ParseModel(AsBytes(*written), limits);
  if (!again.ok()) __builtin_trap();
  DiagSink same;
  tflite::CheckModel(*again, limits, &same);
  if (!problems.has_errors() && same.has_errors()) __builtin_trap();
  const auto twice = tflite::SerializeModel(*again, options);
  if (!twice.ok() || *twice != *written) __builtin_trap();
  return 0;
}
