// Sample cases of an operator: what the generated tests run. Operands are random of the stated type (or the given
// contents), results are checked between inference, reference kernel and fast kernel.
#pragma once

#include <span>
#include <string_view>

#include "ir/attrs.h"

namespace godwit {

struct Sample {
  /// Operand types in text form; "" for an absent one, "i64[2] = 3,-1" fixes the contents.
  std::vector<std::string_view> operands;
  Attrs attrs;
  size_t n_out = 1;
};

}  // namespace godwit
