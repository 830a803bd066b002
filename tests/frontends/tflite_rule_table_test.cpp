// What every row of the TFLite importer's tables must satisfy, whoever adds it.
#include <gtest/gtest.h>

#include <map>

#include "frontends/tflite/rule.h"

namespace godwit::from_tflite {
namespace {

constexpr int kBuiltins = 210;

TEST(TfliteRuleTable, EachBuiltinOperatorHasOneRow) {
  std::map<int, int> rows;
  for (const RuleSet* set : AllRuleSets()) {
    for (const Rule& rule : set->rules) ++rows[static_cast<int>(rule.op)];
  }
  for (int op = 0; op < kBuiltins; ++op) {
    EXPECT_EQ(rows[op], 1) << op << " " << tflite::OperatorName(static_cast<tflite::BuiltinOperator>(op));
  }
  EXPECT_EQ(rows.size(), static_cast<size_t>(kBuiltins));
}

TEST(TfliteRuleTable, RowsAreImportedOrSayWhyNot) {
  for (const RuleSet* set : AllRuleSets()) {
    for (const Rule& rule : set->rules) {
      EXPECT_EQ(rule.import == nullptr, !rule.reason.empty()) << tflite::OperatorName(rule.op);
    }
    for (const CustomRule& rule : set->custom) EXPECT_NE(rule.import, nullptr) << rule.name;
  }
}

TEST(TfliteRuleTable, RowsAreFound) {
  EXPECT_NE(FindRule(tflite::BuiltinOperator::kConv2d), nullptr);
  EXPECT_EQ(FindRule(static_cast<tflite::BuiltinOperator>(kBuiltins)), nullptr);
  EXPECT_NE(FindCustomRule("Convolution2DTransposeBias"), nullptr);
  EXPECT_EQ(FindCustomRule("Frobnicate"), nullptr);
}

}  // namespace
}  // namespace godwit::from_tflite
