// TOML, as much of it as settings need: sections, and keys whose values are texts, numbers, flags or lists of these. No
// dates, no inline tables, no arrays of tables: a file that uses them is refused, not half read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace godwit {

struct TomlValue {
  enum class Kind : uint8_t { kText, kInt, kNumber, kFlag, kList };
  Kind kind = Kind::kText;
  std::string text;  ///< of kText
  int64_t integer = 0;
  double number = 0;  ///< of kNumber, and of kInt
  bool flag = false;
  std::vector<TomlValue> items;  ///< of kList
};

struct TomlEntry {
  std::string section;  ///< "limits", "ops.conv"; "" before the first
  std::string key;
  TomlValue value;
  int line = 0;  ///< where it stands, from 1
};

/// The entries in their order. A key that occurs twice in a section, and whatever is not understood, is wrong use, with
/// its line.
Result<std::vector<TomlEntry>> ParseToml(std::string_view text);

/// A text as TOML writes it: quoted, escaped.
std::string TomlQuote(std::string_view text);

}  // namespace godwit
