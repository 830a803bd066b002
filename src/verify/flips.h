// Integer outputs are compared exactly, with two stated exceptions where the source's own rounding decides: the place
// of a largest or smallest element among two that are equal within the tolerance, and the last step of a value that a
// cast, a rounding or a quantisation makes an integer.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace godwit {

struct FlipVerdict {
  bool excused = false;
  std::string note;  ///< "3 of 1000 places of a maximum are a tie within the tolerance"
};

/// For output `index` of the source, run on `inputs`; `floor` is the tolerance in units of the peak.
FlipVerdict JudgeFlips(const Graph& source, size_t index, const std::vector<RtValue>& inputs, const RtValue& actual,
                       const RtValue& reference, double floor, int threads);

}  // namespace godwit
