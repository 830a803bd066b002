// What a value looks like at a glance: type, shape, range.
#pragma once

#include <cstdint>
#include <string>

#include "ir/tensor.h"

namespace godwit::tools {

struct ValueStats {
  std::string type;  ///< "f32[1,1000]", "seq of 3"
  bool numeric = false;
  double min = 0, max = 0, mean = 0;  ///< of the finite elements
  int64_t finite = 0, nan = 0, infinite = 0;
};
ValueStats StatsOf(const RtValue& value);

}  // namespace godwit::tools
