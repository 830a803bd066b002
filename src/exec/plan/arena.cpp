#include "exec/plan/arena.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <queue>
#include <set>

namespace godwit {

namespace {

// Up to here every item is compared with all that are alive with it; the cost grows with the square.
constexpr size_t kManyItems = 4096;

int64_t Rounded(int64_t bytes) {
  return (std::max<int64_t>(bytes, 1) + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

// Larger items first, each at the lowest gap among those that are alive with it.
int64_t PlaceBySize(std::vector<ArenaItem>* items) {
  std::vector<size_t> order(items->size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const ArenaItem &x = (*items)[a], &y = (*items)[b];
    return x.bytes != y.bytes ? x.bytes > y.bytes : a < b;
  });
  std::vector<size_t> placed;  // by offset
  int64_t size = 0;
  for (size_t i : order) {
    ArenaItem& item = (*items)[i];
    const int64_t bytes = Rounded(item.bytes);
    int64_t offset = 0;
    for (size_t p : placed) {
      const ArenaItem& other = (*items)[p];
      if (other.last < item.first || item.last < other.first) continue;
      if (offset + bytes <= other.offset) break;
      offset = std::max(offset, other.offset + Rounded(other.bytes));
    }
    item.offset = offset;
    size = std::max(size, offset + bytes);
    const auto at = std::upper_bound(placed.begin(), placed.end(), offset,
                                     [&](int64_t value, size_t p) { return value < (*items)[p].offset; });
    placed.insert(at, i);
  }
  return size;
}

/// Free ranges of the arena, found by size, joined with their neighbours when they come back.
class FreeRanges {
 public:
  int64_t Take(int64_t bytes) {
    const auto fit = by_size_.lower_bound({bytes, 0});
    if (fit == by_size_.end()) {
      const int64_t offset = end_;
      end_ += bytes;
      return offset;
    }
    const auto [size, offset] = *fit;
    Remove(offset, size);
    if (size > bytes) Add(offset + bytes, size - bytes);
    return offset;
  }
  void Give(int64_t offset, int64_t bytes) {
    const auto next = by_offset_.lower_bound(offset);
    if (next != by_offset_.end() && next->first == offset + bytes) {
      bytes += next->second;
      Remove(next->first, next->second);
    }
    const auto before = by_offset_.lower_bound(offset);
    if (before != by_offset_.begin()) {
      const auto [start, size] = *std::prev(before);
      if (start + size == offset) {
        Remove(start, size);
        offset = start;
        bytes += size;
      }
    }
    Add(offset, bytes);
  }
  [[nodiscard]] int64_t end() const { return end_; }

 private:
  void Add(int64_t offset, int64_t bytes) {
    by_offset_.emplace(offset, bytes);
    by_size_.emplace(bytes, offset);
  }
  void Remove(int64_t offset, int64_t bytes) {
    by_offset_.erase(offset);
    by_size_.erase({bytes, offset});
  }
  std::map<int64_t, int64_t> by_offset_;
  std::set<std::pair<int64_t, int64_t>> by_size_;
  int64_t end_ = 0;
};

// In the order of their lives, each in the smallest free range that holds it.
int64_t PlaceByTime(std::vector<ArenaItem>* items) {
  std::vector<size_t> order(items->size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return (*items)[a].first < (*items)[b].first; });
  using Ending = std::pair<int64_t, size_t>;
  std::priority_queue<Ending, std::vector<Ending>, std::greater<>> alive;
  FreeRanges ranges;
  for (size_t i : order) {
    ArenaItem& item = (*items)[i];
    while (!alive.empty() && alive.top().first < item.first) {
      const ArenaItem& over = (*items)[alive.top().second];
      ranges.Give(over.offset, Rounded(over.bytes));
      alive.pop();
    }
    item.offset = ranges.Take(Rounded(item.bytes));
    alive.emplace(item.last, i);
  }
  return ranges.end();
}

}  // namespace

int64_t PlanArena(std::vector<ArenaItem>* items) {
  return items->size() > kManyItems ? PlaceByTime(items) : PlaceBySize(items);
}

}  // namespace godwit
