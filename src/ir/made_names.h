// Names that a writer makes for what has none: "conv#7". They tell values of one file apart and say nothing beyond it,
// so a conversion forgets them: what was written twice has the same names as what was written once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ir/graph.h"

namespace godwit {

[[nodiscard]] std::string MadeName(std::string_view hint, int64_t number);
/// Whether a writer made the name: it ends in '#' and digits.
[[nodiscard]] bool IsMadeName(std::string_view name);
/// Of all values but the model's inputs.
void ForgetMadeNames(Graph* graph);

}  // namespace godwit
