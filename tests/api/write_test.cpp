#include <gtest/gtest.h>

#include <filesystem>

#include "godwit/godwit.h"
#include "godwit/godwit.hpp"
#include "support/temp_dir.h"

namespace godwit {
namespace {

const std::string kBundled = GODWIT_SOURCE_DIR "/examples/shapes/model.onnx";

TEST(PublicSimplify, WritesAndProves) {
  const testing::TempDir dir;
  WriteSettings settings;
  settings.opset = 17;
  std::vector<Problem> problems;
  const auto written = Simplify(kBundled, dir.Path("out.onnx"), settings, &problems);
  ASSERT_TRUE(written) << (problems.empty() ? "" : problems[0].text);
  EXPECT_LT(written->nodes_after, written->nodes_before);
  EXPECT_EQ(written->opset, 17);
  EXPECT_NE(written->proof.find("proof: "), std::string::npos);
  EXPECT_EQ(written->bytes, std::filesystem::file_size(dir.Path("out.onnx")));
  EXPECT_TRUE(Model::Load(dir.Path("out.onnx")));
}

TEST(PublicSimplify, SaysWhyItRefuses) {
  const testing::TempDir dir;
  std::vector<Problem> problems;
  EXPECT_FALSE(Simplify(kBundled, kBundled, {}, &problems));
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems[0].id, "cli.usage");
  WriteSettings settings;
  settings.cut_out = {"nothing"};
  problems.clear();
  EXPECT_FALSE(Simplify(kBundled, dir.Path("out.onnx"), settings, &problems));
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems[0].id, "pass.edge");
  EXPECT_FALSE(std::filesystem::exists(dir.Path("out.onnx")));
}

TEST(PublicSimplify, InC) {
  const testing::TempDir dir;
  EXPECT_EQ(godwit_simplify(kBundled.c_str(), dir.Path("out.onnx").c_str(), 13, 1), 0) << godwit_last_error();
  EXPECT_EQ(godwit_simplify("/nowhere/model.onnx", dir.Path("out.onnx").c_str(), 0, 0), 2);
  EXPECT_EQ(godwit_simplify(nullptr, nullptr, 0, 0), 1);
}

TEST(PublicConvert, FollowsTheTargetAndTheName) {
  const testing::TempDir dir;
  std::vector<Problem> problems;
  WriteSettings settings;
  settings.target = "onnx@15";
  settings.io_layout = {"nhwc"};
  settings.preprocess = {"image=u8,scale=0.0039"};
  const auto written = Convert(kBundled, dir.Path("out.onnx"), settings, &problems);
  ASSERT_TRUE(written) << (problems.empty() ? "" : problems[0].text);
  EXPECT_EQ(written->opset, 15);
  const auto model = Model::Load(dir.Path("out.onnx"));
  ASSERT_TRUE(model);
  EXPECT_EQ(model->inputs()[0].type, "u8[N,32,32,1]");
  EXPECT_FALSE(Convert(kBundled, dir.Path("out.tflite"), settings, &problems));
  for (const char* wrong : {"abacus", "onnx@x"}) {
    settings.target = wrong;
    EXPECT_FALSE(Convert(kBundled, dir.Path("x.onnx"), settings)) << wrong;
  }
}

TEST(PublicConvert, InC) {
  const testing::TempDir dir;
  EXPECT_EQ(godwit_convert(kBundled.c_str(), dir.Path("a.onnx").c_str(), "onnx@13", "nhwc", 1), 0)
      << godwit_last_error();
  EXPECT_EQ(godwit_convert(kBundled.c_str(), dir.Path("a.tflite").c_str(), nullptr, nullptr, 0), 0)
      << godwit_last_error();
  EXPECT_EQ(godwit_convert(kBundled.c_str(), dir.Path("a.thing").c_str(), "abacus", nullptr, 0), 1);
  EXPECT_EQ(godwit_convert(nullptr, nullptr, nullptr, nullptr, 0), 1);
}

}  // namespace
}  // namespace godwit
