// A hash of 128 bits over bytes that come in pieces of any length. Two contents of one size that agree in it are taken
// for equal; it is not made to withstand one who looks for two that are not.
#pragma once

#include <cstdint>
#include <utility>

#include "base/bytes.h"

namespace godwit {

class ContentHash {
 public:
  void Add(ByteSpan bytes);
  /// Over all that was added.
  [[nodiscard]] std::pair<uint64_t, uint64_t> Value() const;

 private:
  void Mix(uint64_t word);

  uint64_t a_ = 0x243F6A8885A308D3;
  uint64_t b_ = 0x13198A2E03707344;
  uint64_t size_ = 0;
  std::byte rest_[8] = {};
};

}  // namespace godwit
