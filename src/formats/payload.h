// Bytes of a file to be written that are made when they are needed, one piece at a time.
#pragma once

#include <cstdint>
#include <functional>

#include "base/bytes.h"
#include "base/result.h"

namespace godwit {

class Payload {
 public:
  virtual ~Payload() = default;
  [[nodiscard]] virtual uint64_t size() const = 0;
  /// The same bytes at every call.
  virtual Status Write(const std::function<Status(ByteSpan)>& sink) const = 0;
};

}  // namespace godwit
