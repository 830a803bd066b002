#include <unordered_map>

#include "exec/plan/lower_rules.h"

namespace godwit::plan {

std::vector<LowerFn> RulesFor(const OpDef* op) {
  static const std::unordered_map<const OpDef*, std::vector<LowerFn>> table = [] {
    std::unordered_map<const OpDef*, std::vector<LowerFn>> rows;
    for (std::span<const LowerRule> rules :
         {HybridRules(), ViewRules(), ElementwiseRules(), ConvRules(), MatMulRules(), PoolRules(), ReduceRules(),
          ArgReduceRules(), MoveRules(), ResizeRules(), RecurrentRules(), QuantizeRules(), IntegerRules()}) {
      for (const LowerRule& rule : rules) rows[rule.op].push_back(rule.lower);
    }
    return rows;
  }();
  const auto it = table.find(op);
  return it == table.end() ? std::vector<LowerFn>() : it->second;
}

}  // namespace godwit::plan
