// The axes of weights by name.
#pragma once

#include <string>
#include <string_view>

namespace godwit::ops {

/// "ohwi" of rank 4 is o, 0, 1, i: "hw" stands for all spatial axes.
inline std::string WeightAxes(std::string_view layout, size_t rank) {
  std::string axes;
  for (size_t i = 0; i < layout.size(); ++i) {
    if (layout.substr(i, 2) != "hw") {
      axes += layout[i];
      continue;
    }
    for (size_t k = 0; k + 2 < rank; ++k) axes += static_cast<char>('0' + k);
    ++i;
  }
  return axes;
}

}  // namespace godwit::ops
