#include "base/base64.h"

#include <gtest/gtest.h>

namespace godwit {
namespace {

TEST(Base64, ThereAndBack) {
  std::string bytes;
  for (int i = 0; i < 40; ++i) {
    const std::string text = Base64(AsBytes(bytes));
    EXPECT_EQ(text.size(), (bytes.size() + 2) / 3 * 4);
    EXPECT_EQ(FromBase64(text), bytes) << text;
    bytes += static_cast<char>(i * 37 + 1);
  }
  EXPECT_EQ(Base64(AsBytes(std::string_view("any carnal pleas"))), "YW55IGNhcm5hbCBwbGVhcw==");
}

TEST(Base64, WhatIsNone) {
  for (const std::string_view text : {"A", "AB", "ABC", "A===", "AB=C", "A=BC", "AB*D", "AA==AAAA", "===="}) {
    EXPECT_EQ(FromBase64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace godwit
