// The equation of an einsum, read against the ranks of its operands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace godwit::ops {

/// One label for each axis: letters are themselves, the axes of an ellipsis are numbered from its last one, so that
/// ellipses of different length broadcast like numpy's.
using Labels = std::vector<int>;
inline constexpr int kEllipsisBase = 256;

struct EinsumEquation {
  std::vector<Labels> operands;
  Labels result;
};

/// Returns the equation or, as text, what is wrong with it.
struct EinsumParse {
  EinsumEquation equation;
  std::string error;
};
EinsumParse ParseEinsum(std::string_view text, const std::vector<int>& ranks);

}  // namespace godwit::ops
