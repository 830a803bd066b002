// A rewrite rule: one row of a table in src/passes/rules_*.cpp. docs/write-a-rule.md shows how to write one.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "ir/op_def.h"

namespace godwit {

class RewriteCtx;

/// What a rewrite may do to the numbers.
enum class Numerics : uint8_t {
  kExact,          ///< nothing: the same bits, NaN payloads and the sign of a zero sum aside
  kReassociating,  ///< the same real function, rounded at other places
  kApproximate,    ///< another function, close by
};
std::string_view Name(Numerics numerics);

struct Rule {
  std::string_view name;  ///< kebab-case, unique
  std::string_view doc;   ///< one sentence
  Numerics numerics;
  std::span<const OpDef* const> anchors;  ///< operators that it looks at; empty: all
  /// True when it has rewritten the node. Returning false, or an error, takes back the nodes it has made.
  Result<bool> (*apply)(RewriteCtx&);
};

using RuleTable = std::span<const Rule>;

}  // namespace godwit
