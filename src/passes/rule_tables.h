// The tables of rules; rules_*.cpp define them.
#pragma once

#include "rewrite/rule.h"

namespace godwit {

#define GODWIT_RULES(stage, Name) RuleTable Name##Rules();
#include "passes/rule_tables.def"
#undef GODWIT_RULES

}  // namespace godwit
