// Values that are alive together never share memory, whichever way they are placed.
#include "exec/plan/arena.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace godwit {
namespace {

std::vector<ArenaItem> Items(size_t n, uint32_t seed) {
  std::vector<ArenaItem> items(n);
  uint32_t state = seed;
  const auto next = [&](uint32_t below) {
    state = state * 1664525U + 1013904223U;
    return static_cast<int64_t>((state >> 8) % below);
  };
  for (size_t i = 0; i < n; ++i) {
    items[i].bytes = next(5000);
    items[i].first = static_cast<int64_t>(i);
    items[i].last = static_cast<int64_t>(i) + next(40);
  }
  return items;
}

void ExpectApart(const std::vector<ArenaItem>& items, int64_t size) {
  for (size_t i = 0; i < items.size(); ++i) {
    EXPECT_EQ(items[i].offset % kArenaAlignment, 0);
    EXPECT_LE(items[i].offset + items[i].bytes, size);
    for (size_t j = i + 1; j < items.size() && items[j].first <= items[i].last; ++j) {
      const bool apart = items[i].offset + items[i].bytes <= items[j].offset ||
                         items[j].offset + items[j].bytes <= items[i].offset || items[i].bytes == 0 ||
                         items[j].bytes == 0;
      ASSERT_TRUE(apart) << i << " and " << j;
    }
  }
}

TEST(Arena, FewItems) {
  auto items = Items(500, 3);
  const int64_t size = PlanArena(&items);
  ExpectApart(items, size);
}

TEST(Arena, ManyItemsStayNearTheLowerBound) {
  auto items = Items(20000, 4);
  const int64_t size = PlanArena(&items);
  ExpectApart(items, size);
  int64_t most = 0;
  for (size_t t = 0; t < items.size(); t += 10) {
    int64_t alive = 0;
    for (size_t i = t > 40 ? t - 40 : 0; i <= t; ++i) {
      if (items[i].last >= static_cast<int64_t>(t)) alive += items[i].bytes;
    }
    most = std::max(most, alive);
  }
  EXPECT_LE(size, 2 * most);
}

}  // namespace
}  // namespace godwit
