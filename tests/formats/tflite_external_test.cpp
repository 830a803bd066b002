#include "formats/tflite/external.h"

#include <gtest/gtest.h>

#include "support/temp_dir.h"
#include "support/tflite_builder.h"

namespace godwit::tflite {
namespace {

using testing::IdOf;
using testing::TempDir;
using testing::TfliteModel;

// What opening the constant gives: its text, or the id of what is wrong.
std::string Opened(const TempDir& dir, std::string_view file, const ExternalBuffer& place,
                   const std::vector<std::string>& allowed = {}) {
  TfliteModel m;
  const int32_t k = m.Tensor("w", TensorType::kInt8, {4});
  m.main().tensors[static_cast<size_t>(k)].external_buffer = place.id;
  m.rest.external_buffer_groups = m.arena.Array(std::vector<std::string_view>{file});
  m.rest.external_buffers = m.arena.Array(std::vector<ExternalBuffer>{place});
  const Model model = m.Build();
  ExternalConstants constants(dir.Write("m/model.tflite", m.Bytes()), allowed, {});
  const auto slice = constants.Open(model, model.subgraphs[0].tensors[0]);
  return slice.ok() ? std::string(AsText(slice->bytes)) : slice.diag().id;
}

TEST(TfliteExternal, ConstantsBesideTheModelAreSlicesOfTheirFile) {
  const TempDir dir;
  dir.Write("m/weights.bin", "0123456789");
  EXPECT_EQ(Opened(dir, "weights.bin", {7, 0, 2, 4, "unpacked"}), "2345");
  EXPECT_EQ(Opened(dir, "weights.bin", {7, 0, 6, 4, {}}), "6789");
}

TEST(TfliteExternal, PlacesOutsideTheFileAreErrors) {
  const TempDir dir;
  dir.Write("m/weights.bin", "0123456789");
  EXPECT_EQ(Opened(dir, "weights.bin", {7, 0, 7, 4, {}}), "tflite.buffer.range");
  EXPECT_EQ(Opened(dir, "weights.bin", {7, 0, UINT64_MAX, 4, {}}), "tflite.buffer.range");
  EXPECT_EQ(Opened(dir, "weights.bin", {7, 0, 0, 4, "for some chip"}), "tflite.external.packing");
}

TEST(TfliteExternal, FilesElsewhereAreRefused) {
  const TempDir dir;
  dir.Write("secret.bin", "0123456789");
  EXPECT_EQ(Opened(dir, "../secret.bin", {7, 0, 0, 4, {}}), "onnx.external.unsafe");
  EXPECT_EQ(Opened(dir, "/etc/passwd", {7, 0, 0, 4, {}}), "onnx.external.unsafe");
  EXPECT_EQ(Opened(dir, "none.bin", {7, 0, 0, 4, {}}), "onnx.external.missing");
}

}  // namespace
}  // namespace godwit::tflite
