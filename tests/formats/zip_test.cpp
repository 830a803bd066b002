#include <gtest/gtest.h>

#include "formats/zip/zip_reader.h"
#include "formats/zip/zip_writer.h"
#include "support/temp_dir.h"

namespace godwit {
namespace {

using testing::IdOf;
using testing::TempDir;

// An archive with a stored and a deflated member.
std::string Archive() {
  const TempDir dir;
  auto file = AtomicFile::Create(dir.Path("a.zip"));
  EXPECT_TRUE(file.ok());
  ZipWriter zip(&*file);
  const std::string zeros(1000, '\0');
  const ByteSpan pieces[] = {AsBytes("hel"), AsBytes("lo")};
  const ByteSpan long_piece[] = {AsBytes(zeros)};
  EXPECT_TRUE(zip.Add("stored.txt", pieces, true).ok());
  EXPECT_TRUE(zip.Add("deflated.bin", long_piece, true).ok());
  EXPECT_TRUE(zip.Finish().ok());
  EXPECT_TRUE(file->Commit().ok());
  return TempDir::Read(dir.Path("a.zip"));
}

std::string ReadId(const std::string& bytes, const Limits& limits = {}) {
  const auto zip = ZipReader::Open(AsBytes(bytes), limits);
  if (!zip.ok()) return zip.diag().id;
  for (const ZipEntry& e : zip->entries()) {
    std::vector<std::byte> owned;
    const auto member = zip->Read(e, &owned);
    if (!member.ok()) return member.diag().id;
  }
  return "";
}

TEST(Zip, RoundTrip) {
  const std::string bytes = Archive();
  EXPECT_EQ(bytes, Archive());
  const auto zip = ZipReader::Open(AsBytes(bytes), {});
  ASSERT_TRUE(zip.ok());
  ASSERT_EQ(zip->entries().size(), 2U);
  EXPECT_EQ(zip->entries()[0].method, 0);
  EXPECT_EQ(zip->entries()[1].method, 8);
  std::vector<std::byte> owned;
  const auto stored = zip->Read(zip->entries()[0], &owned);
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(AsText(*stored), "hello");
  EXPECT_TRUE(owned.empty());
  const auto deflated = zip->Read(zip->entries()[1], &owned);
  ASSERT_TRUE(deflated.ok());
  EXPECT_EQ(AsText(*deflated), std::string(1000, '\0'));
}

TEST(Zip, TruncationAndFlippedBitsAreNoticed) {
  const std::string bytes = Archive();
  for (size_t n = 0; n < bytes.size(); ++n) {
    const std::vector<char> exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_EQ(ReadId(std::string(exact.begin(), exact.end())), "zip.malformed") << n;
  }
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    (void)ReadId(damaged);
  }
}

TEST(Zip, DamageIsNamed) {
  std::string bytes = Archive();
  bytes[bytes.find("hello")] = 'j';
  EXPECT_EQ(ReadId(bytes), "zip.malformed");
  bytes = Archive();
  const size_t directory = bytes.find("PK\1\2");
  bytes[directory + 8] = 1;  // encrypted
  EXPECT_EQ(ReadId(bytes), "zip.unsupported");
  bytes = Archive();
  bytes[directory + 10] = 12;  // another method than the member's own header says
  EXPECT_EQ(ReadId(bytes), "zip.malformed");
  bytes[8] = 12;  // bzip2 in both
  EXPECT_EQ(ReadId(bytes), "zip.unsupported");
}

TEST(Zip, BombsMeetLimits) {
  Limits limits;
  limits.zip_entries = 1;
  EXPECT_EQ(ReadId(Archive(), limits), "limit.exceeded");
  limits = {};
  limits.zip_bytes = 900;
  EXPECT_EQ(ReadId(Archive(), limits), "limit.exceeded");
  // A member that promises more than any deflate stream of its length can hold.
  std::string bytes = Archive();
  const size_t second = bytes.rfind("PK\1\2");
  bytes.replace(second + 24, 4, std::string("\0\0\0\x20", 4));  // 512 MiB
  EXPECT_EQ(ReadId(bytes), "limit.exceeded");
}

}  // namespace
}  // namespace godwit
