// Whole-graph passes: what needs the order of the graph or a table over all of it, and so is no rule. Listed in
// pass_list.def; each counts what it changes in the ledger and stops when the ledger closes.
#pragma once

#include <span>
#include <string_view>

#include "rewrite/editor.h"
#include "rewrite/ledger.h"

namespace godwit {

struct Pass {
  std::string_view name;  ///< kebab-case, no rule has the same
  std::string_view doc;   ///< one sentence
  Numerics numerics;
  /// The editor is committed before and after.
  Status (*run)(Editor&, Ledger&);
};

#define GODWIT_PASS(Name) extern const Pass k##Name##Pass;
#include "passes/pass_list.def"
#undef GODWIT_PASS

}  // namespace godwit
