#include <gtest/gtest.h>

#include "formats/flatbuffers/builder.h"
#include "formats/flatbuffers/reader.h"

namespace godwit::flat {
namespace {

std::string Finished(Builder* b, const std::vector<std::string>& blocks = {}) {
  b->Finish(16);
  std::string out;
  const auto status = b->Write(
      [&](ByteSpan bytes) -> Status {
        out.append(AsText(bytes));
        return Ok{};
      },
      [&](size_t k, const Builder::Sink& sink) { return sink(AsBytes(blocks[k])); });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(out.size(), b->total());
  return out;
}

std::string Sample() {
  Builder b("TEST");
  const Placed root =
      b.Table(b.root(),
              Fields().Put<int32_t>(0, -7).Put<uint8_t>(1, 1).Ref(2).Ref(3).Ref(4).Put<uint64_t>(6, uint64_t{1} << 40));
  b.Text(root.slot(2), "text");
  b.Numbers(root.slot(3), std::span<const int64_t>(std::vector<int64_t>{1, -2, 3}));
  const uint64_t first = b.Refs(root.slot(4), 2);
  for (int k = 0; k < 2; ++k) b.Table(first + 4 * static_cast<uint64_t>(k), Fields().Put<int16_t>(0, int16_t(10 + k)));
  return Finished(&b);
}

// The first error of reading all that Sample holds.
std::string Problem(const std::string& bytes, int64_t view_bytes = 1 << 20) {
  Limits limits;
  limits.view_bytes = view_bytes;
  Context context(AsBytes(bytes), limits);
  const Table t = context.Root();
  (void)t.Get<int32_t>(0);
  (void)t.Text(2);
  (void)t.Elements(3, 8);
  const Offsets tables = t.Children(4);
  for (size_t k = 0; k < tables.size(); ++k) (void)tables.TableAt(k).Get<int16_t>(0);
  (void)t.Get<uint64_t>(6);
  return context.ok() ? "" : context.TakeError()->id;
}

std::string Patched(std::string bytes, size_t at, uint32_t value, size_t width = 4) {
  std::memcpy(bytes.data() + at, &value, width);
  return bytes;
}

uint32_t At(const std::string& bytes, size_t at) { return LoadLe<uint32_t>(AsBytes(bytes).data() + at); }

TEST(FlatBuffers, WhatIsBuiltReadsBack) {
  const std::string bytes = Sample();
  const Limits limits;
  Context context(AsBytes(bytes), limits);
  EXPECT_EQ(context.Identifier(), "TEST");
  const Table t = context.Root();
  EXPECT_EQ(t.Get<int32_t>(0), -7);
  EXPECT_TRUE(t.Flag(1));
  EXPECT_EQ(t.Text(2), "text");
  const ByteSpan numbers = t.Elements(3, 8);
  ASSERT_EQ(numbers.size(), 24U);
  EXPECT_EQ(LoadLe<int64_t>(numbers.data() + 8), -2);
  ASSERT_EQ(t.Children(4).size(), 2U);
  EXPECT_EQ(t.Children(4).TableAt(1).Get<int16_t>(0), 11);
  EXPECT_EQ(t.Get<uint64_t>(6), uint64_t{1} << 40);
  // Absent, and beyond the field list.
  EXPECT_FALSE(t.Has(5));
  EXPECT_EQ(t.Get<int32_t>(5, 42), 42);
  EXPECT_EQ(t.Get<float>(99, 2.5F), 2.5F);
  EXPECT_EQ(t.Text(99), "");
  EXPECT_FALSE(t.Child(99).present());
  EXPECT_TRUE(context.ok());
  EXPECT_EQ(context.reach() + 1, bytes.size());  // but for the zero behind the text
}

TEST(FlatBuffers, EqualTextsAndEqualVectorsAreOne) {
  const auto bytes_with = [](std::string_view text, const std::vector<int32_t>& numbers, std::string_view third) {
    Builder b("TEST");
    const Placed root = b.Table(b.root(), Fields().Ref(0).Ref(1).Ref(2).Ref(3).Ref(4));
    b.Text(root.slot(0), "the same");
    b.Text(root.slot(1), text);
    b.Numbers(root.slot(2), std::span<const int32_t>(std::vector<int32_t>{1, 2, 3, 4}));
    b.Numbers(root.slot(3), std::span<const int32_t>(numbers));
    b.Vector(root.slot(4), AsBytes(third), 1);
    return Finished(&b);
  };
  const std::string one = bytes_with("the same", {1, 2, 3, 4}, "the same"),
                    two = bytes_with("the some", {1, 2, 3, 5}, "");
  EXPECT_LT(one.size(), two.size());
  for (const std::string& bytes : {one, two}) {
    const Limits limits;
    Context context(AsBytes(bytes), limits);
    const Table t = context.Root();
    EXPECT_EQ(t.Text(0), "the same");
    EXPECT_EQ(t.Text(1), bytes == one ? "the same" : "the some");
    EXPECT_EQ(LoadLe<int32_t>(t.Elements(2, 4).data() + 12), 4);
    EXPECT_EQ(LoadLe<int32_t>(t.Elements(3, 4).data() + 12), bytes == one ? 4 : 5);
    // A vector of bytes is no text: it has no zero behind it.
    EXPECT_EQ(AsText(t.Elements(4, 1)), bytes == one ? "the same" : "");
    EXPECT_TRUE(context.ok());
  }
}

TEST(FlatBuffers, TablesOfOneFormShareTheirFieldList) {
  Builder one("TEST"), two("TEST");
  const Fields fields = Fields().Put<int32_t>(0, 1).Put<int32_t>(7, 2);
  one.Refs(one.Table(one.root(), Fields().Ref(0)).slot(0), 0);
  const uint64_t slots = two.Refs(two.Table(two.root(), Fields().Ref(0)).slot(0), 2);
  two.Table(slots, fields);
  const uint64_t before = two.tables();
  two.Table(slots + 4, fields);
  EXPECT_EQ(two.tables() - before, 12U);
}

TEST(FlatBuffers, BlocksStandBehindTheTablesWhereTheyAreAligned) {
  Builder b("TEST");
  const Placed root = b.Table(b.root(), Fields().Ref(0).Ref(1).Always<uint64_t>(2, 0));
  const size_t small = b.Block(3, 16), large = b.Block(100, 64);
  b.RefBlock(root.slot(0), small);
  b.RefBlock(root.slot(1), large);
  b.PlaceOfBlock(root.slot(2), large);
  const std::string bytes = Finished(&b, {"abc", std::string(100, 'z')});
  const Limits limits;
  Context context(AsBytes(bytes), limits);
  const Table t = context.Root();
  EXPECT_EQ(AsText(t.Elements(0, 1)), "abc");
  EXPECT_EQ(AsText(t.Elements(1, 1)), std::string(100, 'z'));
  EXPECT_EQ(t.Get<uint64_t>(2) % 64, 0U);
  EXPECT_EQ(bytes.substr(t.Get<uint64_t>(2), 100), std::string(100, 'z'));
  EXPECT_EQ(bytes.substr(bytes.size() - 16), std::string(16, '\0'));
}

TEST(FlatBuffers, OffsetsOutOfTheFileAreErrors) {
  const std::string good = Sample();
  EXPECT_EQ(Problem(good), "");
  EXPECT_EQ(Problem(""), "flatbuffer.range");
  EXPECT_EQ(Problem("1234"), "flatbuffer.range");
  EXPECT_EQ(Problem(Patched(good, 0, 0xFFFFFFF0)), "flatbuffer.range");
  EXPECT_EQ(Problem(Patched(good, 0, 0)), "flatbuffer.range");
  EXPECT_EQ(Problem(Patched(good, 0, static_cast<uint32_t>(good.size()))), "flatbuffer.range");
}

TEST(FlatBuffers, TablesAreNotTakenOnTrust) {
  const std::string good = Sample();
  const uint32_t root = At(good, 0);
  const uint32_t list = root - At(good, root);
  EXPECT_EQ(Problem(Patched(good, root, 0x7FFFFFFF)), "flatbuffer.table");  // before the file
  EXPECT_EQ(Problem(Patched(good, root, 0x80000001)), "flatbuffer.range");  // behind it
  EXPECT_EQ(Problem(Patched(good, root, At(good, root) - 1)), "flatbuffer.alignment");
  EXPECT_EQ(Problem(Patched(good, list, 3, 2)), "flatbuffer.table");
  EXPECT_EQ(Problem(Patched(good, list, 7, 2)), "flatbuffer.table");
  EXPECT_EQ(Problem(Patched(good, list, 0xFFFE, 2)), "flatbuffer.range");
  EXPECT_EQ(Problem(Patched(good, list + 2, 2, 2)), "flatbuffer.table");
  EXPECT_EQ(Problem(Patched(good, list + 2, 0xFFFF, 2)), "flatbuffer.range");
  EXPECT_EQ(Problem(Patched(good, list + 4, 200, 2)), "flatbuffer.table");  // field 0 outside
  EXPECT_EQ(Problem(Patched(good, list + 4, 2, 2)), "flatbuffer.table");    // field 0 upon the head
  EXPECT_EQ(Problem(Patched(good, list + 4, 13, 2)), "flatbuffer.alignment");
  EXPECT_EQ(Problem(Patched(good, 0, root + 2)), "flatbuffer.alignment");
}

TEST(FlatBuffers, LengthsAreHeldAgainstTheFile) {
  const std::string good = Sample();
  const size_t text = good.find("text") - 4;
  EXPECT_EQ(Problem(Patched(good, text, 0x80000000)), "flatbuffer.range");
  EXPECT_EQ(Problem(Patched(good, text, 0xFFFFFFFF)), "flatbuffer.range");
  const std::string numbers("\x03\0\0\0\x01\0\0\0", 8);
  EXPECT_EQ(Problem(Patched(good, good.find(numbers), 0x20000000)), "flatbuffer.range");
}

// A small file may refer to one part again and again.
TEST(FlatBuffers, LookingAtMoreThanTheLimitIsRefused) {
  EXPECT_EQ(Problem(Sample(), 0), "");
  Builder b("TEST");
  const Placed root = b.Table(b.root(), Fields().Ref(3));
  b.Numbers(root.slot(3), std::span<const int64_t>(std::vector<int64_t>(1000)));
  const std::string bytes = Finished(&b);
  Limits limits;
  limits.view_bytes = 0;
  Context context(AsBytes(bytes), limits);
  const Table t = context.Root();
  EXPECT_EQ(t.Elements(3, 8).size(), 8000U);
  EXPECT_EQ(t.Elements(3, 8).size(), 8000U);
  EXPECT_EQ(t.Elements(3, 8).size(), 0U);
  EXPECT_EQ(context.TakeError()->id, "limit.exceeded");
}

TEST(FlatBuffers, NamesHaveALimit) {
  Builder b("TEST");
  b.Text(b.Table(b.root(), Fields().Ref(2)).slot(2), std::string(70000, 'n'));
  EXPECT_EQ(Problem(Finished(&b)), "limit.exceeded");
}

}  // namespace
}  // namespace godwit::flat
