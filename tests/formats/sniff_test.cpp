#include "formats/sniff.h"

#include <gtest/gtest.h>

#include "formats/zip/zip_writer.h"
#include "support/onnx_builder.h"
#include "support/temp_dir.h"

namespace godwit {
namespace {

using std::string_literals::operator""s;
using testing::OnnxGraph;
using testing::OnnxModel;
using testing::ProtoBytes;
using testing::TempDir;

FileKind Of(const std::string& bytes) { return Sniff(AsBytes(bytes)); }

FileKind OfZip(const std::vector<std::string>& names) {
  const TempDir dir;
  auto file = AtomicFile::Create(dir.Path("z"));
  ZipWriter zip(&*file);
  const ByteSpan body[] = {AsBytes("x")};
  for (const std::string& name : names) EXPECT_TRUE(zip.Add(name, body, false).ok());
  EXPECT_TRUE(zip.Finish().ok());
  EXPECT_TRUE(file->Commit().ok());
  return Of(TempDir::Read(dir.Path("z")));
}

TEST(Sniff, OnnxWholeOrCutOff) {
  OnnxGraph g;
  g.Node("Relu", {"x"}, {"y"});
  const std::string model = OnnxModel(g);
  EXPECT_EQ(Of(model), FileKind::kOnnx);
  EXPECT_EQ(Of(model.substr(0, model.size() - 3)), FileKind::kOnnx);
  EXPECT_EQ(Of("ir_version: 8\ngraph {\n"), FileKind::kOnnxText);
  EXPECT_EQ(Of("<\n  ir_version: 7,\n  opset_import: [\"\" : 10]\n>"), FileKind::kOnnxText);
  EXPECT_EQ(Of(testing::OnnxTensor<float>("t", {1}, {1.0F}).str()), FileKind::kUnknown);
}

TEST(Sniff, OtherModels) {
  EXPECT_EQ(Of("\x1c\0\0\0TFL3...."s), FileKind::kTflite);
  EXPECT_EQ(Of("\x1c\0\0\0ORTM...."s), FileKind::kOrt);
  EXPECT_EQ(Of("\x1c\0\0\0ET12...."s), FileKind::kExecutorch);
  EXPECT_EQ(Of("GGUF\3\0\0\0"s), FileKind::kGguf);
  EXPECT_EQ(Of("\x89HDF\r\n\x1a\n...."), FileKind::kHdf5);
  EXPECT_EQ(Of("\x93NUMPY\1\0"s), FileKind::kNpy);
  EXPECT_EQ(Of("\x80\4\x95....."), FileKind::kPickle);
  EXPECT_EQ(Of("\2\0\0\0\0\0\0\0{}"s), FileKind::kSafetensors);
  EXPECT_EQ(Of("# a comment\n[net]\nwidth=416\n"), FileKind::kDarknet);
  EXPECT_EQ(Of("7767517\n75 83\n"), FileKind::kNcnn);
  EXPECT_EQ(Of("<?xml version=\"1.0\"?>\n<net name=\"m\" version=\"11\">"), FileKind::kOpenvinoXml);
  const ProtoBytes node = ProtoBytes().Bytes(1, "x").Bytes(2, "Placeholder");
  EXPECT_EQ(Of(ProtoBytes().Message(1, node).Message(1, node).str()), FileKind::kGraphDef);
  EXPECT_EQ(Of(ProtoBytes().Int(1, 1).Message(2, ProtoBytes().Message(1, node)).str()), FileKind::kSavedModel);
  EXPECT_EQ(Of("node {\n  name: \"x\"\n"), FileKind::kGraphText);
}

TEST(Sniff, Archives) {
  EXPECT_EQ(OfZip({"a.npy", "b.npy"}), FileKind::kNpz);
  EXPECT_EQ(OfZip({"m/data.pkl", "m/data/0"}), FileKind::kTorchCheckpoint);
  EXPECT_EQ(OfZip({"m/data.pkl", "m/code/__torch__.py", "m/constants.pkl"}), FileKind::kTorchScript);
  EXPECT_EQ(OfZip({"m/archive_format", "m/models/model.json"}), FileKind::kTorchExport);
  EXPECT_EQ(OfZip({"config.json", "metadata.json", "model.weights.h5"}), FileKind::kKeras);
  EXPECT_EQ(OfZip({"readme.txt"}), FileKind::kZip);
  EXPECT_EQ(Of("PK\3\4 cut off"), FileKind::kZip);
  EXPECT_EQ(Of("\x1f\x8b\x08 gzip"), FileKind::kGzip);
}

TEST(Sniff, EverydayMistakes) {
  EXPECT_EQ(Of(""), FileKind::kEmpty);
  EXPECT_EQ(Of("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n"), FileKind::kLfsPointer);
  EXPECT_EQ(Of("\n\n<!DOCTYPE html>\n<html>"), FileKind::kHtml);
  EXPECT_EQ(Of("\xEF\xBB\xBF<HTML>"), FileKind::kHtml);
  EXPECT_EQ(Of("x"), FileKind::kUnknown);
  EXPECT_EQ(Of(std::string(1000, '\0')), FileKind::kUnknown);
}

TEST(Sniff, DiagnosticsSayWhatItIs) {
  EXPECT_EQ(NotOnnx(FileKind::kEmpty, "f").id, "file.empty");
  EXPECT_EQ(NotOnnx(FileKind::kLfsPointer, "f").id, "format.lfs_pointer");
  EXPECT_EQ(NotOnnx(FileKind::kLfsPointer, "f").hint, "git lfs pull");
  EXPECT_EQ(NotOnnx(FileKind::kHtml, "f").id, "format.html");
  EXPECT_EQ(NotOnnx(FileKind::kUnknown, "f").id, "format.unknown");
  const Diag tflite = NotOnnx(FileKind::kTflite, "m.onnx");
  EXPECT_EQ(tflite.id, "format.other");
  EXPECT_EQ(tflite.exit, Exit::kUnsupported);
  EXPECT_EQ(tflite.what, "this is a TensorFlow Lite model, which is not read yet");
  EXPECT_EQ(tflite.file, "m.onnx");
  for (int kind = 0; kind <= static_cast<int>(FileKind::kHtml); ++kind) {
    EXPECT_FALSE(Describe(static_cast<FileKind>(kind)).empty());
    EXPECT_FALSE(NotOnnx(static_cast<FileKind>(kind), "f").what.empty());
  }
}

}  // namespace
}  // namespace godwit
