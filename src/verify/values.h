// Are two values the same, within a tolerance? dtype and shape must always be equal.
#pragma once

#include <string>

#include "ir/tensor.h"

namespace godwit {

struct Tolerance {
  double relative = 1e-3;
  double absolute = 1e-7;
  double peak = 0;  ///< a further part, in units of the largest magnitude that is expected
};

/// Empty when `actual` is `expected` within |a - e| <= absolute + peak * max|e| + relative * |e| everywhere (NaN equals
/// NaN, infinities must agree, strings and bools must be equal); else what differs, in one line.
std::string Difference(const RtValue& actual, const RtValue& expected, const Tolerance& tolerance);

}  // namespace godwit
