#include "ir/made_names.h"

#include <algorithm>

#include "base/text.h"

namespace godwit {

std::string MadeName(std::string_view hint, int64_t number) { return Concat(hint, "#", std::to_string(number)); }

bool IsMadeName(std::string_view name) {
  const size_t mark = name.rfind('#');
  if (mark == std::string_view::npos || mark + 1 == name.size()) return false;
  return std::all_of(name.begin() + static_cast<std::ptrdiff_t>(mark) + 1, name.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

void ForgetMadeNames(Graph* graph) {
  for (uint32_t i = 0; i < graph->value_count(); ++i) {
    Value& value = graph->value(ValueId{i});
    if (value.param_of != Graph::main() && IsMadeName(value.name)) value.name.clear();
  }
}

}  // namespace godwit
