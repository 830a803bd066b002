#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/temporaries.h"
#include "base/text.h"

namespace godwit {

namespace {

// What the SIGBUS handler may look at: fixed slots of atomics, for it must not lock or allocate. A map that finds no
// slot is only reported without its name.
struct GuardedMap {
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};
  std::atomic<const char*> path{nullptr};
};
constexpr size_t kGuardedMaps = 64;
std::array<GuardedMap, kGuardedMaps> g_maps;

void Guard(ByteSpan bytes, const char* path) {
  const auto begin = reinterpret_cast<uintptr_t>(bytes.data());
  for (GuardedMap& slot : g_maps) {
    uintptr_t free = 0;
    if (!slot.begin.compare_exchange_strong(free, begin)) continue;
    slot.path.store(path);
    slot.end.store(begin + bytes.size());
    return;
  }
}

void Unguard(ByteSpan bytes) {
  const auto begin = reinterpret_cast<uintptr_t>(bytes.data());
  for (GuardedMap& slot : g_maps) {
    if (slot.begin.load() != begin) continue;
    slot.end.store(0);
    slot.path.store(nullptr);
    slot.begin.store(0);
    return;
  }
}

void Say(const char* text) {
  // A failing write leaves nothing better to do: the process is about to end.
  if (write(STDERR_FILENO, text, std::strlen(text)) < 0) return;
}

void OnBusError(int, siginfo_t* info, void*) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  const char* path = nullptr;
  for (const GuardedMap& slot : g_maps) {
    if (address >= slot.begin.load() && address < slot.end.load()) path = slot.path.load();
  }
  Say("error[file.read]: ");
  Say(path != nullptr ? path : "a mapped file");
  Say(" became shorter, or its disk failed, while it was being read\n");
  RemoveTemporaryFiles();
  _exit(static_cast<int>(Exit::kIo));
}

Diag OpenFailed(const std::string& path, int error) {
  return Diag(diag::kFileOpen, Concat("cannot open: ", std::strerror(error))).File(path);
}

}  // namespace

Result<MappedFile::Ptr> MappedFile::Open(const std::string& path, const Limits& limits) {
  if (path.find('\0') != std::string::npos) return OpenFailed(path, ENOENT);
  // O_NONBLOCK: opening a pipe must not wait for its writer.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return OpenFailed(path, errno);
  return FromDescriptor(fd, path, limits);
}

Result<MappedFile::Ptr> MappedFile::FromDescriptor(int fd, std::string path, const Limits& limits) {
  struct Closer {
    int fd;
    ~Closer() { close(fd); }
  } closer{fd};
  struct stat info {};
  if (fstat(fd, &info) != 0) return OpenFailed(path, errno);
  if (!S_ISREG(info.st_mode)) {
    const char* kind = S_ISDIR(info.st_mode) ? "a directory" : S_ISFIFO(info.st_mode) ? "a pipe" : "a device";
    return Diag(diag::kFileNotRegular, Concat("this is ", kind, ", not a file")).File(path);
  }
  if (info.st_size == 0) return Diag(diag::kFileEmpty, "the file is empty").File(path);
  const auto size = static_cast<uint64_t>(info.st_size);
  if (info.st_size > limits.file_bytes || size > SIZE_MAX) {
    return LimitExceeded(limits, &Limits::file_bytes, size, "bytes of the file").File(path);
  }
  void* map = mmap(nullptr, static_cast<size_t>(size), PROT_READ, MAP_PRIVATE, fd, 0);
  if (map == MAP_FAILED) {
    return Diag(diag::kFileRead, Concat("cannot map ", HumanBytes(size), ": ", std::strerror(errno))).File(path);
  }
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->bytes_ = {static_cast<const std::byte*>(map), static_cast<size_t>(size)};
  file->path_ = std::move(path);
  file->mapped_ = true;
  Guard(file->bytes_, file->path_.c_str());
  return Ptr(std::move(file));
}

MappedFile::Ptr MappedFile::FromBytes(std::vector<std::byte> bytes, std::string path) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->owned_ = std::move(bytes);
  file->bytes_ = file->owned_;
  file->path_ = std::move(path);
  return file;
}

MappedFile::Ptr MappedFile::Borrow(ByteSpan bytes, std::string path) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->bytes_ = bytes;
  file->path_ = std::move(path);
  return file;
}

MappedFile::~MappedFile() {
  if (!mapped_) return;
  Unguard(bytes_);
  munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void MappedFile::Advise(ByteSpan range, int advice) const {
  if (!mapped_ || range.empty()) return;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto base = reinterpret_cast<uintptr_t>(bytes_.data());
  auto begin = reinterpret_cast<uintptr_t>(range.data());
  const uintptr_t end = begin + range.size();
  if (begin < base || end > base + bytes_.size()) return;
  begin -= begin % page;
  madvise(reinterpret_cast<void*>(begin), end - begin, advice);
}

void MappedFile::WillNeed(ByteSpan range) const { Advise(range, MADV_WILLNEED); }
void MappedFile::DontNeed(ByteSpan range) const { Advise(range, MADV_DONTNEED); }

void InstallMapGuard() {
  struct sigaction action {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace godwit
