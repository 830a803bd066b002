// What a TFLite file says beside its tensors and operators, on the way through a conversion.
#include <gtest/gtest.h>

#include "formats/tflite/parse.h"
#include "support/tflite_builder.h"
#include "tools/run_program.h"

namespace godwit::testing {
namespace {

// An archive of one stored member.
std::string Archive(const std::string& name, const std::string& text) {
  const auto number = [](uint32_t v, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(v >> (8 * i) & 0xFF);
    return out;
  };
  uint32_t crc = 0xFFFFFFFF;
  for (const char c : text) {
    crc ^= static_cast<uint8_t>(c);
    for (int k = 0; k < 8; ++k) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320U : 0);
  }
  crc = ~crc;
  const auto size = static_cast<uint32_t>(text.size());
  const std::string about = number(20, 2) + number(0, 2) + number(0, 2) + number(0, 4) + number(crc, 4) +
                            number(size, 4) + number(size, 4) + number(static_cast<uint32_t>(name.size()), 2);
  const std::string local = "PK\x03\x04" + about + number(0, 2) + name + text;
  const std::string entry = "PK\x01\x02" + number(20, 2) + about + number(0, 2) + number(0, 2) + number(0, 2) +
                            number(0, 2) + number(0, 4) + number(0, 4) + name;
  return local + entry + "PK\x05\x06" + number(0, 2) + number(0, 2) + number(1, 2) + number(1, 2) +
         number(static_cast<uint32_t>(entry.size()), 4) + number(static_cast<uint32_t>(local.size()), 4) + number(0, 2);
}

const std::string kBinary("M001\x00\x01\xFF\xFE", 8);

std::string Described(const TempDir& dir) {
  TfliteModel m;
  AddConvolution(&m);
  const auto metadata = [&](std::string_view name, std::string_view bytes) {
    return tflite::Metadata{m.arena.Text(name), m.Buffer(bytes)};
  };
  m.rest.metadata = m.arena.Array(std::vector<tflite::Metadata>{
      metadata("TFLITE_METADATA", kBinary), metadata("min_runtime_version", "9.9.9"),
      metadata("OfflineMemoryAllocation", "1234"), metadata("reduced_precision_support", "fp16accfp32")});
  const std::string archive = Archive("labels.txt", "cat\ndog\n");
  m.rest.appended = m.arena.Bytes(AsBytes(archive));
  return dir.Write("described.tflite", m.Bytes());
}

// Text and bytes of a file's metadata, and its archive.
struct Kept {
  std::map<std::string, std::string> metadata;
  std::string archive;
};
Kept KeptIn(const std::string& path) {
  Kept out;
  const std::string bytes = TempDir::Read(path);
  const auto model = tflite::ParseModel(AsBytes(bytes), {});
  EXPECT_TRUE(model.ok());
  if (!model.ok()) return out;
  for (const tflite::Metadata& m : model->metadata) {
    out.metadata[std::string(m.name)] = std::string(AsText(model->buffers[m.buffer].bytes));
  }
  out.archive = std::string(AsText(model->appended));
  return out;
}

TEST(TfliteMetadata, IsKept) {
  const TempDir dir;
  const std::string model = Described(dir), out = dir.Path("again.tflite");
  const ProgramRun run = RunGodwit({"convert", model, "-o", out, "--verify", "own"});
  ASSERT_EQ(run.status, 0) << run.err;
  const Kept kept = KeptIn(out);
  EXPECT_EQ(kept.metadata.at("TFLITE_METADATA"), kBinary);
  EXPECT_EQ(kept.metadata.at("reduced_precision_support"), "fp16accfp32");
  // That of this file, and nothing about tensors of the other.
  EXPECT_EQ(kept.metadata.at("min_runtime_version"), std::string("1.5.0\0\0\0\0\0\0\0\0\0\0\0", 16));
  EXPECT_EQ(kept.metadata.count("OfflineMemoryAllocation"), 0U);
  EXPECT_TRUE(Has(kept.archive, "cat\ndog\n"));
  // And through another format.
  const std::string onnx = dir.Path("there.onnx"), back = dir.Path("back.tflite");
  ASSERT_EQ(RunGodwit({"convert", model, "-o", onnx, "--verify", "own"}).status, 0);
  ASSERT_EQ(RunGodwit({"convert", onnx, "-o", back, "--verify", "own"}).status, 0);
  EXPECT_EQ(KeptIn(back).metadata.at("TFLITE_METADATA"), kBinary);
  EXPECT_TRUE(Has(KeptIn(back).archive, "cat\ndog\n"));
}

TEST(TfliteMetadata, IsShown) {
  const TempDir dir;
  const ProgramRun run = RunGodwit({"inspect", Described(dir)});
  EXPECT_TRUE(Has(run.out, "tflite.files = labels.txt (8 B)")) << run.out;
  EXPECT_TRUE(Has(run.out, "TFLITE_METADATA = 8 B of binary data")) << run.out;
}

TEST(TfliteMetadata, OfOtherPortsIsLeftOut) {
  const TempDir dir;
  const std::string out = dir.Path("again.tflite");
  const ProgramRun run = RunGodwit({"convert", Described(dir), "-o", out, "--append", "softmax", "--verify", "own"});
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(Has(run.err, "tflite.metadata")) << run.err;
  EXPECT_EQ(KeptIn(out).metadata.count("TFLITE_METADATA"), 0U);
  EXPECT_EQ(KeptIn(out).archive, "");
}

TEST(Append, IsAPartOfTheWrittenModel) {
  const TempDir dir;
  const std::string out = dir.Path("classes.tflite");
  const ProgramRun run =
      RunGodwit({"convert", Described(dir), "-o", out, "--append", "y=argmax:type=i32", "--verify", "own"});
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(Has(RunGodwit({"inspect", out}).out, "i32[1,4,4]")) << run.out;
  EXPECT_EQ(RunGodwit({"convert", Described(dir), "-o", out, "--append", "arg"}).status, 1);
  EXPECT_EQ(
      RunGodwit({"simplify", kBundledModel, "-o", dir.Path("s.onnx"), "--append", "argmax", "--verify", "own"}).status,
      0);
}

}  // namespace
}  // namespace godwit::testing
