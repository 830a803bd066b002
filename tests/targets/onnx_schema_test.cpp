// The table of ONNX signatures: what it says of some operators that changed, and that it and the importer's rules
// speak of the same operators.
#include "targets/onnx_schema.h"

#include <gtest/gtest.h>

#include <set>

#include "frontends/onnx/rule.h"

namespace godwit::targets {
namespace {

int Since(std::string_view op, int64_t opset, std::string_view domain = "") {
  const OnnxSchema* schema = FindSchema(domain, op, opset);
  return schema == nullptr ? 0 : schema->since;
}

std::string Check(std::string_view op, int64_t opset, const std::vector<std::string_view>& inputs,
                  const std::vector<std::string_view>& outputs, std::vector<onnx::Attribute> attrs = {},
                  std::string_view domain = "") {
  std::vector<Type> types;
  for (const auto& list : {inputs, outputs}) {
    for (const std::string_view text : list) types.push_back(text.empty() ? Type() : *Type::Parse(text));
  }
  std::vector<const Type*> in, out;
  for (size_t i = 0; i < types.size(); ++i) {
    const bool is_input = i < inputs.size();
    const std::string_view text = is_input ? inputs[i] : outputs[i - inputs.size()];
    (is_input ? in : out).push_back(text.empty() ? nullptr : &types[i]);
  }
  const OnnxSchema* schema = FindSchema(domain, op, opset);
  return schema == nullptr ? "no such operator" : CheckNode(*schema, in, out, attrs);
}

onnx::Attribute Attr(std::string_view name, onnx::AttributeType type) {
  onnx::Attribute a;
  a.name = name;
  a.type = type;
  return a;
}

TEST(OnnxSchema, TheNewestVersionNotAboveSpeaks) {
  EXPECT_EQ(Since("Softmax", 7), 1);
  EXPECT_EQ(Since("Softmax", 12), 11);
  EXPECT_EQ(Since("Softmax", 13), 13);
  EXPECT_EQ(Since("Softmax", 99), 13);
  EXPECT_EQ(Since("Gelu", 19), 0);
  EXPECT_EQ(Since("Gelu", 20), 20);
  EXPECT_EQ(Since("TopK", 24), 24);
  for (const int version : {10, 11, 13, 18, 19}) EXPECT_EQ(Since("Resize", version), version);
  EXPECT_EQ(Since("Resize", 9), 0);
  EXPECT_EQ(Since("Resize", 27, "ai.onnx"), 19);
  EXPECT_EQ(Since("TreeEnsemble", 5, "ai.onnx.ml"), 5);
  EXPECT_EQ(Since("FusedConv", 1, "com.microsoft"), 1);
  EXPECT_EQ(Since("NoSuchThing", 17), 0);
  EXPECT_TRUE(FindSchema("", "Upsample", 10)->deprecated);
  EXPECT_FALSE(FindSchema("", "Upsample", 9)->deprecated);
}

TEST(OnnxSchema, RowsAreSortedAndWhole) {
  const std::span<const OnnxSchema> all = AllOnnxSchemas();
  ASSERT_GT(all.size(), 700U);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(FindSchema(all[i].domain, all[i].op, all[i].since), &all[i]) << all[i].op;
    for (const auto& formals : {all[i].inputs, all[i].outputs}) {
      for (const OnnxFormal& f : formals) {
        EXPECT_NE(f.types, nullptr) << all[i].op << " " << f.name;
        EXPECT_FALSE(f.name.empty()) << all[i].op;
      }
    }
    for (const OnnxAttr& a : all[i].attrs) {
      EXPECT_GT(a.type, onnx::AttributeType::kUndefined) << all[i].op << " " << a.name;
      EXPECT_LE(a.type, onnx::AttributeType::kTypes) << all[i].op << " " << a.name;
    }
  }
}

TEST(OnnxSchema, FormalsAndAttributes) {
  const OnnxSchema* split = FindSchema("", "Split", 18);
  ASSERT_NE(split, nullptr);
  ASSERT_EQ(split->inputs.size(), 2U);
  EXPECT_EQ(split->inputs[1].option, OnnxFormal::Option::kOptional);
  EXPECT_EQ(split->outputs[0].option, OnnxFormal::Option::kVariadic);
  EXPECT_TRUE(split->outputs[0].homogeneous);
  EXPECT_NE(split->FindAttr("num_outputs"), nullptr);
  EXPECT_EQ(FindSchema("", "Split", 13)->FindAttr("num_outputs"), nullptr);
  const OnnxSchema* loop = FindSchema("", "Loop", 13);
  EXPECT_FALSE(loop->inputs.back().homogeneous);
  EXPECT_EQ(loop->inputs.back().least, 0);
  EXPECT_TRUE(loop->FindAttr("body")->required);
  EXPECT_EQ(loop->FindAttr("body")->type, onnx::AttributeType::kGraph);
}

TEST(OnnxSchema, NodesThatFit) {
  EXPECT_EQ(Check("TopK", 11, {"i8[4]", "i64[1]"}, {"i8[2]", "i64[2]"}), "");
  EXPECT_EQ(Check("Resize", 13, {"f32[1,1,4,4]", "", "", "i64[4]"}, {"f32[1,1,8,8]"}), "");
  EXPECT_EQ(Check("Concat", 13, {"f32[1]", "f32[N]", "?"}, {"f32[*]"}, {Attr("axis", onnx::AttributeType::kInt)}), "");
  EXPECT_EQ(
      Check("Loop", 11, {"", "bool[]", "f32[2]", "i64[]"}, {"f32[2]"}, {Attr("body", onnx::AttributeType::kGraph)}),
      "");
  EXPECT_EQ(Check("SequenceLength", 11, {"seq(f32[*])"}, {"i64[]"}), "");
  EXPECT_EQ(Check("OptionalGetElement", 15, {"opt(seq(f32[2]))"}, {"seq(f32[2])"}), "");
  EXPECT_EQ(Check("DictVectorizer", 1, {"map(string,f32[])"}, {"f32[1,2]"}, {}, "ai.onnx.ml"), "");
  EXPECT_EQ(Check("ZipMap", 1, {"f32[1,2]"}, {"seq(map(i64,f32[]))"}, {}, "ai.onnx.ml"), "");
}

TEST(OnnxSchema, NodesThatDoNot) {
  EXPECT_NE(Check("TopK", 10, {"i8[4]", "i64[1]"}, {"i8[2]", "i64[2]"}), "");
  EXPECT_NE(Check("TopK", 11, {"i8[4]"}, {"i8[2]", "i64[2]"}), "");
  EXPECT_NE(Check("Add", 13, {"f32[4]", "f16[4]"}, {"f32[4]"}), "");
  EXPECT_NE(Check("Add", 13, {"f32[4]", "f32[4]"}, {"f16[4]"}), "");
  EXPECT_NE(Check("Add", 13, {"f32[4]", "f32[4]", "f32[4]"}, {"f32[4]"}), "");
  EXPECT_NE(Check("Add", 12, {"bf16[4]", "bf16[4]"}, {"bf16[4]"}), "");
  EXPECT_NE(Check("Concat", 13, {}, {"f32[4]"}, {Attr("axis", onnx::AttributeType::kInt)}), "");
  EXPECT_NE(Check("Concat", 13, {"f32[4]"}, {"f32[4]"}), "");
  EXPECT_NE(Check("Concat", 13, {"f32[4]"}, {"f32[4]"}, {Attr("axis", onnx::AttributeType::kFloat)}), "");
  EXPECT_NE(Check("Relu", 14, {"f32[4]"}, {"f32[4]"}, {Attr("axis", onnx::AttributeType::kInt)}), "");
  EXPECT_NE(Check("Upsample", 10, {"f32[4]", "f32[1]"}, {"f32[4]"}), "");
  EXPECT_NE(Check("SequenceLength", 11, {"f32[2]"}, {"i64[]"}), "");
}

// Old exporters wrote experimental operators of the standard's own domain: those are read, and never written.
TEST(OnnxSchema, EveryImportedOperatorHasASignature) {
  std::set<std::string> without;
  for (const from_onnx::RuleSet* set : from_onnx::AllRuleSets()) {
    for (const from_onnx::Rule& rule : set->rules) {
      const OnnxSchema* schema = FindSchema(set->domain, rule.op, rule.since);
      if (schema == nullptr) without.insert(std::string(set->domain) + "." + std::string(rule.op));
    }
  }
  std::string all;
  for (const std::string& name : without) all += name + " ";
  EXPECT_EQ(all,
            ".Affine .ImageScaler .LayerNormalization .ParametricSoftplus .Scale .ScaledTanh "
            ".SimplifiedLayerNormalization .ThresholdedRelu ");
}

TEST(OnnxSchema, EverySignatureOfTheStandardHasARule) {
  std::set<std::string> without;
  for (const OnnxSchema& schema : AllOnnxSchemas()) {
    if (schema.deprecated || schema.domain == "com.microsoft") continue;
    bool known = false;
    if (from_onnx::FindRule(schema.domain, schema.op, schema.since, &known) == nullptr) {
      without.insert(std::string(schema.domain) + "." + std::string(schema.op) + " " + std::to_string(schema.since));
    }
  }
  std::string all;
  for (const std::string& name : without) all += name + ", ";
  EXPECT_EQ(all, "");
}

}  // namespace
}  // namespace godwit::targets
