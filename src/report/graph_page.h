// A graph as one self-contained HTML page: no network, no library.
#pragma once

#include <string>

#include "ir/graph.h"

namespace godwit {

/// Boxes by name scope, collapsed where there are many; search, attributes, shapes.
std::string GraphPage(const Graph& graph, std::string_view title);

}  // namespace godwit
