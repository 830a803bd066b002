// An output file that appears whole or not at all: written beside its place under a temporary name, flushed to the
// disk, then renamed. Without Commit nothing is left behind.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/mapped_file.h"
#include "base/result.h"

namespace godwit {

class AtomicFile {
 public:
  /// Starts an output. Refused if `path` is the same file as one of `inputs`, or a directory. A symbolic link at `path`
  /// is replaced, not followed. Pipes and devices (/dev/stdout, /dev/null) are written directly.
  static Result<AtomicFile> Create(std::string path, std::span<const std::string> inputs = {});

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) = delete;
  /// Removes what was written, unless Commit succeeded.
  ~AtomicFile();

  Status Write(ByteSpan bytes);
  Status Write(std::string_view text) { return Write(AsBytes(text)); }
  /// Zero bytes up to the next multiple of `alignment`.
  Status PadTo(uint64_t alignment);
  [[nodiscard]] uint64_t offset() const { return offset_; }

  /// What has been written so far, before it has its name: what is to be put in place can be judged first. Not for
  /// pipes and devices.
  Result<MappedFile::Ptr> ReadBack(const Limits& limits = {});
  /// A path under which the same can be opened until the file is in its place or gone.
  [[nodiscard]] std::string ReadablePath() const;
  /// Gives it a temporary name that is chosen by the caller: for those who must find it beside other files.
  Status NameAs(std::string name);
  /// Whether what stands in its place is the same to the byte, so that Commit would change nothing.
  [[nodiscard]] bool IsInPlace();
  /// Whether anything stands in its place.
  [[nodiscard]] bool PlaceIsTaken() const;
  /// Removes what stands there: for those that must not be seen beside what comes first.
  Status ClearPlace();
  /// Puts the whole file in its place.
  Status Commit();

 private:
  AtomicFile() = default;
  Status OpenTemporary(unsigned mode);
  Status Flush();
  Status WriteAll(ByteSpan bytes);
  bool TakeName(std::string name);  // with errno where it fails
  [[nodiscard]] Diag Failed(const char* what, int error) const;

  std::string path_;
  std::string folder_;
  std::string temporary_;  // empty while the file has no name, or is written directly
  std::string buffer_;
  uint64_t offset_ = 0;
  int fd_ = -1;
  bool direct_ = false;
};

}  // namespace godwit
