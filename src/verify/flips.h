// Integer outputs are compared exactly, with two stated exceptions where the source's own rounding decides: the place
// of a largest or smallest element among two that are equal within the tolerance or the source's own noise, and the
// last step of a value that a cast, a rounding or a quantisation makes an integer.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace godwit {

struct FlipVerdict {
  bool excused = false;
  bool loose = false;  ///< the noise is as large as what decides: no place could have been held to be wrong
  std::string note;    ///< "3 of 1000 places of a maximum are a tie within the tolerance"
};

/// For output `index` of the source, run on `inputs`; the tolerance is `floor` in units of the peak, or `noise_factor`
/// times what rounding does to the source.
FlipVerdict JudgeFlips(const Graph& source, size_t index, const std::vector<RtValue>& inputs, const RtValue& actual,
                       const RtValue& reference, double floor, double noise_factor, int threads);

}  // namespace godwit
