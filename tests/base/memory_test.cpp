// Large blocks are used again within their limit; pages are mapped ahead without a fault of their own.
#include "base/memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "base/blocks.h"
#include "base/populate.h"

namespace godwit {
namespace {

constexpr size_t kMega = size_t{1} << 20;

// Under sanitizers nothing is kept.
bool Keeps() {
  ForgetBlocks();
  AllocateBlock(kMega).reset();
  const bool keeps = KeptBlockBytes() > 0;
  ForgetBlocks();
  return keeps;
}

TEST(Blocks, AreAlignedAndWritable) {
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{63}, 300 * size_t{1024}, 3 * kMega}) {
    const auto block = AllocateBlock(bytes);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block.get()) % 64, 0U);
    std::memset(block.get(), 1, bytes);
  }
  ForgetBlocks();
  EXPECT_EQ(KeptBlockBytes(), 0U);
}

TEST(Blocks, LargeOnesAreUsedAgainWhereTheyFit) {
  if (!Keeps()) GTEST_SKIP() << "nothing is kept under sanitizers";
  auto block = AllocateBlock(4 * kMega);
  const std::byte* place = block.get();
  block.reset();
  EXPECT_EQ(KeptBlockBytes(), 4 * kMega);
  block = AllocateBlock(3 * kMega);
  EXPECT_EQ(block.get(), place);
  EXPECT_EQ(KeptBlockBytes(), 0U);
  block.reset();
  // One that would leave most of it unused gets its own.
  const auto small = AllocateBlock(kMega);
  EXPECT_NE(small.get(), place);
  EXPECT_EQ(KeptBlockBytes(), 4 * kMega);
  ReturnFreedMemory();
  EXPECT_EQ(KeptBlockBytes(), 0U);
}

TEST(Blocks, ThoseInUseAndKeptStayWithinALimit) {
  if (!Keeps()) GTEST_SKIP() << "nothing is kept under sanitizers";
  {
    std::vector<std::shared_ptr<std::byte>> many;
    for (int k = 0; k < 40; ++k) many.push_back(AllocateBlock(kMega));
  }
  EXPECT_LE(KeptBlockBytes(), 24 * kMega);
  // Beside what is larger than the limit nothing is kept.
  const auto large = AllocateBlock(100 * kMega);
  EXPECT_EQ(KeptBlockBytes(), 0U);
  AllocateBlock(kMega).reset();
  EXPECT_EQ(KeptBlockBytes(), 0U);
}

TEST(Blocks, ManyThreadsTakeAndGive) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int k = 0; k < 200; ++k) {
        const size_t bytes = (256 + 64 * static_cast<size_t>((t + k) % 7)) << 10;
        const auto block = AllocateBlock(bytes);
        block.get()[0] = block.get()[bytes - 1] = static_cast<std::byte>(t);
        ASSERT_EQ(block.get()[0], static_cast<std::byte>(t));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ForgetBlocks();
}

TEST(PopulatePages, WhatIsNotThereIsNoFaultYet) {
  char name[] = "/tmp/godwit-populate-XXXXXX";
  const int fd = mkstemp(name);
  ASSERT_GE(fd, 0);
  unlink(name);
  ASSERT_EQ(ftruncate(fd, kMega), 0);
  auto* map = static_cast<std::byte*>(mmap(nullptr, kMega, PROT_READ, MAP_PRIVATE, fd, 0));
  ASSERT_NE(map, MAP_FAILED);
  PopulatePages({map + 5, kMega - 5});
  EXPECT_EQ(map[kMega - 1], std::byte{0});
  // A file that has become shorter is met when it is read, not here.
  ASSERT_EQ(ftruncate(fd, 4096), 0);
  PopulatePages({map, kMega});
  EXPECT_EQ(map[0], std::byte{0});
  munmap(map, kMega);
  close(fd);
}

}  // namespace
}  // namespace godwit
