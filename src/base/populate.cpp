#include "base/populate.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace godwit {

namespace {

constexpr size_t kWorthACall = size_t{1} << 16;
constexpr int kPopulateRead = 22;  // MADV_POPULATE_READ of Linux 5.14, which older headers lack

}  // namespace

void PopulatePages(ByteSpan range) {
#ifdef __linux__
  if (range.size() < kWorthACall) return;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  auto begin = reinterpret_cast<uintptr_t>(range.data());
  const uintptr_t end = begin + range.size();
  begin -= begin % page;
  static_cast<void>(madvise(reinterpret_cast<void*>(begin), end - begin, kPopulateRead));
#else
  static_cast<void>(range);
#endif
}

}  // namespace godwit
