#include <gtest/gtest.h>

#include "formats/onnx/parse.h"
#include "formats/onnx/tensor_data.h"
#include "support/onnx_builder.h"
#include "support/temp_dir.h"

namespace godwit::onnx {
namespace {

using testing::IdOf;
using testing::OnnxRawTensor;
using testing::OnnxTensor;
using testing::ProtoBytes;

struct Decoded {
  std::string id;
  std::string bytes;
  bool in_place = false;
};

Decoded Decode(const ProtoBytes& message) {
  const auto tensor = ParseTensor(AsBytes(message.str()), {});
  if (!tensor.ok()) return {tensor.diag().id, {}};
  const auto data = DecodeTensor(tensor->value, {}, nullptr);
  if (!data.ok()) return {data.diag().id, {}};
  const bool in_place = data->owner == nullptr;
  return {"", std::string(AsText(data->bytes)), in_place};
}

ProtoBytes Head(DataType type, const std::vector<int64_t>& dims) {
  ProtoBytes t;
  for (const int64_t d : dims) t.Int(1, d);
  return t.Int(2, static_cast<int64_t>(type));
}

TEST(OnnxTensor, RawDataIsUsedInPlace) {
  const Decoded d = Decode(OnnxTensor<float>("t", {2}, {1.0F, 2.0F}));
  EXPECT_EQ(d.id, "");
  EXPECT_EQ(d.bytes, std::string("\0\0\x80\x3f\0\0\0\x40", 8));
  EXPECT_TRUE(d.in_place);
}

TEST(OnnxTensor, PackedFloatsAreUsedInPlaceAndLooseOnesGathered) {
  const std::string bytes("\0\0\x80\x3f\0\0\0\x40", 8);
  const Decoded packed = Decode(Head(DataType::kFloat, {2}).PackedFloats(4, std::vector<float>{1, 2}));
  EXPECT_EQ(packed.bytes, bytes);
  EXPECT_TRUE(packed.in_place);
  const Decoded loose = Decode(Head(DataType::kFloat, {2}).Float(4, 1).Float(4, 2));
  EXPECT_EQ(loose.bytes, bytes);
  EXPECT_FALSE(loose.in_place);
  const Decoded both = Decode(Head(DataType::kFloat, {2}).PackedFloats(4, std::vector<float>{1}).Float(4, 2));
  EXPECT_EQ(both.bytes, bytes);
  EXPECT_EQ(Decode(Head(DataType::kComplex64, {1}).PackedFloats(4, std::vector<float>{1, 2})).bytes, bytes);
  EXPECT_EQ(Decode(Head(DataType::kDouble, {1}).PackedDoubles(10, std::vector<double>{2})).bytes,
            std::string("\0\0\0\0\0\0\0\x40", 8));
}

TEST(OnnxTensor, IntegersOfEveryWidthInTypedFields) {
  const auto ints = [](DataType type, uint32_t field, std::vector<int64_t> values) {
    return Decode(Head(type, {static_cast<int64_t>(values.size())}).PackedInts(field, values));
  };
  EXPECT_EQ(ints(DataType::kInt8, 5, {-1, 127, -128}).bytes, "\xff\x7f\x80");
  EXPECT_EQ(ints(DataType::kUint8, 5, {255, 0, 1}).bytes, std::string("\xff\0\1", 3));
  EXPECT_EQ(ints(DataType::kInt16, 5, {-2, 258}).bytes, "\xfe\xff\x02\x01");
  EXPECT_EQ(ints(DataType::kFloat16, 5, {0x3c00, 0xfc00}).bytes, std::string("\0\x3c\0\xfc", 4));
  EXPECT_EQ(ints(DataType::kInt32, 5, {-2}).bytes, "\xfe\xff\xff\xff");
  EXPECT_EQ(ints(DataType::kInt32, 5, {0xfffffffe}).bytes, "\xfe\xff\xff\xff");  // sign-extended to 32 bits only
  EXPECT_EQ(ints(DataType::kInt8, 5, {0xffffffff}).bytes, "\xff");
  EXPECT_EQ(ints(DataType::kUint32, 11, {4294967295}).bytes, "\xff\xff\xff\xff");
  EXPECT_EQ(ints(DataType::kUint64, 11, {-1}).bytes, std::string(8, '\xff'));
  EXPECT_EQ(ints(DataType::kInt64, 7, {-1, 1}).bytes, std::string(8, '\xff') + std::string("\1\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(ints(DataType::kBool, 5, {0, 1}).bytes, std::string("\0\1", 2));
  EXPECT_EQ(ints(DataType::kFloat8E4M3Fn, 5, {0x7e}).bytes, "\x7e");
  for (const auto& wrong :
       {ints(DataType::kInt8, 5, {300}), ints(DataType::kInt8, 5, {-300}),
        ints(DataType::kUint32, 11, {int64_t{1} << 32}), ints(DataType::kInt32, 5, {int64_t{1} << 40})}) {
    EXPECT_EQ(wrong.id, "onnx.tensor.value");
  }
}

TEST(OnnxTensor, NarrowTypesAreUnpackedLowBitsFirst) {
  EXPECT_EQ(Decode(OnnxRawTensor("t", DataType::kInt4, {3}, "\x87\x0f")).bytes, "\x07\xf8\xff");
  EXPECT_EQ(Decode(OnnxRawTensor("t", DataType::kUint4, {3}, "\x87\x0f")).bytes, "\x07\x08\x0f");
  EXPECT_EQ(Decode(OnnxRawTensor("t", DataType::kFloat4E2M1, {2}, "\xf1")).bytes, "\x01\x0f");
  EXPECT_EQ(Decode(OnnxRawTensor("t", DataType::kInt2, {5}, "\xe4\x03")).bytes, std::string("\0\1\xfe\xff\xff", 5));
  EXPECT_EQ(Decode(OnnxRawTensor("t", DataType::kUint2, {4}, "\xe4")).bytes, std::string("\0\1\2\3", 4));
  EXPECT_EQ(Decode(Head(DataType::kInt4, {3}).PackedInts(5, std::vector<int>{0x87, 0x0f})).bytes, "\x07\xf8\xff");
  EXPECT_EQ(Decode(OnnxRawTensor("t", DataType::kInt4, {3}, "\x87")).id, "onnx.tensor.size");
  EXPECT_EQ(Decode(OnnxRawTensor("t", DataType::kInt4, {2}, "\x87\x00")).id, "");
}

TEST(OnnxTensor, BooleansAreZeroOrOne) {
  EXPECT_EQ(Decode(OnnxRawTensor("t", DataType::kBool, {3}, std::string("\0\2\xff", 3))).bytes,
            std::string("\0\1\1", 3));
}

TEST(OnnxTensor, Strings) {
  const ProtoBytes message = testing::OnnxStringTensor("t", {2}, {"a", std::string("b\0c", 3)});
  const auto tensor = ParseTensor(AsBytes(message.str()), {});
  ASSERT_TRUE(tensor.ok());
  const auto data = DecodeTensor(tensor->value, {}, nullptr);
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(data->strings[1], std::string_view("b\0c", 3));
  EXPECT_EQ(Decode(testing::OnnxStringTensor("t", {3}, {"a", "b"})).id, "onnx.tensor.size");
  EXPECT_EQ(Decode(OnnxRawTensor("t", DataType::kString, {1}, "a")).id, "onnx.tensor.payload");
}

TEST(OnnxTensor, EmptyAndScalar) {
  EXPECT_EQ(Decode(Head(DataType::kFloat, {0, 5})).id, "");
  EXPECT_EQ(Decode(OnnxTensor<float>("t", {0}, {})).id, "");
  EXPECT_EQ(Decode(OnnxTensor<float>("t", {}, {1.0F})).bytes.size(), 4U);
  EXPECT_EQ(Decode(Head(DataType::kFloat, {0}).Bytes(4, "")).id, "");
}

TEST(OnnxTensor, ContradictionsAreNamed) {
  EXPECT_EQ(Decode(OnnxRawTensor("t", DataType::kFloat, {2}, "1234567")).id, "onnx.tensor.size");
  EXPECT_EQ(Decode(OnnxRawTensor("t", DataType::kFloat, {2}, "123456789")).id, "onnx.tensor.size");
  EXPECT_EQ(Decode(Head(DataType::kFloat, {1})).id, "onnx.tensor.size");
  EXPECT_EQ(Decode(OnnxTensor<float>("t", {1}, {1.0F}).Float(4, 1.0F)).id, "onnx.tensor.payload");
  EXPECT_EQ(Decode(Head(DataType::kFloat, {1}).Int(5, 1)).id, "onnx.tensor.payload");
  EXPECT_EQ(Decode(Head(DataType::kFloat, {1}).Float(4, 1).Int(5, 1)).id, "onnx.tensor.payload");
  EXPECT_EQ(Decode(OnnxTensor<float>("t", {1}, {1.0F}).Message(3, ProtoBytes().Int(1, 0).Int(2, 1))).id,
            "onnx.tensor.payload");
  EXPECT_EQ(Decode(OnnxRawTensor("t", static_cast<DataType>(77), {1}, "1")).id, "onnx.tensor.type");
  EXPECT_EQ(Decode(OnnxRawTensor("t", DataType::kUndefined, {1}, "1")).id, "onnx.tensor.type");
  EXPECT_EQ(Decode(OnnxRawTensor("t", DataType::kFloat, {-1}, "")).id, "onnx.tensor.dims");
  EXPECT_EQ(Decode(OnnxRawTensor("t", DataType::kFloat, {int64_t{1} << 62, 4}, "")).id, "onnx.tensor.dims");
  EXPECT_EQ(Decode(OnnxRawTensor("t", DataType::kFloat, {int64_t{1} << 61}, "")).id, "onnx.tensor.dims");
  EXPECT_EQ(Decode(OnnxRawTensor("t", DataType::kFloat, {int64_t{1} << 31}, "")).id, "onnx.tensor.size");
  EXPECT_EQ(Decode(Head(DataType::kFloat, {1}).Int(14, 1)).id, "onnx.external.missing");
}

std::string SparseId(const std::vector<int64_t>& dims, const ProtoBytes& values, const ProtoBytes& indices,
                     std::string* bytes = nullptr) {
  ProtoBytes message = ProtoBytes().Message(1, values).Message(2, indices);
  for (const int64_t d : dims) message.Int(3, d);
  const auto sparse = ParseSparseTensor(AsBytes(message.str()), {});
  if (!sparse.ok()) return sparse.diag().id;
  const auto data = DecodeSparse(sparse->value, {}, nullptr);
  if (data.ok() && bytes != nullptr) *bytes = AsText(data->bytes);
  return IdOf(data);
}

TEST(OnnxTensor, SparseBecomesDense) {
  std::string bytes;
  const ProtoBytes values = OnnxTensor<uint8_t>("v", {2}, {7, 9});
  EXPECT_EQ(SparseId({2, 3}, values, OnnxTensor<int64_t>("", {2}, {1, 5}), &bytes), "");
  EXPECT_EQ(bytes, std::string("\0\7\0\0\0\x09", 6));
  EXPECT_EQ(SparseId({2, 3}, values, OnnxTensor<int64_t>("", {2, 2}, {0, 1, 1, 2}), &bytes), "");
  EXPECT_EQ(bytes, std::string("\0\7\0\0\0\x09", 6));
}

TEST(OnnxTensor, SparseContradictions) {
  const ProtoBytes v = OnnxTensor<uint8_t>("v", {2}, {7, 9});
  const auto linear = [](std::vector<int64_t> i) { return OnnxTensor("", {static_cast<int64_t>(i.size())}, i); };
  EXPECT_EQ(SparseId({6}, v, linear({1, 6})), "onnx.sparse");
  EXPECT_EQ(SparseId({6}, v, linear({-1, 5})), "onnx.sparse");
  EXPECT_EQ(SparseId({6}, v, linear({5, 1})), "onnx.sparse");
  EXPECT_EQ(SparseId({6}, v, linear({1, 1})), "onnx.sparse");
  EXPECT_EQ(SparseId({6}, v, linear({1})), "onnx.sparse");
  EXPECT_EQ(SparseId({6}, v, OnnxTensor<int32_t>("", {2}, {1, 5})), "onnx.sparse");
  EXPECT_EQ(SparseId({2, 3}, v, OnnxTensor<int64_t>("", {2, 2}, {0, 1, 2, 0})), "onnx.sparse");
  EXPECT_EQ(SparseId({2, 3}, v, OnnxTensor<int64_t>("", {2, 3}, {0, 0, 1, 0, 1, 2})), "onnx.sparse");
  EXPECT_EQ(SparseId({int64_t{1} << 40}, v, linear({1, 5})), "limit.exceeded");
  EXPECT_EQ(SparseId({int64_t{1} << 62, 4}, v, linear({1, 5})), "onnx.tensor.dims");
}

TEST(OnnxTensor, SmallNumbersDoNotGrowWithoutBound) {
  const std::vector<int> values(1000, 1);
  const ProtoBytes message = Head(DataType::kInt64, {1000}).PackedInts(7, values);
  const auto tensor = ParseTensor(AsBytes(message.str()), {});
  ASSERT_TRUE(tensor.ok());
  Limits limits;
  limits.growth_bytes = 100;
  EXPECT_EQ(IdOf(DecodeTensor(tensor->value, limits, nullptr)), "limit.exceeded");
  EXPECT_EQ(IdOf(DecodeTensor(tensor->value, {}, nullptr)), "");
}

TEST(OnnxTensor, EveryTypeHasAName) {
  EXPECT_EQ(DataTypeName(DataType::kFloat), "FLOAT");
  EXPECT_EQ(DataTypeName(DataType::kInt2), "INT2");
  EXPECT_EQ(DataTypeName(static_cast<DataType>(27)), "no known type");
  EXPECT_EQ(DataTypeName(static_cast<DataType>(-1)), "no known type");
}

}  // namespace
}  // namespace godwit::onnx
