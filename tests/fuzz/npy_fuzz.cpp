// Any bytes as a NumPy array or archive.
#include <cstddef>
#include <cstdint>

#include "formats/npy/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace godwit;
  const ByteSpan bytes(reinterpret_cast<const std::byte*>(data), size);
  Limits limits;
  limits.zip_bytes = 1 << 24;
  limits.growth_bytes = 1 << 16;
  const auto touch = [](const NpyArray& array) {
    if (array.type.kind == 'U' || array.type.kind == 'S') (void)NpyStrings(array).ok();
    volatile std::byte sink{};
    if (!array.bytes.empty()) sink = array.bytes.back();
    (void)sink;
  };
  if (const auto one = ReadNpy(bytes, limits); one.ok()) touch(*one);
  if (const auto many = ReadNpz(bytes, limits); many.ok()) {
    for (const NamedNpy& named : *many) touch(named.array);
  }
  return 0;
}
