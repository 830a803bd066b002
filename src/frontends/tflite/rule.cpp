#include "frontends/tflite/rule.h"

#include <unordered_map>

namespace godwit::from_tflite {

#define GODWIT_TFLITE_RULES(name) extern const RuleSet name;
#include "frontends/tflite/rule_sets.def"
#undef GODWIT_TFLITE_RULES

namespace {

const RuleSet* const kSets[] = {
#define GODWIT_TFLITE_RULES(name) &name,
#include "frontends/tflite/rule_sets.def"
#undef GODWIT_TFLITE_RULES
};

}  // namespace

std::span<const RuleSet* const> AllRuleSets() { return kSets; }

const Rule* FindRule(tflite::BuiltinOperator op) {
  static const auto index = [] {
    std::unordered_map<int32_t, const Rule*> rows;
    for (const RuleSet* set : kSets) {
      for (const Rule& rule : set->rules) rows.emplace(static_cast<int32_t>(rule.op), &rule);
    }
    return rows;
  }();
  const auto it = index.find(static_cast<int32_t>(op));
  return it == index.end() ? nullptr : it->second;
}

const CustomRule* FindCustomRule(std::string_view name) {
  for (const RuleSet* set : kSets) {
    for (const CustomRule& rule : set->custom) {
      if (rule.name == name) return &rule;
    }
  }
  return nullptr;
}

}  // namespace godwit::from_tflite
