#include "formats/protobuf/wire_reader.h"

#include <gtest/gtest.h>

#include <vector>

#include "support/proto_bytes.h"

namespace godwit::proto {
namespace {

using testing::ProtoBytes;

// Reads every field of a message, entering none; the id of the error, "" if there is none.
std::string WalkId(const std::string& bytes, const Limits& limits = {}) {
  WireContext context(AsBytes(bytes), limits);
  WireReader r(&context, AsBytes(bytes));
  while (r.Next()) {
  }
  return context.ok() ? "" : context.TakeError()->id;
}

TEST(WireReader, ReadsEveryWireType) {
  const std::string bytes =
      ProtoBytes().Int(1, -5).Double(2, 0.5).Bytes(3, "text").Float(4, 1.5F).Int(536870911, 7).str();
  const Limits limits;
  WireContext context(AsBytes(bytes), limits);
  WireReader r(&context, AsBytes(bytes));
  ASSERT_TRUE(r.Next());
  EXPECT_EQ(r.Int(), -5);
  ASSERT_TRUE(r.Next());
  EXPECT_EQ(std::bit_cast<double>(r.Fixed64()), 0.5);
  ASSERT_TRUE(r.Next());
  EXPECT_EQ(r.Text(), "text");
  ASSERT_TRUE(r.Next());
  EXPECT_EQ(std::bit_cast<float>(r.Fixed32()), 1.5F);
  ASSERT_TRUE(r.Next());
  EXPECT_EQ(r.field(), 536870911U);
  EXPECT_EQ(r.Varint(), 7U);
  EXPECT_FALSE(r.Next());
  EXPECT_TRUE(context.ok());
}

TEST(WireReader, VarintsOfEveryLength) {
  for (int bits = 0; bits < 64; ++bits) {
    const uint64_t value = UINT64_MAX >> bits;
    const std::string bytes = ProtoBytes().Tag(1, 0).RawVarint(value).str();
    const Limits limits;
    WireContext context(AsBytes(bytes), limits);
    WireReader r(&context, AsBytes(bytes));
    ASSERT_TRUE(r.Next());
    EXPECT_EQ(r.Varint(), value);
    EXPECT_FALSE(r.Next());
  }
  EXPECT_EQ(WalkId(ProtoBytes().Tag(1, 0).Raw(std::string(10, '\xff') + '\1').str()), "proto.varint");
  EXPECT_EQ(WalkId(ProtoBytes().Tag(1, 2).Raw(std::string(10, '\xff') + '\1').str()), "proto.varint");
}

TEST(WireReader, FieldsThatRunOut) {
  EXPECT_EQ(WalkId("\x08"), "proto.truncated");
  EXPECT_EQ(WalkId("\x08\x80"), "proto.truncated");
  EXPECT_EQ(WalkId("\x0a\x05"
                   "abcd"),
            "proto.truncated");
  EXPECT_EQ(WalkId("\x0d\1\2\3"), "proto.truncated");
  EXPECT_EQ(WalkId("\x09\1\2\3\4\5\6\7"), "proto.truncated");
  EXPECT_EQ(WalkId(ProtoBytes().Tag(1, 2).RawVarint(UINT64_MAX).Raw("abc").str()), "proto.truncated");
}

TEST(WireReader, TagsThatAreNone) {
  EXPECT_EQ(WalkId(std::string("\0\1", 2)), "proto.tag");  // field 0
  EXPECT_EQ(WalkId("\x0e"), "proto.tag");                  // wire type 6
  EXPECT_EQ(WalkId("\x0f"), "proto.tag");
  EXPECT_EQ(WalkId("\x0c"), "proto.tag");  // the end of no group
  EXPECT_EQ(WalkId(ProtoBytes().RawVarint(uint64_t{1} << 40).str()), "proto.tag");
}

TEST(WireReader, GroupsAreSkipped) {
  const std::string inner = ProtoBytes().Tag(5, 3).Int(1, 2).Bytes(2, "x").Tag(5, 4).str();
  EXPECT_EQ(WalkId(ProtoBytes().Tag(9, 3).Raw(inner).Tag(9, 4).Int(1, 1).str()), "");
  EXPECT_EQ(WalkId(ProtoBytes().Tag(9, 3).Raw(inner).Tag(8, 4).str()), "proto.tag");
  EXPECT_EQ(WalkId(ProtoBytes().Tag(9, 3).Raw(inner).str()), "proto.truncated");
  ProtoBytes deep;
  for (int i = 0; i < 100000; ++i) deep.Tag(3, 3);
  EXPECT_EQ(WalkId(deep.str()), "limit.exceeded");
}

TEST(WireReader, AnotherWireTypeIsAnError) {
  const std::string bytes = ProtoBytes().Bytes(1, "a").str();
  const Limits limits;
  WireContext context(AsBytes(bytes), limits);
  WireReader r(&context, AsBytes(bytes));
  ASSERT_TRUE(r.Next());
  EXPECT_EQ(r.Int(), 0);
  EXPECT_FALSE(r.Next());
  const auto error = context.TakeError();
  EXPECT_EQ(error->id, "proto.wire_type");
  EXPECT_EQ(error->at, "byte 0");
}

TEST(WireReader, RepeatedNumbersPackedOrNot) {
  const std::vector<int64_t> values = {1, -1, 300, INT64_MIN, 0};
  ProtoBytes loose;
  for (const int64_t v : values) loose.Int(4, v);
  for (const std::string& bytes : {loose.str(), ProtoBytes().PackedInts(4, values).str()}) {
    const Limits limits;
    WireContext context(AsBytes(bytes), limits);
    WireReader r(&context, AsBytes(bytes));
    std::vector<int64_t> read;
    size_t counted = 0;
    while (r.Next()) {
      counted += CountVarints(r);
      ForEachVarint(&r, [&](uint64_t v) { read.push_back(static_cast<int64_t>(v)); });
    }
    EXPECT_TRUE(context.ok());
    EXPECT_EQ(read, values);
    EXPECT_EQ(counted, values.size());
  }
}

TEST(WireReader, PackedRunsThatEndWithinAValue) {
  const auto walk = [](const std::string& bytes, bool fixed) {
    const Limits limits;
    WireContext context(AsBytes(bytes), limits);
    WireReader r(&context, AsBytes(bytes));
    while (r.Next()) {
      if (fixed) {
        ForEachFixed<float>(&r, [](float) {});
      } else {
        ForEachVarint(&r, [](uint64_t) {});
      }
    }
    return context.ok() ? std::string() : context.TakeError()->id;
  };
  EXPECT_EQ(walk(ProtoBytes().Bytes(1, "\x80").str(), false), "proto.truncated");
  EXPECT_EQ(walk(ProtoBytes().Bytes(1, std::string(11, '\x80')).str(), false), "proto.varint");
  EXPECT_EQ(walk(ProtoBytes().Bytes(1, "abcde").str(), true), "proto.truncated");
  EXPECT_EQ(walk(ProtoBytes().Bytes(1, "abcd").Float(1, 2.0F).str(), true), "");
}

TEST(WireReader, NestingAndNamesHaveLimits) {
  const std::string bytes = ProtoBytes().Bytes(1, "abcdef").str();
  Limits limits;
  limits.name_bytes = 5;
  WireContext context(AsBytes(bytes), limits);
  WireReader r(&context, AsBytes(bytes));
  ASSERT_TRUE(r.Next());
  EXPECT_EQ(r.Name(), "");
  EXPECT_EQ(context.TakeError()->id, "limit.exceeded");

  WireContext again(AsBytes(bytes), limits);
  WireReader deep(&again, AsBytes(bytes), static_cast<int>(limits.proto_nesting));
  ASSERT_TRUE(deep.Next());
  EXPECT_FALSE(deep.Message().Next());
  EXPECT_EQ(again.TakeError()->id, "limit.exceeded");
}

}  // namespace
}  // namespace godwit::proto
