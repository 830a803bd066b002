// Damaged TFLite files: cut off at every byte, bits turned over. Nothing may come of it but a diagnostic, or a model
// that can be walked and written.
#include <gtest/gtest.h>

#include <random>

#include "formats/tflite/parse.h"
#include "support/tflite_builder.h"

namespace godwit::tflite {
namespace {

using testing::AddConvolution;
using testing::TfliteModel;

// All that a reader may do with bytes; whether they make a sound model.
bool Use(ByteSpan bytes) {
  Limits limits;
  limits.view_bytes = 1 << 20;
  const auto model = ParseModel(bytes, limits);
  if (!model.ok()) {
    EXPECT_FALSE(FormatDiag(model.diag()).empty());
    return false;
  }
  DiagSink sink;
  CheckModel(*model, limits, &sink);
  (void)SerializeModel(*model).ok();
  return !sink.has_errors();
}

std::vector<std::string> Samples() {
  std::vector<std::string> out;
  TfliteModel plain;
  AddConvolution(&plain);
  out.push_back(plain.Bytes());
  out.push_back(plain.Bytes({64, 100}));  // constants behind the tables
  TfliteModel m;
  m.graphs.resize(2);
  const int32_t x = m.Input("x", {2, 4}, TensorType::kInt8), y = m.Output("y", {2, 4});
  m.Quantize(x, {0.5F, 2.F}, {1, -1}, 0);
  const int32_t s = m.Constant<float>("s", TensorType::kFloat32, {2, 4}, {1, 2, 3});
  SparseDimension rows, columns;
  rows.dense_size = 2;
  columns.format = DimensionType::kSparseCsr;
  columns.segments = {IndexVector::Kind::kUint8, m.arena.Bytes(AsBytes(std::string_view("\0\2\3", 3)))};
  columns.indices = {IndexVector::Kind::kUint16, m.arena.Bytes(AsBytes(std::string_view("\0\0\3\0\1\0", 6)))};
  Sparsity sparsity;
  sparsity.traversal_order = m.arena.Array(std::vector<int32_t>{0, 1});
  sparsity.dimensions = m.arena.Array(std::vector<SparseDimension>{rows, columns});
  m.main().tensors[static_cast<size_t>(s)].sparsity = m.arena.One(sparsity);
  m.ConstantBytes("t", TensorType::kString, {1}, std::string_view("\1\0\0\0\x0C\0\0\0\x0D\0\0\0a", 13));
  auto set = m.Set("CallOnceOptions");
  set.Int("init_subgraph_index", 1);
  m.Op(BuiltinOperator::kCallOnce, {}, {}).options = set.options();
  m.Custom("Mine", {x, s, -1}, {y}).custom_options = m.arena.Bytes(AsBytes("options"));
  SignatureDef signature;
  signature.key = "serve";
  signature.inputs = m.arena.Array(std::vector<TensorMap>{{"in", 0}});
  m.rest.signature_defs = m.arena.Array(std::vector<SignatureDef>{signature});
  out.push_back(m.Bytes());
  return out;
}

TEST(TfliteDamage, CutOffAtEveryByte) {
  for (const std::string& sample : Samples()) {
    EXPECT_TRUE(Use(AsBytes(sample)));
    for (size_t n = 0; n < sample.size(); ++n) {
      // In memory of its own, where a byte too far is noticed.
      const std::vector<std::byte> cut(AsBytes(sample).begin(), AsBytes(sample).begin() + static_cast<ptrdiff_t>(n));
      (void)Use(cut);
    }
  }
}

TEST(TfliteDamage, BitsTurnedOver) {
  for (const std::string& sample : Samples()) {
    std::mt19937 random(7);
    for (int round = 0; round < 10000; ++round) {
      std::vector<std::byte> bytes(AsBytes(sample).begin(), AsBytes(sample).end());
      const auto flips = 1 + random() % 3;
      for (unsigned long k = 0; k < flips; ++k) {
        bytes[random() % bytes.size()] ^= static_cast<std::byte>(1U << (random() % 8));
      }
      (void)Use(bytes);
    }
  }
}

// Where offsets and lengths are, large and small numbers do more than single bits.
TEST(TfliteDamage, NumbersReplaced) {
  constexpr uint32_t kNumbers[] = {0, 1, 2, 4, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF};
  for (const std::string& sample : Samples()) {
    for (size_t at = 0; at + 4 <= sample.size(); at += 2) {
      for (const uint32_t number : kNumbers) {
        std::vector<std::byte> bytes(AsBytes(sample).begin(), AsBytes(sample).end());
        StoreLe(bytes.data() + at, number);
        (void)Use(bytes);
      }
    }
  }
}

}  // namespace
}  // namespace godwit::tflite
