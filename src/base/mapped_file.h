// Read-only bytes of a whole file (a memory map) or of the caller, with one owner that readers share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"

namespace godwit {

class MappedFile {
 public:
  using Ptr = std::shared_ptr<const MappedFile>;

  /// Maps a regular file; directories, pipes and devices are refused, and so is an empty file.
  static Result<Ptr> Open(const std::string& path, const Limits& limits = {});
  /// The same for a descriptor, which is taken over and closed. `path` is for messages.
  static Result<Ptr> FromDescriptor(int fd, std::string path, const Limits& limits = {});
  /// Bytes that are handed over.
  static Ptr FromBytes(std::vector<std::byte> bytes, std::string path = {});
  /// Bytes that stay the caller's and must outlive the object.
  static Ptr Borrow(ByteSpan bytes, std::string path = {});

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] ByteSpan bytes() const { return bytes_; }
  [[nodiscard]] uint64_t size() const { return bytes_.size(); }
  [[nodiscard]] const std::string& path() const { return path_; }

  /// Hints to the system: a range is needed soon, or no more. They never change what the bytes are.
  void WillNeed(ByteSpan range) const;
  void DontNeed(ByteSpan range) const;

 private:
  MappedFile() = default;
  void Advise(ByteSpan range, int advice) const;

  ByteSpan bytes_;
  std::string path_;
  std::vector<std::byte> owned_;
  bool mapped_ = false;
};

/// For programs, never for the library: when a mapped file shrinks while it is read, the process says so in one line
/// and ends with Exit::kIo instead of dying of SIGBUS. Files mapped before the call are covered too.
void InstallMapGuard();

}  // namespace godwit
