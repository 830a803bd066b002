// TFLite_Detection_PostProcess and the map of options that it carries.
#include <gtest/gtest.h>

#include "formats/flatbuffers/flex_map.h"
#include "support/tflite_import.h"

namespace godwit::testing {
namespace {

using T = tflite::TensorType;
using B = tflite::BuiltinOperator;
using Values = std::vector<float>;

// Three detections, two classes, two of a class, score 0.25, overlap 0.5, scales 10, 10, 5, 5.
std::string Options(bool regular, int classes_shown) {
  constexpr std::string_view kHex =
      "6d61785f646574656374696f6e73006d61785f636c61737365735f7065725f646574656374696f6e00646574656374696f6e735f7065725f"
      "636c617373007573655f726567756c61725f6e6d73006e6d735f73636f72655f7468726573686f6c64006e6d735f696f755f746872657368"
      "6f6c64006e756d5f636c617373657300795f7363616c6500785f7363616c6500685f7363616c6500775f7363616c65000b781294a4435833"
      "6a11222b0b000000010000000b000000020000000000a04001000000030000000000003f0000803e02000000010000000000a04000002041"
      "00"
      "002041060e06060e0e066a0e0e0e372601";
  std::string bytes;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (size_t i = 0; i + 1 < kHex.size(); i += 2) bytes += static_cast<char>(digit(kHex[i]) * 16 + digit(kHex[i + 1]));
  // In the order of their names: the third is max_classes_per_detection, the eighth use_regular_nms.
  const size_t values = bytes.size() - 3 - 11 - 4 * 11;
  bytes[values + 8] = static_cast<char>(classes_shown);
  bytes[values + 28] = regular ? 1 : 0;
  return bytes;
}

std::vector<Tensor> Detect(bool regular, int classes_shown) {
  TfliteBuilder b;
  const int32_t boxes = b.Input("boxes", T::kFloat32, {1, 4, 4}), scores = b.Input("scores", T::kFloat32, {1, 4, 3});
  const int32_t anchors = b.F32({4, 4}, {0.5F, 0.5F, 1, 1, 0.5F, 0.55F, 1, 1, 2.5F, 2.5F, 1, 1, 5, 5, 1, 1});
  const int32_t n = 3 * classes_shown;
  const int32_t out[] = {b.Add("b", T::kFloat32, {1, n, 4}), b.Add("c", T::kFloat32, {1, n}),
                         b.Add("s", T::kFloat32, {1, n}), b.Add("n", T::kFloat32, {1})};
  const std::string options = Options(regular, classes_shown);
  b.Emit(B::kCustom, {boxes, scores, anchors}, {out[0], out[1], out[2], out[3]}, {}, "TFLite_Detection_PostProcess",
         AsBytes(options));
  b.Outputs({out[0], out[1], out[2], out[3]});
  const Graph graph = b.Import();
  return RunOnce(graph, {Tensor::F32({1, 4, 4}, Values(16, 0)),
                         Tensor::F32({1, 4, 3}, {0, 0.9F, 0.1F, 0, 0.8F, 0.3F, 0, 0.2F, 0.25F, 0, 0.1F, 0.7F})});
}

TEST(TfliteDetection, ANegativeNumberOfDetectionsIsRefused) {
  std::string options = Options(true, 1);
  // The fourth entry, max_detections.
  options[options.size() - 3 - 11 - 4 * 11 + 15] = '\x80';
  TfliteBuilder b;
  const int32_t boxes = b.Input("boxes", T::kFloat32, {1, 4, 4}), scores = b.Input("scores", T::kFloat32, {1, 4, 3});
  const int32_t anchors = b.Input("anchors", T::kFloat32, {4, 4}), out = b.Add("b", T::kFloat32, {1, 3, 4});
  b.Emit(B::kCustom, {boxes, scores, anchors}, {out}, {}, "TFLite_Detection_PostProcess", AsBytes(options));
  b.Outputs({out});
  DiagSink sink;
  b.Import(&sink);
  ASSERT_TRUE(sink.has_errors());
  EXPECT_NE(FormatDiag(sink.all()[0]).find("0 detections of 2 classes"), std::string::npos);
}

TEST(TfliteDetection, EachClassForItself) {
  const auto r = Detect(true, 1);
  ASSERT_EQ(r.size(), 4U);
  EXPECT_EQ(r[0].dims(), (Dims{1, 3, 4}));
  const Values boxes = Floats(r[0]);
  EXPECT_EQ(Values(boxes.begin(), boxes.begin() + 8), (Values{0, 0, 1, 1, 4.5F, 4.5F, 5.5F, 5.5F}));
  EXPECT_EQ(Floats(r[1]), (Values{0, 1, 1}));
  EXPECT_EQ(Floats(r[2]), (Values{0.9F, 0.7F, 0.3F}));
  EXPECT_EQ(Floats(r[3]), Values{3});
}

TEST(TfliteDetection, EachBoxByItsBestClass) {
  const auto r = Detect(false, 1);
  ASSERT_EQ(r.size(), 4U);
  EXPECT_EQ(Floats(r[0]), (Values{0, 0, 1, 1, 4.5F, 4.5F, 5.5F, 5.5F, 2, 2, 3, 3}));
  EXPECT_EQ(Floats(r[1]), (Values{0, 1, 1}));
  EXPECT_EQ(Floats(r[2]), (Values{0.9F, 0.7F, 0.25F}));
  EXPECT_EQ(Floats(r[3]), Values{3});
}

TEST(TfliteDetection, SeveralClassesOfABox) {
  const auto r = Detect(false, 2);
  ASSERT_EQ(r.size(), 4U);
  EXPECT_EQ(r[0].dims(), (Dims{1, 6, 4}));
  EXPECT_EQ(Floats(r[1]), (Values{0, 1, 1, 0, 1, 0}));
  EXPECT_EQ(Floats(r[2]), (Values{0.9F, 0.1F, 0.7F, 0.1F, 0.25F, 0.2F}));
}

TEST(FlexMap, NumbersByName) {
  const std::string bytes = Options(true, 2);
  const auto map = flat::ReadFlexNumbers(AsBytes(bytes));
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(map->size(), 11U);
  EXPECT_EQ(map->at("max_detections"), 3);
  EXPECT_EQ(map->at("max_classes_per_detection"), 2);
  EXPECT_EQ(map->at("use_regular_nms"), 1);
  EXPECT_EQ(map->at("nms_score_threshold"), 0.25);
  EXPECT_EQ(map->at("y_scale"), 10);
}

TEST(FlexMap, DamageIsTold) {
  const std::string bytes = Options(true, 1);
  for (size_t n = 0; n < bytes.size(); ++n) {
    const auto cut = flat::ReadFlexNumbers(AsBytes(bytes).first(n));
    if (!cut.ok()) {
      EXPECT_EQ(cut.diag().id, "format.flexbuffer");
    }
    std::string spoiled = bytes;
    spoiled[n] = static_cast<char>(~spoiled[n]);
    (void)flat::ReadFlexNumbers(AsBytes(spoiled));
  }
  EXPECT_FALSE(flat::ReadFlexNumbers({}).ok());
}

}  // namespace
}  // namespace godwit::testing
