// The table of verbs.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tools/options.h"

namespace godwit::tools {

#define GODWIT_VERB(Name) extern const Verb k##Name##Verb;
#include "tools/verb_list.def"
#undef GODWIT_VERB

std::span<const Verb* const> AllVerbs();
const Verb* FindVerb(std::string_view name);
/// What `godwit --help` prints.
std::string OverviewText();
/// The whole program: the words after its name, to an exit status.
int RunProgram(std::span<char*> words);

}  // namespace godwit::tools
