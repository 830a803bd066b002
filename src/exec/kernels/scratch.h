// Working memory of the kernels: one growing buffer for each thread and purpose, kept between calls.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

namespace godwit::kernels {

enum class ScratchUse { kRows, kColumns, kOutput, kBias, kPhase, kCount };

/// At least `count` elements, aligned for any vector, contents unspecified. Valid until the thread asks again for
/// `use`.
template <class T>
T* Scratch(ScratchUse use, std::size_t count) {
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  struct Buffer {
    std::unique_ptr<void, Free> memory;
    std::size_t bytes = 0;
  };
  thread_local Buffer buffers[static_cast<std::size_t>(ScratchUse::kCount)];
  Buffer& buffer = buffers[static_cast<std::size_t>(use)];
  const std::size_t bytes = (count * sizeof(T) + 127) / 128 * 128;
  if (bytes > buffer.bytes) {
    buffer.memory.reset();
    buffer.memory.reset(std::aligned_alloc(128, bytes));
    if (buffer.memory == nullptr) std::abort();
    buffer.bytes = bytes;
  }
  return static_cast<T*>(buffer.memory.get());
}

}  // namespace godwit::kernels
