// The pool covers every index once, keeps to its grain, and may be used from inside a body.
#include "base/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace godwit {
namespace {

TEST(ThreadPool, CoversEveryIndexOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (const std::int64_t count : {0, 1, 2, 5, 100, 1001}) {
      for (const std::int64_t grain : {1, 7, 1000}) {
        std::vector<int> hits(static_cast<std::size_t>(count), 0);
        pool.For(count, grain, [&](std::int64_t begin, std::int64_t end) {
          EXPECT_TRUE(end == count || end - begin >= grain);
          for (std::int64_t i = begin; i < end; ++i) ++hits[static_cast<std::size_t>(i)];
        });
        for (const int hit : hits) EXPECT_EQ(hit, 1);
      }
    }
  }
}

TEST(ThreadPool, RunsNestedRangesInTheSameThread) {
  ThreadPool pool(4);
  std::atomic<std::int64_t> total = 0;
  for (int round = 0; round < 100; ++round) {
    pool.For(8, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        pool.For(10, 1, [&](std::int64_t b, std::int64_t e) { total += e - b; });
      }
    });
  }
  EXPECT_EQ(total.load(), 8000);
}

TEST(ThreadPool, AbsentPoolRunsTheWholeRange) {
  std::int64_t seen = 0;
  ParallelFor(nullptr, 12, 1, [&](std::int64_t begin, std::int64_t end) { seen += end - begin; });
  EXPECT_EQ(seen, 12);
}

}  // namespace
}  // namespace godwit
