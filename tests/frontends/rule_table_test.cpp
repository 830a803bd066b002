// What every row of the importer's tables must satisfy, whoever adds it.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <tuple>

#include "frontends/onnx/rule.h"

namespace godwit::from_onnx {
namespace {

TEST(RuleTable, NoTwoRowsSpeakForOneOperatorAtOneVersion) {
  std::set<std::tuple<std::string_view, std::string_view, int>> seen;
  for (const RuleSet* set : AllRuleSets()) {
    for (const Rule& rule : set->rules) {
      EXPECT_TRUE(seen.emplace(set->domain, rule.op, rule.since).second)
          << set->domain << "." << rule.op << " " << rule.since;
    }
  }
}

TEST(RuleTable, RowsAreImportedOrSayWhyNot) {
  for (const RuleSet* set : AllRuleSets()) {
    for (const Rule& rule : set->rules) {
      EXPECT_GE(rule.since, 1) << rule.op;
      EXPECT_EQ(rule.import == nullptr, !rule.reason.empty()) << set->domain << "." << rule.op;
    }
  }
}

TEST(RuleTable, TheRowOfTheNewestVersionNotAboveSpeaks) {
  bool known = false;
  EXPECT_EQ(FindRule("", "Attention", 22, &known), nullptr);
  EXPECT_TRUE(known);
  const Rule* rule = FindRule("ai.onnx", "LSTM", 13, &known);
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(rule->since, 7);
  EXPECT_EQ(FindRule("", "NoSuchOperator", 13, &known), nullptr);
  EXPECT_FALSE(known);
}

}  // namespace
}  // namespace godwit::from_onnx
