// The syntax tree of a regular expression, between base/regex.cpp's compiler and its parser.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/regex.h"

namespace godwit {

struct RegexNode {
  enum class Kind : uint8_t { kEmpty, kSet, kAssert, kConcat, kAlternate, kRepeat };
  Kind kind = Kind::kEmpty;
  std::vector<Regex::Range> set;
  bool negated = false;
  bool fold_case = false;
  Regex::Place place = Regex::Place::kTextStart;
  int least = 0;
  int most = -1;  ///< negative: any number
  std::vector<uint32_t> children;
};

struct RegexTree {
  std::vector<RegexNode> nodes;
  uint32_t root = 0;
};

std::optional<RegexTree> ParseRegex(std::string_view pattern, std::string* error);

}  // namespace godwit
