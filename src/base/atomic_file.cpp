#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/text.h"

namespace godwit {

namespace {

constexpr size_t kBufferBytes = 1 << 16;

// Names that a signal handler can unlink: fixed slots, each owned by the file whose name it holds.
struct Slot {
  std::atomic<bool> taken{false};
  std::atomic<bool> ready{false};
  std::array<char, 4096> path{};
};
std::array<Slot, 16> g_temporaries;

void Register(const std::string& path) {
  for (Slot& slot : g_temporaries) {
    if (path.size() >= slot.path.size() || slot.taken.exchange(true)) continue;
    std::memcpy(slot.path.data(), path.c_str(), path.size() + 1);
    slot.ready.store(true);
    return;
  }
}

void Unregister(const std::string& path) {
  for (Slot& slot : g_temporaries) {
    if (!slot.ready.load() || path != slot.path.data()) continue;
    slot.ready.store(false);
    slot.taken.store(false);
    return;
  }
}

std::string TemporaryName(const std::string& path) {
  static std::atomic<unsigned> counter{0};
  std::array<char, 64> tail{};
  std::snprintf(tail.data(), tail.size(), ".godwit-%ld-%u.tmp", static_cast<long>(getpid()), counter.fetch_add(1));
  return path + tail.data();
}

bool SameFile(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

}  // namespace

Diag AtomicFile::Failed(const char* what, int error) const {
  return Diag(diag::kFileWrite, Concat(what, ": ", std::strerror(error))).File(path_);
}

Result<AtomicFile> AtomicFile::Create(std::string path, std::span<const std::string> inputs) {
  AtomicFile file;
  file.path_ = std::move(path);
  const size_t slash = file.path_.rfind('/');
  file.folder_ = slash == std::string::npos ? "." : slash == 0 ? "/" : file.path_.substr(0, slash);

  unsigned mode = 0;
  struct stat target {};
  if (file.path_.empty() || file.path_.find('\0') != std::string::npos) return file.Failed("cannot create", ENOENT);
  if (stat(file.path_.c_str(), &target) == 0) {
    if (S_ISDIR(target.st_mode)) return file.Failed("cannot create", EISDIR);
    for (const std::string& input : inputs) {
      struct stat source {};
      if (stat(input.c_str(), &source) == 0 && SameFile(source, target)) {
        return Diag(diag::kUsage, Concat("the output is the same file as input '", input, "'"))
            .File(file.path_)
            .Hint("inputs are never overwritten: give the output another name");
      }
    }
    if (!S_ISREG(target.st_mode)) {
      file.direct_ = true;
      file.fd_ = open(file.path_.c_str(), O_WRONLY | O_CLOEXEC);
      if (file.fd_ < 0) return file.Failed("cannot open", errno);
      return file;
    }
    mode = target.st_mode & 0777U;
  }
  RETURN_IF_ERROR(file.OpenTemporary(mode));
  return file;
}

Status AtomicFile::OpenTemporary(unsigned mode) {
  // A file without a name vanishes with the process, however it ends; not every file system has them.
  fd_ = open(folder_.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (fd_ < 0) {
    for (int attempt = 0; attempt < 100 && fd_ < 0; ++attempt) {
      temporary_ = TemporaryName(path_);
      fd_ = open(temporary_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
      if (fd_ < 0 && errno != EEXIST) break;
    }
    if (fd_ < 0) {
      const int error = errno;
      temporary_.clear();
      return Failed("cannot create", error);
    }
    Register(temporary_);
  }
  if (mode != 0 && fchmod(fd_, mode) != 0) return Failed("cannot set permissions", errno);
  return Ok{};
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      folder_(std::move(other.folder_)),
      temporary_(std::move(other.temporary_)),
      buffer_(std::move(other.buffer_)),
      offset_(other.offset_),
      fd_(other.fd_),
      direct_(other.direct_) {
  other.fd_ = -1;
  other.temporary_.clear();
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) close(fd_);
  if (!temporary_.empty()) {
    unlink(temporary_.c_str());
    Unregister(temporary_);
  }
}

Status AtomicFile::WriteAll(ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("cannot write", errno);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return Ok{};
}

Status AtomicFile::Flush() {
  RETURN_IF_ERROR(WriteAll(AsBytes(buffer_)));
  buffer_.clear();
  return Ok{};
}

Status AtomicFile::Write(ByteSpan bytes) {
  offset_ += bytes.size();
  if (buffer_.size() + bytes.size() > kBufferBytes) RETURN_IF_ERROR(Flush());
  if (bytes.size() >= kBufferBytes) return WriteAll(bytes);
  buffer_.append(AsText(bytes));
  return Ok{};
}

Status AtomicFile::PadTo(uint64_t alignment) {
  static constexpr std::array<std::byte, 4096> kZeros{};
  while (offset_ % alignment != 0) {
    const uint64_t missing = alignment - offset_ % alignment;
    RETURN_IF_ERROR(Write(ByteSpan(kZeros).first(missing < kZeros.size() ? missing : kZeros.size())));
  }
  return Ok{};
}

Result<MappedFile::Ptr> AtomicFile::ReadBack(const Limits& limits) {
  CHECK(fd_ >= 0);
  RETURN_IF_ERROR(Flush());
  if (direct_) return Failed("cannot read back what was written to a pipe or device", EINVAL);
  const int fd = open(ReadablePath().c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Failed("cannot read back", errno);
  return MappedFile::FromDescriptor(fd, path_, limits);
}

std::string AtomicFile::ReadablePath() const {
  return temporary_.empty() ? "/proc/self/fd/" + std::to_string(fd_) : temporary_;
}

Status AtomicFile::Commit() {
  CHECK(fd_ >= 0);
  RETURN_IF_ERROR(Flush());
  if (direct_) {
    const int fd = std::exchange(fd_, -1);
    return close(fd) == 0 ? Status(Ok{}) : Failed("cannot close", errno);
  }
  if (fsync(fd_) != 0) return Failed("cannot flush to the disk", errno);
  if (temporary_.empty()) {
    // A nameless file gets its temporary name only now, when it is whole.
    const std::string self = "/proc/self/fd/" + std::to_string(fd_);
    std::string name;
    int linked = -1;
    for (int attempt = 0; attempt < 100 && linked != 0; ++attempt) {
      name = TemporaryName(path_);
      linked = linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW);
      if (linked != 0 && errno != EEXIST) break;
    }
    if (linked != 0) return Failed("cannot name the file", errno);
    temporary_ = std::move(name);
    Register(temporary_);
  }
  if (close(std::exchange(fd_, -1)) != 0) return Failed("cannot close", errno);
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return Failed("cannot rename into place", errno);
  Unregister(temporary_);
  temporary_.clear();
  // The name is durable only once its folder is. Some file systems cannot flush a folder: the file itself is whole.
  const int folder = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    fsync(folder);
    close(folder);
  }
  return Ok{};
}

void RemoveTemporaryFiles() {
  for (const Slot& slot : g_temporaries) {
    if (slot.ready.load()) unlink(slot.path.data());
  }
}

}  // namespace godwit
