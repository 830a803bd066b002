// A constant of the graph as bytes of a file: fetched, or computed, when they are written.
#pragma once

#include <utility>

#include "formats/payload.h"
#include "ir/stored_elements.h"

namespace godwit {

class ConstantPayload final : public Payload {
 public:
  explicit ConstantPayload(Constant constant) : constant_(std::move(constant)) {}
  [[nodiscard]] uint64_t size() const override { return StoredBytes(constant_.type); }
  Status Write(const ByteSink& sink) const override { return WriteStored(constant_, sink); }

 private:
  Constant constant_;
};

}  // namespace godwit
