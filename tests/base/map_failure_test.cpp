// A file that cannot be mapped: the address space is used up by mappings of one sparse file, so no machine is too big.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

#include "base/mapped_file.h"
#include "support/temp_dir.h"

namespace godwit {
namespace {

TEST(MappedFile, SaysWhenTheAddressSpaceIsFull) {
  testing::TempDir dir;
  const std::string path = dir.Path("sparse");
  const int fd = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  ASSERT_GE(fd, 0);
  const off_t size = off_t{1} << 42;
  const bool grown = ftruncate(fd, size) == 0;
  close(fd);
  if (!grown) GTEST_SKIP() << "the file system has no files of 4 TiB";
  std::vector<MappedFile::Ptr> held;
  for (int i = 0; i < 64; ++i) {
    auto file = MappedFile::Open(path);
    if (!file.ok()) {
      EXPECT_EQ(file.diag().id, "file.read");
      return;
    }
    held.push_back(*file);
  }
  FAIL() << "256 TiB were mapped";
}

}  // namespace
}  // namespace godwit
