// One row for each ONNX operator and version range: how it is imported, or why it is not.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace godwit::from_onnx {

class NodeImport;

struct Rule {
  std::string_view op;
  int since;  ///< first version of the domain's operator set that the row speaks for, until the operator's next row
  Status (*import)(NodeImport&);  ///< null: refused
  std::string_view reason = {};   ///< why, where refused
};

struct RuleSet {
  std::string_view domain;  ///< "" is ai.onnx
  std::span<const Rule> rules;
};

/// Every table of rules_*.cpp, listed in rule_sets.def.
std::span<const RuleSet* const> AllRuleSets();
/// The row with the largest `since` <= version; null when the operator has no row. `op_known` (may be null) says
/// whether any version of the operator has one.
const Rule* FindRule(std::string_view domain, std::string_view op, int64_t version, bool* op_known);
/// "ai.onnx" and "" are one domain.
std::string_view CanonicalDomain(std::string_view domain);
/// Whether any table speaks for the domain; nodes of other domains are kept as opaque nodes.
bool IsKnownDomain(std::string_view domain);

}  // namespace godwit::from_onnx
