#include "runtimes/muffled.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>

#include "base/text.h"

namespace godwit::runtimes {

namespace {

// One for the process: calls are timed, and making one takes as long as a small model's run.
int Sink() {
  static const int fd = memfd_create("muffled", MFD_CLOEXEC);
  return fd;
}

}  // namespace

Muffled::Muffled() {
  if (Sink() < 0) return;
  std::fflush(stderr);
  kept_ = dup(STDERR_FILENO);
  if (kept_ < 0) return;
  if (ftruncate(Sink(), 0) != 0 || lseek(Sink(), 0, SEEK_SET) < 0 || dup2(Sink(), STDERR_FILENO) < 0) {
    close(kept_);
    kept_ = -1;
  }
}

Muffled::~Muffled() {
  if (kept_ < 0) return;
  std::fflush(stderr);
  dup2(kept_, STDERR_FILENO);
  close(kept_);
}

std::string Muffled::Error() const {
  std::string out;
  if (kept_ < 0) return out;
  std::fflush(stderr);
  std::string text(size_t{1} << 16, '\0');
  const ssize_t n = pread(Sink(), text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<size_t>(n) : 0);
  for (const std::string_view line : Split(text, '\n')) {
    constexpr std::string_view kMark = "ERROR: ";
    if (!line.starts_with(kMark)) continue;
    std::string_view message = line.substr(kMark.size());
    // "[model_load.cc:243] ..."
    if (const size_t end = message.find("] "); message.starts_with('[') && end != std::string_view::npos) {
      message.remove_prefix(end + 2);
    }
    out = message;
  }
  return out;
}

}  // namespace godwit::runtimes
