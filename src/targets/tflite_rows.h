// The rows of the kernels' tables (tflite_operators.def, tflite_delegates.def), read once: operands and results with
// their element types, and limits on figures.
#pragma once

#include <string_view>
#include <vector>

#include "ir/dtype.h"
#include "targets/tflite.h"

namespace godwit::targets {

/// What an operand or result takes.
struct Formal {
  TypeSet types;
  char variable = 0;  ///< those with the same letter have one type
  bool optional = false;
  bool many = false;
};

/// "name<=number", or another name on the right side.
struct Limit {
  enum class Test : uint8_t { kEqual, kUnequal, kAtMost, kAtLeast };
  std::string_view text, name;
  Test test = Test::kEqual;
  double number = 0;
  std::string_view other;  ///< the right side where it is not a number
};

struct ParsedRow {
  const TfliteRow* row;
  std::vector<Formal> in, out;
  std::vector<Limit> limits;
};

Limit ParseLimit(std::string_view text);

/// The rows of an operator, older versions first; none where there is no kernel.
const std::vector<ParsedRow>& RowsOf(std::string_view op);
/// The same of a delegate, in the order of its table.
const std::vector<ParsedRow>& RowsOf(TfliteDelegate delegate, std::string_view op);

}  // namespace godwit::targets
