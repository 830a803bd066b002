// The table of verbs in the forms that other programs read: completion scripts of shells, and the manual page.
#pragma once

#include <string>

namespace godwit::tools {

std::string BashCompletion();
std::string ZshCompletion();
std::string FishCompletion();
/// roff, for man(1).
std::string ManPage();

}  // namespace godwit::tools
