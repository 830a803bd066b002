// Regular expressions: what matches as a whole, what is refused, and that hostile ones take no more than their time.
#include "base/regex.h"

#include <gtest/gtest.h>

#include "base/unicode.h"

namespace godwit {
namespace {

bool Matches(std::string_view pattern, std::string_view text) {
  std::string error;
  const auto regex = Regex::Compile(pattern, &error);
  EXPECT_TRUE(regex.has_value()) << pattern << ": " << error;
  return regex && regex->FullMatch(text);
}

bool Refused(std::string_view pattern) {
  std::string error;
  const bool refused = !Regex::Compile(pattern, &error).has_value();
  EXPECT_EQ(refused, !error.empty()) << pattern;
  return refused;
}

TEST(Regex, MatchesWholeTexts) {
  EXPECT_TRUE(Matches("", ""));
  EXPECT_FALSE(Matches("", "a"));
  EXPECT_TRUE(Matches("a|bc", "bc"));
  EXPECT_FALSE(Matches("a|bc", "abc"));
  EXPECT_TRUE(Matches("(ab)*c+d?", "ababcc"));
  EXPECT_TRUE(Matches("a{2,3}", "aaa"));
  EXPECT_FALSE(Matches("a{2,3}", "aaaa"));
  EXPECT_TRUE(Matches("a{2,}?", "aaaaa"));
  EXPECT_TRUE(Matches("a{,2}", "a{,2}"));
  EXPECT_TRUE(Matches(R"(\w+@\w+\.[a-z]{2,})", "me@host.org"));
  EXPECT_FALSE(Matches(R"(www\.[\w.-]+\.\bcom\b)", "www.google.org"));
  EXPECT_TRUE(Matches(R"(www\.[\w.-]+\.\bcom\b)", "www.google.com"));
}

TEST(Regex, ClassesAndEscapes) {
  EXPECT_TRUE(Matches("[^a-c]+", "xyz"));
  EXPECT_FALSE(Matches("[^a-c]+", "xbz"));
  EXPECT_TRUE(Matches("[]a]+", "a]"));
  EXPECT_TRUE(Matches("[a-]+", "-a"));
  EXPECT_TRUE(Matches(R"([\d[:alpha:]]+)", "a1"));
  EXPECT_TRUE(Matches(R"([[:^digit:]]\D\S\W)", "ab#!"));
  EXPECT_TRUE(Matches(R"(\x41\x{1F600}\t)", "A\xF0\x9F\x98\x80\t"));
  EXPECT_TRUE(Matches(R"(\Qa.b\E.)", "a.bx"));
  EXPECT_FALSE(Matches(".", "\n"));
  EXPECT_TRUE(Matches("(?s).", "\n"));
  EXPECT_TRUE(Matches(".", "\xC3\xA9"));
}

TEST(Regex, FlagsAndPlaces) {
  EXPECT_TRUE(Matches("(?i)straSSe", "STRASSE"));
  EXPECT_TRUE(Matches("a(?i:b)c", "aBc"));
  EXPECT_FALSE(Matches("a(?i:b)c", "aBC"));
  EXPECT_TRUE(Matches("(?P<name>a)(?<other>b)", "ab"));
  EXPECT_TRUE(Matches("^a$", "a"));
  EXPECT_FALSE(Matches("a^b", "ab"));
  EXPECT_TRUE(Matches("(?m)a\n^b", "a\nb"));
  EXPECT_TRUE(Matches(R"(\Aa\Bb\b-\bc\z)", "ab-c"));
}

TEST(Regex, RefusesWhatIsNoExpression) {
  for (std::string_view bad : {"(", ")", "[a", "a**", "*a", "a{2,1}", "a{1001}", "\\", "\\8", "(?=a)", "(?<=a)",
                               "[b-a]", "[[:none:]]", "\\x{110000}", "\\pL", "(?P<n"}) {
    EXPECT_TRUE(Refused(bad)) << bad;
  }
  EXPECT_TRUE(Refused("((((a{1000}){1000}){1000}){1000})"));
  EXPECT_TRUE(Refused(std::string(100000, '(')));
}

TEST(Regex, TakesLinearTime) {
  const std::string text(20000, 'a');
  EXPECT_FALSE(Matches("(a*)*(a|aa)*b", text));
  EXPECT_TRUE(Matches("(((){1000}){1000}){1000}", ""));
}

TEST(Unicode, CaseMapping) {
  EXPECT_EQ(ToLowerUtf8("ÀÉÎÕÜŸ ΑΣΩΆ ЖЁЯ Āſ"), "àéîõüÿ ασωά жёя āſ");
  EXPECT_EQ(ToUpperUtf8("àéîõüÿ ασςωά жёя ā ß"), "ÀÉÎÕÜŸ ΑΣΣΩΆ ЖЁЯ Ā ß");
  EXPECT_EQ(ToLowerUtf8("Plain 123"), "plain 123");
}

TEST(Unicode, BadBytesBecomeReplacements) {
  EXPECT_EQ(DecodeUtf8("a\xFFz"), (std::vector<char32_t>{U'a', U'\uFFFD', U'z'}));
  EXPECT_EQ(DecodeUtf8("\xC3"), (std::vector<char32_t>{U'\uFFFD'}));
  EXPECT_EQ(DecodeUtf8("\xED\xA0\x80").size(), 3U);
  std::string out;
  for (char32_t c : {U'a', U'é', U'€', U'\U0001F600'}) AppendUtf8(c, &out);
  EXPECT_EQ(out, "aé€\xF0\x9F\x98\x80");
}

}  // namespace
}  // namespace godwit
