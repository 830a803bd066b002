// The adapter of LiteRT: what it says where there is none, or another library, or no model. What it computes is judged
// where models are written for it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "base/diag.h"
#include "runtimes/muffled.h"
#include "runtimes/runtime.h"
#include "support/temp_dir.h"
#include "support/tflite_builder.h"

namespace godwit {
namespace {

TEST(LiteRt, WhatIsNoRuntimeIsNamed) {
  const auto missing = runtimes::FindLiteRt("/nowhere/libLiteRt.so");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.diag().id, "runtime.library");
  const auto other = runtimes::FindLiteRt("libz.so.1");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.diag().id, "runtime.library");
  EXPECT_NE(other.diag().what.find("LiteRtCreateEnvironment"), std::string::npos) << other.diag().what;
}

TEST(LiteRt, WhatIsNoModelIsRefused) {
  auto found = runtimes::FindLiteRt();
  if (!found.ok()) GTEST_SKIP() << "no LiteRT here: pip install ai-edge-litert";
  EXPECT_EQ((*found)->name(), "LiteRT");
  const testing::TempDir dir;
  const std::string text = "this is no flatbuffer, and long enough to be looked at for a while";
  const auto from_file = (*found)->Open(dir.Write("x.tflite", text), {});
  ASSERT_FALSE(from_file.ok());
  EXPECT_EQ(from_file.diag().id, "runtime.refused");
  const auto from_memory = (*found)->Open(AsBytes(text), {});
  ASSERT_FALSE(from_memory.ok());
  EXPECT_EQ(from_memory.diag().id, "runtime.refused");
}

// The run makes more of an output than there is room for: it is tried elsewhere, and nothing here is written over.
TEST(LiteRt, OutputsMayOutgrowTheirBuffers) {
  auto found = runtimes::FindLiteRt();
  if (!found.ok()) GTEST_SKIP() << "no LiteRT here: pip install ai-edge-litert";
  testing::TfliteModel m;
  const int32_t count = m.Input("count", {1}, tflite::TensorType::kInt32);
  const int32_t value = m.Constant<float>("value", tflite::TensorType::kFloat32, {}, {1.5F});
  m.Op(tflite::BuiltinOperator::kFill, {count, value}, {m.Output("y", {1})});
  const std::string bytes = m.Bytes();
  const auto run = [&](int32_t elements) {
    auto model = (*found)->Open(AsBytes(bytes), {});
    EXPECT_TRUE(model.ok()) << model.diag().what;
    runtimes::Array in{runtimes::Element::kI32, {1}, {}, {}};
    in.bytes.resize(sizeof elements);
    std::memcpy(in.bytes.data(), &elements, sizeof elements);
    return (*model)->Run(std::span(&in, 1));
  };
  for (const int32_t elements : {2, 1000, 1000000}) {
    const auto out = run(elements);
    ASSERT_FALSE(out.ok()) << elements;
    EXPECT_EQ(out.diag().id, "runtime.value") << elements;
    EXPECT_NE(out.diag().what.find("only the run decides"), std::string::npos) << out.diag().what;
  }
}

TEST(Muffled, KeepsWhatIsSaidAndGivesItBack) {
  ::testing::internal::CaptureStderr();
  {
    const runtimes::Muffled quiet;
    std::fputs("INFO: starting\nERROR: [file.cc:12] the reason\nINFO: ended\n", stderr);
    EXPECT_EQ(quiet.Error(), "the reason");
  }
  std::fputs("heard", stderr);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "heard");
  const runtimes::Muffled fresh;
  EXPECT_EQ(fresh.Error(), "");
}

}  // namespace
}  // namespace godwit
