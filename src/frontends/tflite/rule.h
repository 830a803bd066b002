// One row for each builtin operator of TFLite: how it is imported, or why it is not.
#pragma once

#include <span>
#include <string_view>

#include "formats/tflite/schema.h"

namespace godwit::from_tflite {

class OpImport;

/// What an operator's import function is given, and gives, where tensors are quantised.
enum class Numbers : uint8_t {
  kStored,  ///< the integers themselves: the operator moves or compares elements, whatever they stand for
  kReal,    ///< real numbers: operands come dequantised, results are quantised
  kHybrid,  ///< as kReal; LiteRT also has the operator for f32 activations and quantised weights
};

struct Rule {
  tflite::BuiltinOperator op;
  Numbers numbers;
  void (*import)(OpImport&);  ///< null: refused
  std::string_view reason = {};
};

/// The same for custom operators.
struct CustomRule {
  std::string_view name;
  void (*import)(OpImport&);
};

struct RuleSet {
  std::span<const Rule> rules;
  std::span<const CustomRule> custom = {};
};

/// Every table of rules_*.cpp, listed in rule_sets.def.
std::span<const RuleSet* const> AllRuleSets();
/// Null for a number that the schema does not know.
const Rule* FindRule(tflite::BuiltinOperator op);
/// Null for those that are kept as opaque nodes.
const CustomRule* FindCustomRule(std::string_view name);

}  // namespace godwit::from_tflite
