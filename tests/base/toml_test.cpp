#include "base/toml.h"

#include <gtest/gtest.h>

#include "base/diag.h"

namespace godwit {
namespace {

TEST(Toml, ReadsWhatSettingsNeed) {
  const auto read = ParseToml(
      "# a comment\n"
      "inherits = \"tflite@2.14\"  # behind a value\n"
      "rank = 4\nscale=-1.5e2\n'odd key'=true\n"
      "[limits.memory]\r\n"
      "forbid = [\"GATHER_ND\", # why\n  'RANK\\x', ]\n"
      "sizes = [[1, 2], [3_000]]\n");
  ASSERT_TRUE(read.ok()) << read.diag().what;
  ASSERT_EQ(read->size(), 6U);
  EXPECT_EQ((*read)[0].key, "inherits");
  EXPECT_EQ((*read)[0].value.text, "tflite@2.14");
  EXPECT_EQ((*read)[0].line, 2);
  EXPECT_EQ((*read)[1].value.integer, 4);
  EXPECT_EQ((*read)[2].value.number, -150);
  EXPECT_EQ((*read)[3].key, "odd key");
  EXPECT_TRUE((*read)[3].value.flag);
  EXPECT_EQ((*read)[4].section, "limits.memory");
  ASSERT_EQ((*read)[4].value.items.size(), 2U);
  EXPECT_EQ((*read)[4].value.items[1].text, "RANK\\x");
  EXPECT_EQ((*read)[5].value.items[1].items[0].integer, 3000);
}

TEST(Toml, RefusesTheRestWithItsLine) {
  for (const char* text :
       {"a", "a =", "a = yes", "a = 1 2", "a = \"open", "a = \"\\q\"", "a = [1 2]", "a = [1", "a = 1\na = 2", "[a",
        "[[a]]", "= 1", "a = 2024-01-01", "a = {b = 1}", "a = \"\"\"x\"\"\"", "a = [[[[[[[[[[1]]]]]]]]]]"}) {
    const auto read = ParseToml(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.diag().id, "cli.usage");
    EXPECT_NE(read.diag().what.find("line "), std::string::npos) << text;
  }
}

TEST(Toml, QuotesWhatItReads) {
  const std::string odd = "a\"b\\c\nd\te";
  const auto read = ParseToml("k = " + TomlQuote(odd));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ((*read)[0].value.text, odd);
}

}  // namespace
}  // namespace godwit
