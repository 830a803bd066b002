#include "base/limits.h"

#include <gtest/gtest.h>

#include <array>

#include "base/checked.h"
#include "support/temp_dir.h"

namespace godwit {
namespace {

using testing::IdOf;

TEST(Limits, DefaultsComeFromTheTable) {
  const Limits limits;
  for (const LimitDef& def : AllLimits()) {
    EXPECT_EQ(limits.*def.field, def.fallback) << def.name;
    EXPECT_FALSE(def.doc.empty()) << def.name;
    EXPECT_EQ(FindLimit(def.name), &def);
  }
  EXPECT_EQ(FindLimit("no-such"), nullptr);
}

TEST(Limits, SetByNameWithUnits) {
  Limits limits;
  ASSERT_TRUE(SetLimit(&limits, "nodes=7").ok());
  EXPECT_EQ(limits.nodes, 7);
  ASSERT_TRUE(SetLimit(&limits, "growth-bytes=3G").ok());
  EXPECT_EQ(limits.growth_bytes, int64_t{3} << 30);
  for (const char* wrong :
       {"nodes", "nodes=", "nodes=-1", "nodes=x", "nodes=1T", "no-such=1", "nodes=9999999999999G"}) {
    EXPECT_EQ(IdOf(SetLimit(&limits, wrong)), "cli.usage") << wrong;
  }
}

TEST(Limits, ExceedingNamesLimitAndValue) {
  const Diag diag = LimitExceeded(Limits(), &Limits::rank, 40, "rank of a tensor");
  EXPECT_EQ(diag.id, "limit.exceeded");
  EXPECT_EQ(diag.exit, Exit::kLimit);
  EXPECT_EQ(diag.what, "rank of a tensor: 40 is more than limit rank = 32");
  EXPECT_NE(diag.hint.find("--limit rank=40"), std::string::npos);
}

TEST(Checked, ProductsOfShapes) {
  const auto product = [](std::initializer_list<int64_t> dims) {
    return CheckedProduct(std::span<const int64_t>(dims.begin(), dims.size()));
  };
  EXPECT_EQ(product({}), 1);
  EXPECT_EQ(product({2, 3, 4}), 24);
  EXPECT_EQ(product({int64_t{1} << 62, 4, 0}), 0);
  EXPECT_EQ(product({int64_t{1} << 62, 4}), std::nullopt);
  EXPECT_EQ(product({0, -1}), std::nullopt);
  EXPECT_TRUE(FitsWithin(3, 2, 5));
  EXPECT_FALSE(FitsWithin(3, 3, 5));
  EXPECT_FALSE(FitsWithin(UINT64_MAX, 2, 5));
  EXPECT_EQ(CheckedAdd<uint64_t>(UINT64_MAX, 1), std::nullopt);
  EXPECT_EQ(CheckedMul<int64_t>(INT64_MAX, 2), std::nullopt);
}

}  // namespace
}  // namespace godwit
