// godwit suite DIR: a conformance or regression suite.
#pragma once

#include <span>

namespace godwit::tools {
int RunSuite(std::span<char*> args);
}  // namespace godwit::tools
