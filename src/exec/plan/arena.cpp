#include "exec/plan/arena.h"

#include <algorithm>
#include <numeric>

namespace godwit {

int64_t PlanArena(std::vector<ArenaItem>* items) {
  std::vector<size_t> order(items->size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const ArenaItem &x = (*items)[a], &y = (*items)[b];
    return x.bytes != y.bytes ? x.bytes > y.bytes : a < b;
  });
  // Placed items by offset; each new one scans those alive at the same time.
  std::vector<size_t> placed;
  int64_t size = 0;
  for (size_t i : order) {
    ArenaItem& item = (*items)[i];
    const int64_t bytes = (std::max<int64_t>(item.bytes, 1) + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
    int64_t offset = 0;
    for (size_t p : placed) {
      const ArenaItem& other = (*items)[p];
      if (other.last < item.first || item.last < other.first) continue;
      if (offset + bytes <= other.offset) break;
      const int64_t other_bytes =
          (std::max<int64_t>(other.bytes, 1) + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
      offset = std::max(offset, other.offset + other_bytes);
    }
    item.offset = offset;
    size = std::max(size, offset + bytes);
    const auto at = std::upper_bound(placed.begin(), placed.end(), offset,
                                     [&](int64_t value, size_t p) { return value < (*items)[p].offset; });
    placed.insert(at, i);
  }
  return size;
}

}  // namespace godwit
