// Reads zip archives (stored and deflated members, zip64) under limits against bombs. Names are data: nothing here
// touches the file system.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"

namespace godwit {

struct ZipEntry {
  std::string_view name;
  uint64_t stored_bytes = 0;
  uint64_t bytes = 0;
  uint64_t header_offset = 0;
  uint32_t crc = 0;
  uint16_t method = 0;
};

class ZipReader {
 public:
  /// Reads the directory; the views point into `file`.
  static Result<ZipReader> Open(ByteSpan file, const Limits& limits);
  [[nodiscard]] const std::vector<ZipEntry>& entries() const { return entries_; }
  /// The bytes of a member, checked against its CRC. A stored member is returned in place and leaves `owned` empty.
  Result<ByteSpan> Read(const ZipEntry& entry, std::vector<std::byte>* owned) const;

 private:
  ByteSpan file_;
  Limits limits_;
  std::vector<ZipEntry> entries_;
};

}  // namespace godwit
