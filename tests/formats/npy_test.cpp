#include "formats/npy/npy.h"

#include <gtest/gtest.h>

#include <map>

#include "base/mapped_file.h"
#include "formats/npy/npy_header.h"
#include "support/temp_dir.h"

namespace godwit {
namespace {

using testing::IdOf;
using testing::TempDir;

// Written by NumPy 2 with the values 0..5 in two rows, in every type that is read.
const std::string kData = std::string(GODWIT_SOURCE_DIR) + "/tests/formats/data/";

std::map<std::string, NpyArray> ReadFixture(const std::string& bytes) {
  std::map<std::string, NpyArray> out;
  auto arrays = ReadNpz(AsBytes(bytes), {});
  EXPECT_TRUE(arrays.ok());
  if (arrays.ok()) {
    for (NamedNpy& a : *arrays) out.emplace(a.name, std::move(a.array));
  }
  return out;
}

template <class T>
std::vector<T> Values(const NpyArray& array) {
  std::vector<T> out(array.bytes.size() / sizeof(T));
  for (size_t i = 0; i < out.size(); ++i) out[i] = LoadLe<T>(array.bytes.data() + i * sizeof(T));
  return out;
}

TEST(Npy, ReadsWhatNumpyWrites) {
  const std::string bytes = TempDir::Read(kData + "numpy.npz");
  const auto a = ReadFixture(bytes);
  const std::vector<int64_t> shape = {2, 3};
  const std::map<std::string, NpyType> types = {{"b1", {'b', 1}}, {"i1", {'i', 1}},  {"i2", {'i', 2}}, {"i4", {'i', 4}},
                                                {"i8", {'i', 8}}, {"u1", {'u', 1}},  {"u2", {'u', 2}}, {"u4", {'u', 4}},
                                                {"u8", {'u', 8}}, {"f2", {'f', 2}},  {"f4", {'f', 4}}, {"f8", {'f', 8}},
                                                {"c8", {'c', 8}}, {"c16", {'c', 16}}};
  for (const auto& [name, type] : types) {
    ASSERT_TRUE(a.contains(name)) << name;
    EXPECT_EQ(a.at(name).type, type) << name;
    EXPECT_EQ(a.at(name).shape, shape) << name;
    EXPECT_EQ(a.at(name).bytes.size(), 6U * static_cast<size_t>(type.bytes)) << name;
  }
  EXPECT_EQ(Values<float>(a.at("f4")), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(Values<uint16_t>(a.at("f2"))[1], 0x3c00);
  EXPECT_EQ(Values<int32_t>(a.at("big")), (std::vector<int32_t>{1, 2, 258}));
  std::vector<float> rising(24);
  for (size_t i = 0; i < 24; ++i) rising[i] = static_cast<float>(i);
  EXPECT_EQ(Values<float>(a.at("fortran")), rising);
  EXPECT_TRUE(a.at("scalar").shape.empty());
  EXPECT_EQ(a.at("empty").shape, (std::vector<int64_t>{0, 3}));
  EXPECT_EQ(a.at("void").type, (NpyType{'V', 2}));
  EXPECT_EQ(Values<uint16_t>(a.at("void"))[1], 0x4000);
  EXPECT_EQ(*NpyStrings(a.at("text")), (std::vector<std::string>{"a", "b\xc3\xa4r", "\xe6\x97\xa5\xe6\x9c\xac"}));
  EXPECT_EQ(*NpyStrings(a.at("raw")), (std::vector<std::string>{"ab", "c"}));
  EXPECT_EQ(IdOf(NpyStrings(a.at("f4"))), "npy.dtype");
}

TEST(Npy, ReadsDeflatedMembersAndLaterVersions) {
  const std::string bytes = TempDir::Read(kData + "numpy_deflate.npz");
  const auto a = ReadFixture(bytes);
  EXPECT_EQ(a.at("x").bytes.size(), 400U);
  EXPECT_EQ(Values<int64_t>(a.at("y"))[49], 49);
  for (const char* name : {"version2.npy", "version3.npy"}) {
    const std::string one = TempDir::Read(kData + name);
    const auto array = ReadNpy(AsBytes(one), {});
    ASSERT_TRUE(array.ok()) << name;
    EXPECT_EQ(Values<int32_t>(*array), (std::vector<int32_t>{0, 1, 2}));
  }
}

TEST(Npy, PicklesAndRecordsAreRefused) {
  const std::string objects = TempDir::Read(kData + "objects.npy");
  const auto refused = ReadNpy(AsBytes(objects), {});
  EXPECT_EQ(IdOf(refused), "npy.object");
  EXPECT_EQ(refused.diag().exit, Exit::kUnsafe);
  EXPECT_EQ(IdOf(ReadNpy(AsBytes(TempDir::Read(kData + "records.npy")), {})), "npy.dtype");
}

// What we write of an array that NumPy wrote is what NumPy wrote.
TEST(Npy, WritesTheBytesThatNumpyWrites) {
  const std::string bytes = TempDir::Read(kData + "numpy.npz");
  const auto zip_arrays = ReadNpz(AsBytes(bytes), {});
  ASSERT_TRUE(zip_arrays.ok());
  for (const NamedNpy& a : *zip_arrays) {
    if (a.name == "big" || a.name == "fortran") continue;
    const std::string header = npy::MakeHeader(a.array.type, a.array.shape);
    EXPECT_NE(bytes.find(header + std::string(AsText(a.array.bytes))), std::string::npos) << a.name;
  }
}

TEST(Npy, RoundTripThroughFiles) {
  const TempDir dir;
  const std::vector<float> values = {1.5F, -2.0F, 0.25F};
  const NpyArray floats{{'f', 4}, {3, 1}, std::as_bytes(std::span(values)), nullptr};
  const NpyArray texts = NpyFromStrings({"x", "", "\xe6\x97\xa5"}, {3});
  EXPECT_EQ(NpyDescr(texts.type), "<U1");
  EXPECT_EQ(NpyDescr(NpyFromStrings({"\xff\xfe"}, {1}).type), "|S2");
  for (const bool deflate : {false, true}) {
    const std::string path = dir.Path(deflate ? "d.npz" : "s.npz");
    auto file = AtomicFile::Create(path);
    ASSERT_TRUE(file.ok());
    const std::vector<NamedNpy> both = {{"floats", floats}, {"texts", texts}};
    ASSERT_TRUE(WriteNpz(both, deflate, &*file).ok());
    ASSERT_TRUE(file->Commit().ok());
    const std::string bytes = TempDir::Read(path);
    const auto a = ReadFixture(bytes);
    EXPECT_EQ(Values<float>(a.at("floats")), values);
    EXPECT_EQ(*NpyStrings(a.at("texts")), (std::vector<std::string>{"x", "", "\xe6\x97\xa5"}));
  }
  auto file = AtomicFile::Create(dir.Path("one.npy"));
  ASSERT_TRUE(WriteNpy(floats, &*file).ok());
  ASSERT_TRUE(file->Commit().ok());
  const auto mapped = MappedFile::Open(dir.Path("one.npy"));
  const auto one = ReadNpy((*mapped)->bytes(), {});
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one->shape, (std::vector<int64_t>{3, 1}));
  EXPECT_EQ(one->owner, nullptr);
}

std::string HeaderId(const std::string& text) { return IdOf(npy::ParseHeader(text)); }

TEST(Npy, HeadersThatMakeNoSense) {
  EXPECT_EQ(HeaderId("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3L), }"), "");
  EXPECT_EQ(HeaderId("{\"shape\":(),\"descr\":\"=i8\",\"fortran_order\":True}"), "");
  for (const char* text :
       {"", "{", "[]", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (), }", "{'descr': '<f4', 'fortran_order': False, 'shape': 3, }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (), } x"}) {
    EXPECT_EQ(HeaderId(text), "npy.header") << text;
  }
  EXPECT_EQ(HeaderId("{'descr': '|O', 'fortran_order': False, 'shape': (), }"), "npy.object");
  for (const char* descr : {"<f16", "<M8", "<f3", "x", "<", "<i-4", "<c4", "V3"}) {
    EXPECT_EQ(HeaderId(std::string("{'descr': '") + descr + "', 'fortran_order': False, 'shape': (), }"), "npy.dtype")
        << descr;
  }
}

TEST(Npy, TruncationAtEveryByteAndFalseSizes) {
  const std::string whole = npy::MakeHeader({'f', 4}, std::vector<int64_t>{2}) + "12345678";
  for (size_t n = 0; n < whole.size(); ++n) {
    const std::vector<char> exact(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_EQ(IdOf(ReadNpy(AsBytes({exact.data(), exact.size()}), {})), "npy.header") << n;
  }
  const auto id = [](NpyType type, std::vector<int64_t> shape) {
    return IdOf(ReadNpy(AsBytes(npy::MakeHeader(type, shape) + "12345678"), {}));
  };
  EXPECT_EQ(id({'f', 4}, {int64_t{1} << 62, 4}), "npy.header");
  EXPECT_EQ(id({'f', 4}, {int64_t{1} << 61}), "npy.header");
  EXPECT_EQ(id({'S', 0}, {int64_t{1} << 61}), "limit.exceeded");
}

}  // namespace
}  // namespace godwit
