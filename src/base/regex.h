// Regular expressions in RE2's syntax, matched in time linear in the text: whole-text matches only, no captures, no
// back-references, no Unicode property classes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace godwit {

class Regex {
 public:
  /// nullopt, and why, for what is no expression or grows past the size limit.
  static std::optional<Regex> Compile(std::string_view pattern, std::string* error);
  [[nodiscard]] bool FullMatch(std::string_view text) const;

  struct Range {
    char32_t first, last;
  };
  enum class Kind : uint8_t { kSet, kSplit, kJump, kAssert, kMatch };
  enum class Place : uint8_t { kTextStart, kTextEnd, kLineStart, kLineEnd, kWordEdge, kNoWordEdge };
  struct Step {
    Kind kind = Kind::kMatch;
    Place place = Place::kTextStart;
    bool negated = false;
    bool fold_case = false;
    uint32_t next = 0;   ///< jump target; first way of a split; index of the set
    uint32_t other = 0;  ///< second way of a split
  };

 private:
  std::vector<Step> steps_;
  std::vector<std::vector<Range>> sets_;
};

}  // namespace godwit
