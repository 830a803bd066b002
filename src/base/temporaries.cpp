#include "base/temporaries.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>

namespace godwit {

namespace {

// Fixed slots, each owned by the file whose name it holds.
struct Slot {
  std::atomic<bool> taken{false};
  std::atomic<bool> ready{false};
  std::array<char, 4096> path{};
};
std::array<Slot, 16> g_temporaries;

}  // namespace

std::string TemporaryName(const std::string& path) {
  static std::atomic<unsigned> counter{0};
  std::array<char, 64> tail{};
  std::snprintf(tail.data(), tail.size(), ".godwit-%ld-%u.tmp", static_cast<long>(getpid()), counter.fetch_add(1));
  return path + tail.data();
}

void RememberTemporary(const std::string& path) {
  for (Slot& slot : g_temporaries) {
    if (path.size() >= slot.path.size() || slot.taken.exchange(true)) continue;
    std::memcpy(slot.path.data(), path.c_str(), path.size() + 1);
    slot.ready.store(true);
    return;
  }
}

void ForgetTemporary(const std::string& path) {
  for (Slot& slot : g_temporaries) {
    if (!slot.ready.load() || path != slot.path.data()) continue;
    slot.ready.store(false);
    slot.taken.store(false);
    return;
  }
}

void RemoveTemporaryFiles() {
  for (const Slot& slot : g_temporaries) {
    if (slot.ready.load()) unlink(slot.path.data());
  }
  // What is a folder is empty by now.
  for (const Slot& slot : g_temporaries) {
    if (slot.ready.load()) rmdir(slot.path.data());
  }
}

}  // namespace godwit
