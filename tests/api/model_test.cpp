// The public interfaces, C++ and C, on the bundled model and on bytes that are none.
#include <gtest/gtest.h>

#include <cstring>

#include "api/inputs.h"
#include "api/load.h"
#include "godwit/godwit.h"
#include "godwit/godwit.hpp"
#include "support/temp_dir.h"
#include "support/tflite_import.h"

namespace godwit {
namespace {

using testing::TempDir;

const std::string kBundled = GODWIT_SOURCE_DIR "/examples/shapes/model.onnx";

TEST(PublicApi, RunsAModel) {
  std::vector<Problem> problems;
  auto model = Model::Load(kBundled, {}, &problems);
  ASSERT_TRUE(model.has_value()) << (problems.empty() ? "" : problems[0].text);
  ASSERT_EQ(model->inputs().size(), 1U);
  EXPECT_EQ(model->inputs()[0].name, "image");
  EXPECT_EQ(model->inputs()[0].dtype, "f32");
  EXPECT_EQ(model->inputs()[0].dims, (std::vector<std::string>{"N", "1", "32", "32"}));
  const std::vector<float> pixels(3 * 32 * 32, 0.25F);
  const auto outputs = model->Run({Array::Of<float>({3, 1, 32, 32}, pixels)}, &problems);
  ASSERT_TRUE(outputs.has_value());
  EXPECT_EQ((*outputs)[0].shape, (std::vector<int64_t>{3, 4}));
  float sum = 0;
  for (const float p : (*outputs)[0].values<float>()) sum += p;
  EXPECT_NEAR(sum, 3.0F, 1e-5F);

  EXPECT_FALSE(model->Run({Array::Of<float>({1, 1, 2, 2}, std::span(pixels).first(4))}, &problems).has_value());
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems.back().id, "exec.input");
  EXPECT_EQ(problems.back().status, 1);
  EXPECT_FALSE(model->Run({Array{"f32", {3, 1, 32, 32}, {}, {}}}).has_value()) << "bytes are missing";
  EXPECT_FALSE(model->Run({Array{"f33", {}, {}, {}}}).has_value());
  EXPECT_FALSE(model->Run({}).has_value());
}

TEST(PublicApi, FromMemoryIsTheSame) {
  const std::string bytes = TempDir::Read(kBundled);
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  auto a = Model::Load(kBundled);
  auto b = Model::FromMemory({data, bytes.size()}, {.threads = 3});
  ASSERT_TRUE(a && b);
  EXPECT_EQ((*a->Run(a->DrawInputs()))[0].bytes, (*b->Run(b->DrawInputs()))[0].bytes);
  std::vector<Problem> problems;
  EXPECT_FALSE(Model::FromMemory({data, bytes.size() / 2}, {}, &problems).has_value());
  ASSERT_FALSE(problems.empty());
  EXPECT_EQ(problems.back().status, 3);
}

// A sum over all runs: what a run leaves is what the next one begins with.
TEST(PublicApi, StateIsKeptFromRunToRun) {
  using B = tflite::BuiltinOperator;
  using T = tflite::TensorType;
  testing::TfliteBuilder b;
  const int32_t x = b.Input("x", T::kFloat32, {1}), handle = b.Add("handle", T::kResource, {});
  const int32_t old = b.Add("old", T::kFloat32, {1}), sum = b.Add("sum", T::kFloat32, {1});
  b.Emit(B::kVarHandle, {}, {handle}, [](tflite::OptionsSetter& s) { s.Text("shared_name", "total"); });
  b.Emit(B::kReadVariable, {handle}, {old});
  b.Emit(B::kAdd, {old, x}, {sum});
  b.Emit(B::kAssignVariable, {handle, sum}, {});
  b.Outputs({sum});
  const std::string bytes = b.Bytes();
  auto model = Model::FromMemory({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()});
  ASSERT_TRUE(model.has_value());
  ASSERT_EQ(model->inputs().size(), 2U);
  const auto run = [&](float value) {
    const auto outputs = model->Run({Array::Of<float>({1}, std::vector<float>{value})});
    return outputs.has_value() ? (*outputs)[0].values<float>()[0] : -1.0F;
  };
  EXPECT_EQ(run(2), 2.0F);
  EXPECT_EQ(run(3), 5.0F);
  EXPECT_EQ(run(-1), 4.0F);
}

TEST(PublicApi, InC) {
  EXPECT_EQ(godwit_load("/nowhere/model.onnx", 1), nullptr);
  EXPECT_NE(std::strstr(godwit_last_error(), "/nowhere/model.onnx"), nullptr);
  EXPECT_EQ(godwit_load(nullptr, 1), nullptr);
  EXPECT_EQ(godwit_load_memory(nullptr, 10, 1), nullptr);
  godwit_model* model = godwit_load(kBundled.c_str(), 1);
  ASSERT_NE(model, nullptr) << godwit_last_error();
  EXPECT_STREQ(godwit_last_error(), "");
  EXPECT_EQ(godwit_input_count(model), 1U);
  EXPECT_STREQ(godwit_input_type(model, 0), "f32[N,1,32,32]");
  EXPECT_EQ(godwit_input_name(model, 1), nullptr);
  EXPECT_STREQ(godwit_output_name(model, 0), "probability");
  godwit_array out;
  EXPECT_EQ(godwit_output(model, 0, &out), 1) << "nothing has run yet";
  ASSERT_EQ(godwit_run(model, nullptr, 0), 0) << godwit_last_error();
  ASSERT_EQ(godwit_output(model, 0, &out), 0);
  EXPECT_STREQ(out.dtype, "f32");
  EXPECT_EQ(out.rank, 2U);
  EXPECT_EQ(out.bytes, 4 * sizeof(float));
  const int64_t shape[] = {1, 1, 32, 31};
  const godwit_array wrong = {"f32", shape, 4, nullptr, 0};
  EXPECT_EQ(godwit_run(model, &wrong, 1), 1);
  const godwit_array no_shape = {"f32", nullptr, 4, nullptr, 0};
  EXPECT_EQ(godwit_run(model, &no_shape, 1), 1);
  godwit_free(model);
  godwit_free(nullptr);
}

TEST(Shapes, AreReadFromText) {
  LoadOptions options;
  EXPECT_TRUE(AddShape("a=b=1,N,3", &options).ok());
  EXPECT_EQ(options.shapes["a=b"], (std::vector<std::string>{"1", "N", "3"}));
  EXPECT_TRUE(AddShape("scalar=", &options).ok());
  EXPECT_TRUE(options.shapes["scalar"].empty());
  for (const char* bad : {"", "=", "x", "x=1,", "x=-2", "x=9999999999", "x=1,2y"}) {
    EXPECT_EQ(testing::IdOf(AddShape(bad, &options)), "cli.usage") << bad;
  }
}

}  // namespace
}  // namespace godwit
