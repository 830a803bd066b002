// Moves of many axes as two of few: both together are the move, and what stays in blocks is preferred.
#include "passes/layout/split_move.h"

#include <gtest/gtest.h>

#include <numeric>

namespace godwit::layout {
namespace {

// What order of all axes is left when the parts have been done one after the other.
Perm Done(const std::array<PartOfMove, 2>& parts, size_t rank, size_t most) {
  Perm now(rank);
  std::iota(now.begin(), now.end(), 0);
  for (const PartOfMove& part : parts) {
    EXPECT_LE(part.perm.size(), most);
    Perm flat;
    for (const auto& run : part.runs) flat.insert(flat.end(), run.begin(), run.end());
    EXPECT_EQ(flat, now) << "the runs are the axes as they stand";
    Perm next;
    for (const int64_t k : part.perm) {
      const auto& run = part.runs[static_cast<size_t>(k)];
      next.insert(next.end(), run.begin(), run.end());
    }
    now = std::move(next);
  }
  return now;
}

TEST(SplitMove, BothTogetherAreTheMove) {
  for (const size_t rank : {5U, 6U}) {
    Shape dims;
    for (size_t k = 0; k < rank; ++k) dims.emplace_back(static_cast<int64_t>(k) + 2);
    Perm perm(rank);
    std::iota(perm.begin(), perm.end(), 0);
    size_t found = 0, tried = 0;
    while (std::next_permutation(perm.begin(), perm.end())) {
      ++tried;
      const auto parts = SplitMove(dims, perm, 4);
      if (!parts) continue;
      ++found;
      EXPECT_EQ(Done(*parts, rank, 4), perm);
    }
    EXPECT_TRUE(rank != 5 || found == tried);
    EXPECT_GT(2 * found, tried);
  }
}

TEST(SplitMove, OneOfThemMovesBlocks) {
  // Nine patches of a frame with the channels behind: the frame's channels go behind first, whole rows of a patch then.
  const auto parts = SplitMove({Dim(3), Dim(3), Dim(360), Dim(3), Dim(640)}, {1, 3, 2, 4, 0}, 4);
  ASSERT_TRUE(parts.has_value());
  EXPECT_EQ((*parts)[0].runs, (std::vector<std::vector<size_t>>{{0}, {1, 2, 3, 4}}));
  EXPECT_EQ((*parts)[0].perm, (Perm{1, 0}));
  EXPECT_EQ((*parts)[1].runs, (std::vector<std::vector<size_t>>{{1}, {2}, {3}, {4, 0}}));
  EXPECT_EQ((*parts)[1].perm, (Perm{0, 2, 1, 3}));
}

TEST(SplitMove, NotEveryMoveIsTwo) {
  EXPECT_FALSE(SplitMove({Dim(2), Dim(3), Dim(4), Dim(5)}, {3, 1, 2, 0}, 2).has_value());
  EXPECT_FALSE(SplitMove(Shape(12, Dim(2)), {11, 9, 7, 5, 3, 1, 10, 8, 6, 4, 2, 0}, 4).has_value());
}

TEST(Joined, NeighboursAreOneAxis) {
  const PartOfMove part = Joined({3, 4, 0, 1, 2, 5});
  EXPECT_EQ(part.runs, (std::vector<std::vector<size_t>>{{0, 1, 2}, {3, 4}, {5}}));
  EXPECT_EQ(part.perm, (Perm{1, 0, 2}));
}

}  // namespace
}  // namespace godwit::layout
