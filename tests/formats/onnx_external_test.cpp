#include "formats/onnx/external_data.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/onnx/parse.h"
#include "formats/onnx/tensor_data.h"
#include "support/onnx_builder.h"
#include "support/temp_dir.h"

namespace godwit::onnx {
namespace {

using testing::IdOf;
using testing::OnnxGraph;
using testing::OnnxModel;
using testing::ProtoBytes;
using testing::TempDir;

using Entries = std::vector<std::pair<std::string, std::string>>;

// Two floats that lie elsewhere.
ProtoBytes External(const Entries& entries, const std::string& name = "w") {
  ProtoBytes t = ProtoBytes().Int(1, 2).Int(2, 1).Bytes(8, name).Int(14, 1);
  for (const auto& [key, value] : entries) t.Message(13, ProtoBytes().Bytes(1, key).Bytes(2, value));
  return t;
}

struct Outcome {
  std::string id;
  std::string bytes;
  Diag diag;
};

Outcome Decode(const std::string& model_path, const Entries& entries, const std::vector<std::string>& allowed = {},
               DiagSink* warnings = nullptr) {
  const ProtoBytes message = External(entries);
  const auto tensor = ParseTensor(AsBytes(message.str()), {});
  ExternalFiles files(model_path, allowed, {}, warnings);
  const auto data = DecodeTensor(tensor->value, {}, &files);
  if (!data.ok()) return {data.diag().id, {}, data.diag()};
  return {"", std::string(AsText(data->bytes)), {}};
}

std::string IdAt(const std::string& model_path, const std::string& location) {
  return Decode(model_path, {{"location", location}}).id;
}

class ExternalData : public ::testing::Test {
 protected:
  TempDir dir;
  std::string model = dir.Write("models/m.onnx", "model");
  std::string side = dir.Write("models/w.bin", "0123456789abcdef");
};

TEST_F(ExternalData, SlicesComeFromTheSideFile) {
  EXPECT_EQ(Decode(model, {{"location", "w.bin"}, {"offset", "4"}, {"length", "8"}}).bytes, "456789ab");
  EXPECT_EQ(Decode(model, {{"location", "w.bin"}}).bytes, "01234567");
  EXPECT_EQ(Decode(model, {{"location", "./w.bin"}, {"offset", "8"}, {"checksum", "x"}}).bytes, "89abcdef");
  dir.Write("models/sub/w2.bin", "ABCDEFGH");
  EXPECT_EQ(Decode(model, {{"location", "sub/w2.bin"}}).bytes, "ABCDEFGH");
}

TEST_F(ExternalData, EachFileIsMappedOnce) {
  ExternalFiles files(model, {}, {});
  const auto a = files.OpenFile("w.bin", 8);
  const auto b = files.OpenFile("w.bin", 8);
  ASSERT_TRUE(a.ok());
  ASSERT_TRUE(b.ok());
  EXPECT_EQ(*a, *b);
}

TEST_F(ExternalData, RangesAndNumbersAreChecked) {
  const auto id = [&](Entries entries) {
    entries.insert(entries.begin(), {"location", "w.bin"});
    return Decode(model, entries).id;
  };
  EXPECT_EQ(id({{"offset", "9"}}), "onnx.external.range");
  EXPECT_EQ(id({{"offset", "18446744073709551615"}}), "onnx.external.range");
  EXPECT_EQ(id({{"length", "1125899906842624"}}), "onnx.external.range");
  EXPECT_EQ(id({{"length", "4"}}), "onnx.external.range");
  EXPECT_EQ(id({{"offset", "-1"}}), "onnx.external.key");
  EXPECT_EQ(id({{"length", "-8"}}), "onnx.external.key");
  EXPECT_EQ(id({{"offset", "0x10"}}), "onnx.external.key");
  EXPECT_EQ(id({{"offset", "99999999999999999999"}}), "onnx.external.key");
  EXPECT_EQ(id({{"offset", ""}}), "onnx.external.key");
  EXPECT_EQ(id({{"offset", "0"}, {"offset", "8"}}), "onnx.external.key");
  EXPECT_EQ(id({{"location", "other"}}), "onnx.external.key");
  EXPECT_EQ(Decode(model, {{"offset", "0"}}).id, "onnx.external.key");
}

TEST_F(ExternalData, UnknownEntriesAreReported) {
  DiagSink warnings;
  EXPECT_EQ(Decode(model, {{"location", "w.bin"}, {"__class__", "x"}}, {}, &warnings).id, "");
  ASSERT_EQ(warnings.warning_count(), 1U);
  EXPECT_EQ(warnings.all()[0].id, "onnx.external.key");
}

TEST_F(ExternalData, LocationsThatLeadOutAreRefused) {
  dir.Write("secret.bin", "0123456789");
  const std::string absolute = dir.Path("secret.bin");
  for (const std::string& location :
       {absolute, std::string("../secret.bin"), std::string("a/../../secret.bin"), std::string("sub/../w.bin"),
        std::string(".."), std::string("C:\\x"), std::string("c:w.bin"), std::string("..\\secret.bin"),
        std::string("w.bin."), std::string("w.bin/"), std::string(), std::string("w\0.bin", 6), std::string(4096, 'x'),
        std::string("/dev/zero")}) {
    EXPECT_EQ(IdAt(model, location), "onnx.external.unsafe") << location;
  }
}

TEST_F(ExternalData, LinksMayStayButNotLeave) {
  dir.Write("secret.bin", "0123456789");
  ASSERT_EQ(symlink("w.bin", dir.Path("models/inner").c_str()), 0);
  EXPECT_EQ(Decode(model, {{"location", "inner"}}).bytes, "01234567");
  ASSERT_EQ(symlink("../secret.bin", dir.Path("models/outer").c_str()), 0);
  EXPECT_EQ(IdAt(model, "outer"), "onnx.external.unsafe");
  ASSERT_EQ(symlink("..", dir.Path("models/up").c_str()), 0);
  EXPECT_EQ(IdAt(model, "up/secret.bin"), "onnx.external.unsafe");
  ASSERT_EQ(symlink("loop", dir.Path("models/loop").c_str()), 0);
  EXPECT_EQ(IdAt(model, "loop"), "onnx.external.unsafe");
  ASSERT_EQ(link(dir.Path("secret.bin").c_str(), dir.Path("models/hard").c_str()), 0);
  EXPECT_EQ(IdAt(model, "hard"), "onnx.external.unsafe");
}

TEST_F(ExternalData, OnlyRegularFilesServe) {
  ASSERT_EQ(mkfifo(dir.Path("models/pipe").c_str(), 0600), 0);
  EXPECT_EQ(IdAt(model, "pipe"), "onnx.external.unsafe");
  dir.Write("models/folder/x", "");
  EXPECT_EQ(IdAt(model, "folder"), "onnx.external.unsafe");
  EXPECT_EQ(IdAt(model, "folder/x"), "file.empty");
}

// Caches keep files under their hash and offer them by links with the right names.
TEST_F(ExternalData, LinkedModelsMayUseTheirRealFolder) {
  const std::string blob = dir.Write("blobs/1234", "model");
  dir.Write("blobs/5678", "ABCDEFGH");
  dir.Write("snapshot/readme", "");
  ASSERT_EQ(symlink("../blobs/1234", dir.Path("snapshot/m.onnx").c_str()), 0);
  ASSERT_EQ(symlink("../blobs/5678", dir.Path("snapshot/w.bin").c_str()), 0);
  EXPECT_EQ(Decode(dir.Path("snapshot/m.onnx"), {{"location", "w.bin"}}).bytes, "ABCDEFGH");
  ASSERT_EQ(symlink("../models/w.bin", dir.Path("snapshot/other").c_str()), 0);
  EXPECT_EQ(IdAt(dir.Path("snapshot/m.onnx"), "other"), "onnx.external.unsafe");
}

TEST_F(ExternalData, AllowedFoldersAreOpen) {
  const std::string weights = dir.Path("weights");
  dir.Write("weights/w.bin", "ABCDEFGH");
  dir.Write("secret.bin", "0123456789");
  EXPECT_EQ(Decode(model, {{"location", "../weights/w.bin"}}, {weights}).bytes, "ABCDEFGH");
  EXPECT_EQ(Decode(model, {{"location", dir.Path("weights/w.bin")}}, {weights}).bytes, "ABCDEFGH");
  EXPECT_EQ(Decode(model, {{"location", "../secret.bin"}}, {weights}).id, "onnx.external.unsafe");
  ASSERT_EQ(link(dir.Path("weights/w.bin").c_str(), dir.Path("models/hard").c_str()), 0);
  EXPECT_EQ(Decode(model, {{"location", "hard"}}, {weights}).id, "onnx.external.unsafe");
  EXPECT_EQ(Decode(model, {{"location", "hard"}}, {dir.Path("models")}).bytes, "ABCDEFGH");
  // A model from memory has no folder of its own.
  EXPECT_EQ(Decode("", {{"location", "w.bin"}}).id, "onnx.external.unsafe");
  EXPECT_EQ(Decode("", {{"location", "w.bin"}}, {weights}).bytes, "ABCDEFGH");
}

TEST_F(ExternalData, MissingFilesAreNamedWithTheirSize) {
  OnnxGraph g;
  g.InitTensor(External({{"location", "gone.data"}, {"offset", "0"}, {"length", "8"}}, "a"));
  g.InitTensor(External({{"location", "gone.data"}, {"offset", "53000000"}, {"length", "8"}}, "b"));
  const std::string bytes = OnnxModel(g);
  const auto m = ParseModel(AsBytes(bytes), {}, nullptr);
  ASSERT_TRUE(m.ok());
  const std::vector<SideFile> sides = ListSideFiles(*m);
  ASSERT_EQ(sides.size(), 1U);
  EXPECT_EQ(sides[0].bytes, 53000008U);
  EXPECT_EQ(sides[0].tensors, 2U);
  ExternalFiles files(model, {}, {});
  files.Expect(sides);
  const auto data = DecodeTensor(m->graph.initializers[0], {}, &files);
  ASSERT_FALSE(data.ok());
  EXPECT_EQ(data.diag().id, "onnx.external.missing");
  EXPECT_EQ(data.diag().exit, Exit::kIo);
  EXPECT_EQ(data.diag().what, "weights in 'gone.data' (53.0 MB) not found");
}

}  // namespace
}  // namespace godwit::onnx
