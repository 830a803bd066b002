// Files that LiteRT's own tools wrote (from its test data, Apache License 2.0), and what its schema's reader says of
// them.
#include "formats/tflite/parse.h"

#include <gtest/gtest.h>

#include "formats/tflite/write.h"
#include "support/temp_dir.h"

namespace godwit::tflite {
namespace {

using testing::TempDir;

std::string Data(const std::string& name) {
  return TempDir::Read(std::string(GODWIT_SOURCE_DIR) + "/tests/formats/data/" + name);
}

template <class T>
std::vector<T> List(std::span<const T> items) {
  return {items.begin(), items.end()};
}

Model Sound(const std::string& bytes) {
  const auto model = ParseModel(AsBytes(bytes), {});
  EXPECT_TRUE(model.ok());
  if (!model.ok()) return {};
  DiagSink problems;
  CheckModel(*model, {}, &problems);
  EXPECT_TRUE(problems.all().empty());
  return *model;
}

TEST(TfliteParse, ABlockSparseTensorOfOthers) {
  const std::string bytes = Data("litert_sparse_tensor.tflite");
  const Model m = Sound(bytes);
  ASSERT_EQ(m.operator_codes.size(), 1U);
  EXPECT_EQ(m.operator_codes[0].custom_code, "FakeOp");
  ASSERT_EQ(m.subgraphs.size(), 1U);
  const SubGraph& g = m.subgraphs[0];
  ASSERT_EQ(g.tensors.size(), 2U);
  EXPECT_EQ(g.tensors[0].name, "sparse_tensor");
  EXPECT_EQ(g.tensors[0].type, TensorType::kInt8);
  EXPECT_FALSE(g.tensors[0].has_rank);
  const Sparsity& s = *g.tensors[0].sparsity;
  EXPECT_EQ(List(s.traversal_order), (std::vector<int32_t>{0, 1, 2, 3}));
  EXPECT_EQ(List(s.block_map), (std::vector<int32_t>{0, 1}));
  ASSERT_EQ(s.dimensions.size(), 4U);
  EXPECT_EQ(s.dimensions[0].dense_size, 2);
  EXPECT_EQ(s.dimensions[1].format, DimensionType::kSparseCsr);
  EXPECT_EQ(s.dimensions[1].segments.kind, IndexVector::Kind::kUint8);
  EXPECT_EQ(s.dimensions[1].segments[1], 2);
  EXPECT_EQ(s.dimensions[1].indices.size(), 3U);
  EXPECT_EQ(AsText(m.buffers[1].bytes), std::string("\1\0\0\4\2\3\0\0\5\0\0\6", 12));
  EXPECT_EQ(g.operators[0].debug_metadata_index, -1);
}

TEST(TfliteParse, ASignatureOfOthers) {
  const std::string bytes = Data("litert_string_input.tflite");
  const Model m = Sound(bytes);
  EXPECT_EQ(m.description, "MLIR Converted.");
  const Tensor& t = m.subgraphs[0].tensors[0];
  EXPECT_EQ(t.name, "serving_default_a:0");
  EXPECT_EQ(t.type, TensorType::kString);
  EXPECT_EQ(List(t.shape), (std::vector<int32_t>{1, 3}));
  EXPECT_EQ(List(t.shape_signature), (std::vector<int32_t>{-1, 3}));
  EXPECT_TRUE(t.has_rank);
  EXPECT_EQ(m.subgraphs[0].name, "main");
  ASSERT_EQ(m.metadata.size(), 2U);
  EXPECT_EQ(m.metadata[1].name, "CONVERSION_METADATA");
  EXPECT_EQ(m.buffers[m.metadata[1].buffer].bytes.size(), 96U);
  ASSERT_EQ(m.signature_defs.size(), 1U);
  EXPECT_EQ(m.signature_defs[0].key, "serving_default");
  EXPECT_EQ(m.signature_defs[0].inputs[0].name, "a");
  EXPECT_EQ(m.signature_defs[0].outputs[0].name, "output_0");
}

// One trip may reorder parts; from then on the bytes stand still.
TEST(TfliteParse, FilesOfOthersAreWrittenAgain) {
  for (const char* name : {"litert_sparse_tensor.tflite", "litert_string_input.tflite"}) {
    const std::string bytes = Data(name);
    const std::string once = *SerializeModel(Sound(bytes));
    EXPECT_EQ(*SerializeModel(Sound(once)), once);
  }
}

// A vector of bytes lies at no particular place, so numbers in it may not lie where the machine wants them.
TEST(TfliteParse, TheFileMayLieAtAnOddAddress) {
  const std::string shifted = " " + Data("litert_sparse_tensor.tflite");
  const auto model = ParseModel(AsBytes(shifted).subspan(1), {});
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(List(model->subgraphs[0].tensors[0].sparsity->traversal_order), (std::vector<int32_t>{0, 1, 2, 3}));
}

}  // namespace
}  // namespace godwit::tflite
