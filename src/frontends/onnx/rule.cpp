#include "frontends/onnx/rule.h"

#include <unordered_map>
#include <vector>

#include "base/text.h"

namespace godwit::from_onnx {

#define GODWIT_ONNX_RULES(name) extern const RuleSet name;
#include "frontends/onnx/rule_sets.def"
#undef GODWIT_ONNX_RULES

namespace {

const RuleSet* const kSets[] = {
#define GODWIT_ONNX_RULES(name) &name,
#include "frontends/onnx/rule_sets.def"
#undef GODWIT_ONNX_RULES
};

using Index = std::unordered_map<std::string, std::vector<const Rule*>>;

const Index& RulesByName() {
  static const Index index = [] {
    Index rows;
    for (const RuleSet* set : kSets) {
      for (const Rule& rule : set->rules) rows[Concat(set->domain, ":", rule.op)].push_back(&rule);
    }
    return rows;
  }();
  return index;
}

}  // namespace

std::span<const RuleSet* const> AllRuleSets() { return kSets; }

std::string_view CanonicalDomain(std::string_view domain) { return domain == "ai.onnx" ? "" : domain; }

bool IsKnownDomain(std::string_view domain) {
  for (const RuleSet* set : kSets) {
    if (set->domain == CanonicalDomain(domain)) return true;
  }
  return false;
}

const Rule* FindRule(std::string_view domain, std::string_view op, int64_t version, bool* op_known) {
  const auto it = RulesByName().find(Concat(CanonicalDomain(domain), ":", op));
  if (op_known) *op_known = it != RulesByName().end();
  if (it == RulesByName().end()) return nullptr;
  const Rule* best = nullptr;
  for (const Rule* rule : it->second) {
    if (rule->since <= version && (best == nullptr || rule->since > best->since)) best = rule;
  }
  return best;
}

}  // namespace godwit::from_onnx
