// Writes zip archives whose bytes depend on their contents alone: no time, no host, members in the order given.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_file.h"
#include "base/result.h"

namespace godwit {

class ZipWriter {
 public:
  explicit ZipWriter(AtomicFile* file) : file_(file) {}
  /// A member made of several pieces; `deflate` is dropped where it would not shorten it.
  Status Add(std::string_view name, std::span<const ByteSpan> pieces, bool deflate);
  /// The directory; the caller commits the file.
  Status Finish();

 private:
  AtomicFile* file_;
  std::string directory_;
  uint64_t entries_ = 0;
};

}  // namespace godwit
