// The table of TFLite's kernels: that every row can be read, and that versions come out as the runtime asks for.
#include "targets/tflite.h"

#include <gtest/gtest.h>

#include <map>

#include "formats/tflite/schema.h"

namespace godwit::targets {
namespace {

TfliteFit Fit(std::string_view op, const std::vector<std::string_view>& in, const std::vector<std::string_view>& out,
              const std::map<std::string, double>& options = {}, std::string_view profile = "") {
  std::vector<Type> types;
  types.reserve(in.size() + out.size());
  TfliteUse use;
  use.op = op;
  for (const auto* side : {&in, &out}) {
    for (const std::string_view text : *side) {
      auto& list = side == &in ? use.in : use.out;
      if (text.empty()) {
        list.push_back({});
        continue;
      }
      types.push_back(*Type::Parse(text));
      list.push_back({&types.back().tensor(), false});
    }
  }
  use.option = [&](std::string_view name) -> std::optional<double> {
    const auto it = options.find(std::string(name));
    return it == options.end() ? 0.0 : it->second;
  };
  return FitTflite(use, *ParseTfliteProfile(profile));
}

TEST(TfliteTable, EveryOperatorIsOfTheSchema) {
  for (const TfliteRow& row : AllTfliteRows()) {
    tflite::BuiltinOperator op{};
    EXPECT_TRUE(tflite::FindOperator(row.op, &op)) << row.op;
    EXPECT_GE(row.version, 1) << row.op;
    EXPECT_FALSE(row.evidence.empty()) << row.op;
    EXPECT_NE(row.types.find('>'), std::string_view::npos) << row.op;
  }
}

TEST(TfliteTable, TheLowestVersionThatIsRight) {
  EXPECT_EQ(Fit("ADD", {"f32[2]", "f32[2]"}, {"f32[2]"}).version, 1);
  EXPECT_EQ(Fit("ADD", {"i64[2]", "i64[2]"}, {"i64[2]"}).version, 4);
  EXPECT_EQ(Fit("SUB", {"f32[1,2,1,2,2]", "f32[2]"}, {"f32[1,2,1,2,2]"}).version, 3);
  EXPECT_EQ(Fit("TRANSPOSE", {"f32[1,2,1,2,2]", "i32[5]"}, {"f32[1,2,1,2,2]"}).version, 4);
  EXPECT_EQ(Fit("TRANSPOSE", {"bool[1,2]", "i32[2]"}, {"bool[1,2]"}).version, 3);
  EXPECT_EQ(Fit("FULLY_CONNECTED", {"f32[1,2]", "f32[3,2]", "f32[3]"}, {"f32[1,3]"}).version, 1);
  EXPECT_EQ(Fit("FULLY_CONNECTED", {"f32[1,2]", "f32[3,2]"}, {"f32[1,3]"}).version, 6);
  EXPECT_EQ(Fit("RESIZE_BILINEAR", {"f32[1,2,2,1]", "i32[2]"}, {"f32[1,4,4,1]"}, {{"half_pixel_centers", 1}}).version,
            3);
  EXPECT_EQ(Fit("CAST", {"i8[2]"}, {"f32[2]"}).version, 3);
}

TEST(TfliteTable, WhatDoesNotFit) {
  const TfliteFit wide = Fit("NEG", {"i16[2]"}, {"i16[2]"});
  EXPECT_EQ(wide.version, 0);
  EXPECT_EQ(wide.misfit.repair, Repair::kCast);
  EXPECT_TRUE(wide.takes.Has(DType::kI32));
  const TfliteFit deep = Fit("LESS", {"f32[1,2,1,2,2]", "f32[2]"}, {"bool[1,2,1,2,2]"});
  EXPECT_EQ(deep.version, 0);
  EXPECT_EQ(std::string(deep.misfit.limit->id), "target.rank");
  const TfliteFit young = Fit("GELU", {"f32[2]"}, {"f32[2]"}, {}, "tflite@2.8");
  EXPECT_EQ(young.version, 0);
  EXPECT_EQ(std::string(young.misfit.limit->id), "target.operator");
  EXPECT_EQ(Fit("LESS", {"f32[1,2,1,2,2]", "f32[2]"}, {"bool[1,2,1,2,2]"}, {}, "litert@2.2").version, 1);
}

TEST(TfliteProfile, Names) {
  for (const std::string& name : TfliteProfileNames()) EXPECT_TRUE(ParseTfliteProfile(name).ok()) << name;
  EXPECT_TRUE(ParseTfliteProfile("litert@2.1+xnnpack+gpu")->gpu);
  EXPECT_EQ(ParseTfliteProfile("tflite@2.14")->runtime, 214);
  EXPECT_EQ(ParseTfliteProfile("tflite@9.1").diag().id, "target.profile");
  EXPECT_EQ(ParseTfliteProfile("litert@2.1+npu").diag().id, "target.profile");
}

TEST(TfliteProfile, OfAFile) {
  const auto own = TfliteProfileFromToml(
      "runtime = \"tflite@2.9+gpu\"\nrequire = [\"rank<=4\"]\nforbid = [\"GATHER_ND\"]\nallow_custom = [\"Mine\"]\n"
      "prefer = [\"UNIDIRECTIONAL_SEQUENCE_LSTM\"]\n");
  ASSERT_TRUE(own.ok()) << FormatDiag(own.diag());
  EXPECT_EQ(own->runtime, 209);
  EXPECT_TRUE(own->gpu);
  EXPECT_EQ(own->require, std::vector<std::string>{"rank<=4"});
  EXPECT_TRUE(own->forbid.contains("GATHER_ND"));
  EXPECT_TRUE(own->allow_custom.contains("Mine"));
  EXPECT_TRUE(own->prefer.contains("UNIDIRECTIONAL_SEQUENCE_LSTM"));
  EXPECT_EQ(TfliteProfileFromToml("prefer = [\"ADD\"]").diag().id, "target.profile");
  EXPECT_EQ(TfliteProfileFromToml("require = [\"four\"]").diag().id, "target.profile");
  EXPECT_EQ(TfliteProfileFromToml("colour = \"red\"").diag().id, "target.profile");
}

TEST(TfliteDelegates, WhatFallsOff) {
  const Type x = *Type::Parse("f32[2,3]"), bits = *Type::Parse("i32[2]");
  TfliteUse use;
  use.op = "ADD";
  use.in = {{&x.tensor(), false}, {&x.tensor(), false}};
  use.out = {{&x.tensor(), false}};
  use.option = [](std::string_view) { return std::optional<double>(0.0); };
  EXPECT_EQ(DelegateRefuses(TfliteDelegate::kXnnpack, use), "");
  EXPECT_EQ(DelegateRefuses(TfliteDelegate::kGpu, use), "");
  use.op = "POW";
  EXPECT_EQ(DelegateRefuses(TfliteDelegate::kXnnpack, use), "it has no POW");
  use.op = "MEAN";
  use.in[1] = {&bits.tensor(), false};
  EXPECT_EQ(DelegateRefuses(TfliteDelegate::kXnnpack, use), "MEAN needs const1=1");
  use.in[0] = {&bits.tensor(), false};
  EXPECT_NE(DelegateRefuses(TfliteDelegate::kXnnpack, use).find("i32"), std::string::npos);
}

}  // namespace
}  // namespace godwit::targets
