#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/temporaries.h"
#include "base/text.h"

namespace godwit {

namespace {

constexpr size_t kBufferBytes = 1 << 16;

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
    RememberTemporary(temporary_);
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
    ForgetTemporary(temporary_);
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

bool AtomicFile::TakeName(std::string name) {
  const std::string self = "/proc/self/fd/" + std::to_string(fd_);
  const int done = temporary_.empty() ? linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW)
                                      : rename(temporary_.c_str(), name.c_str());
  if (done != 0) return false;
  if (!temporary_.empty()) ForgetTemporary(temporary_);
  temporary_ = std::move(name);
  RememberTemporary(temporary_);
  return true;
}

Status AtomicFile::NameAs(std::string name) {
  CHECK(fd_ >= 0);
  RETURN_IF_ERROR(Flush());
  if (direct_) return Failed("cannot name what was written to a pipe or device", EINVAL);
  return TakeName(std::move(name)) ? Status(Ok{}) : Failed("cannot name the file", errno);
}

bool AtomicFile::PlaceIsTaken() const {
  struct stat there {};
  return lstat(path_.c_str(), &there) == 0;
}

Status AtomicFile::ClearPlace() {
  if (direct_ || unlink(path_.c_str()) == 0 || errno == ENOENT) return Ok{};
  return Failed("cannot remove the old file", errno);
}

bool AtomicFile::IsInPlace() {
  if (direct_ || fd_ < 0 || !Flush().ok()) return false;
  struct stat there {};
  if (lstat(path_.c_str(), &there) != 0 || !S_ISREG(there.st_mode) || there.st_nlink != 1) return false;
  if (static_cast<uint64_t>(there.st_size) != offset_) return false;
  if (offset_ == 0) return true;
  const auto ours = ReadBack(), theirs = MappedFile::Open(path_);
  return ours.ok() && theirs.ok() && (*ours)->size() == (*theirs)->size() &&
         std::memcmp((*ours)->bytes().data(), (*theirs)->bytes().data(), (*ours)->size()) == 0;
}

Status AtomicFile::Commit() {
  CHECK(fd_ >= 0);
  RETURN_IF_ERROR(Flush());
  if (direct_) {
    const int fd = std::exchange(fd_, -1);
    return close(fd) == 0 ? Status(Ok{}) : Failed("cannot close", errno);
  }
  if (fsync(fd_) != 0) return Failed("cannot flush to the disk", errno);
  // A nameless file gets its temporary name only now, when it is whole.
  for (int attempt = 0; attempt < 100 && temporary_.empty(); ++attempt) {
    if (!TakeName(TemporaryName(path_)) && errno != EEXIST) return Failed("cannot name the file", errno);
  }
  if (temporary_.empty()) return Failed("cannot name the file", EEXIST);
  if (close(std::exchange(fd_, -1)) != 0) return Failed("cannot close", errno);
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return Failed("cannot rename into place", errno);
  ForgetTemporary(temporary_);
  temporary_.clear();
  // The name is durable only once its folder is. Some file systems cannot flush a folder: the file itself is whole.
  const int folder = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    fsync(folder);
    close(folder);
  }
  return Ok{};
}

}  // namespace godwit
