// Mapped input files and atomic output files.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "base/atomic_file.h"
#include "base/mapped_file.h"
#include "base/staging_folder.h"
#include "support/temp_dir.h"

namespace godwit {
namespace {

using testing::IdOf;
using testing::TempDir;

TEST(MappedFile, ShowsTheBytes) {
  const TempDir dir;
  const auto file = MappedFile::Open(dir.Write("a", "hello"));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(AsText((*file)->bytes()), "hello");
  (*file)->WillNeed((*file)->bytes());
  (*file)->DontNeed((*file)->bytes().subspan(2, 2));
  EXPECT_EQ(AsText((*file)->bytes()), "hello");
}

TEST(MappedFile, TakesBytesOfTheCaller) {
  const auto owned = MappedFile::FromBytes({std::byte{1}, std::byte{2}}, "memory");
  EXPECT_EQ(owned->size(), 2U);
  EXPECT_EQ(owned->path(), "memory");
  EXPECT_EQ(AsText(MappedFile::Borrow(AsBytes("xyz"))->bytes()), "xyz");
}

TEST(MappedFile, RefusesWhatIsNoFile) {
  const TempDir dir;
  EXPECT_EQ(IdOf(MappedFile::Open(dir.Path("none"))), "file.open");
  EXPECT_EQ(IdOf(MappedFile::Open(dir.Path())), "file.not_regular");
  ASSERT_EQ(mkfifo(dir.Path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(IdOf(MappedFile::Open(dir.Path("pipe"))), "file.not_regular");
  EXPECT_EQ(IdOf(MappedFile::Open("/dev/zero")), "file.not_regular");
  EXPECT_EQ(IdOf(MappedFile::Open(dir.Write("empty", ""))), "file.empty");
  EXPECT_EQ(IdOf(MappedFile::Open(std::string("a\0b", 3))), "file.open");
  Limits limits;
  limits.file_bytes = 3;
  EXPECT_EQ(IdOf(MappedFile::Open(dir.Write("big", "1234"), limits)), "limit.exceeded");
}

TEST(MappedFile, SparseGiantsAreMappedWithoutReading) {
  const TempDir dir;
  const std::string path = dir.Write("giant", "x");
  if (truncate(path.c_str(), int64_t{1} << 40) != 0) GTEST_SKIP() << "no sparse files here";
  const auto file = MappedFile::Open(path);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ((*file)->size(), uint64_t{1} << 40);
  EXPECT_EQ((*file)->bytes()[(uint64_t{1} << 40) - 1], std::byte{0});
}

using MapGuardDeathTest = ::testing::Test;

TEST(MapGuardDeathTest, ShrunkenFileEndsInOneLine) {
  const TempDir dir;
  const std::string path = dir.Write("model.onnx", std::string(100000, 'x'));
  EXPECT_EXIT(
      {
        InstallMapGuard();
        const auto file = MappedFile::Open(path);
        if (truncate(path.c_str(), 10) != 0) std::_Exit(99);
        const volatile std::byte* p = (*file)->bytes().data() + 90000;
        std::_Exit(static_cast<int>(*p) & 1);
      },
      ::testing::ExitedWithCode(2), "error\\[file.read\\]: .*model.onnx became shorter");
}

TEST(AtomicFile, CanBeReadBackBeforeItHasItsName) {
  const TempDir dir;
  auto file = AtomicFile::Create(dir.Path("out"));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->Write("whole").ok());
  const auto back = file->ReadBack();
  ASSERT_TRUE(back.ok()) << back.diag().what;
  EXPECT_EQ(AsText((*back)->bytes()), "whole");
  EXPECT_FALSE(std::filesystem::exists(dir.Path("out")));
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(TempDir::Read(dir.Path("out")), "whole");
}

// Files that belong together have their names in a folder of their own, one each, until they are put in place.
TEST(AtomicFile, CanBeNamedBesideOthersFirst) {
  const TempDir dir;
  auto file = AtomicFile::Create(dir.Path("out"));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->Write("whole").ok());
  {
    auto folder = StagingFolder::Create(dir.Path("out"));
    ASSERT_TRUE(folder.ok());
    const std::string first = folder->PathOf("first"), second = folder->PathOf("second");
    ASSERT_TRUE(file->NameAs(first).ok());
    EXPECT_EQ(TempDir::Read(first), "whole");
    ASSERT_TRUE(file->NameAs(second).ok());
    EXPECT_FALSE(std::filesystem::exists(first));
    EXPECT_EQ(std::filesystem::hard_link_count(second), 1U);
    EXPECT_EQ(file->ReadablePath(), second);
    EXPECT_FALSE(file->NameAs(dir.Path("nowhere/third")).ok());
    ASSERT_TRUE(file->Commit().ok());
  }
  EXPECT_EQ(TempDir::Read(dir.Path("out")), "whole");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.Path("")), {}), 1);
}

TEST(AtomicFile, KnowsWhatStandsInItsPlace) {
  const TempDir dir;
  auto file = AtomicFile::Create(dir.Path("out"));
  ASSERT_TRUE(file.ok() && file->Write("whole").ok());
  EXPECT_FALSE(file->PlaceIsTaken());
  EXPECT_FALSE(file->IsInPlace());
  for (const char* other : {"whola", "whole and more", ""}) {
    dir.Write("out", other);
    EXPECT_TRUE(file->PlaceIsTaken());
    EXPECT_FALSE(file->IsInPlace()) << other;
  }
  dir.Write("out", "whole");
  EXPECT_TRUE(file->IsInPlace());
  ASSERT_TRUE(file->ClearPlace().ok());
  EXPECT_FALSE(file->PlaceIsTaken());
  ASSERT_TRUE(file->ClearPlace().ok());  // nothing there
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(TempDir::Read(dir.Path("out")), "whole");
}

TEST(AtomicFile, AppearsOnCommitOnly) {
  const TempDir dir;
  const std::string path = dir.Write("out", "old");
  {
    auto file = AtomicFile::Create(path);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->Write("ne").ok());
    ASSERT_TRUE(file->Write("w").ok());
    EXPECT_EQ(TempDir::Read(path), "old");
    ASSERT_TRUE(file->PadTo(8).ok());
    EXPECT_EQ(file->offset(), 8U);
    ASSERT_TRUE(file->Commit().ok());
  }
  EXPECT_EQ(TempDir::Read(path), std::string("new\0\0\0\0\0", 8));
  EXPECT_EQ(dir.FileCount(), 1U);
}

TEST(AtomicFile, LeavesNothingWithoutCommit) {
  const TempDir dir;
  {
    auto file = AtomicFile::Create(dir.Path("out"));
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->Write(std::string(200000, 'x')).ok());
  }
  EXPECT_EQ(dir.FileCount(), 0U);
}

TEST(AtomicFile, WritesLargePiecesInOrder) {
  const TempDir dir;
  std::string all;
  auto file = AtomicFile::Create(dir.Path("out"));
  ASSERT_TRUE(file.ok());
  for (const size_t n : {1U, 70000U, 3U, 65536U, 65535U, 2U}) {
    const std::string piece(n, static_cast<char>('a' + n % 26));
    all += piece;
    ASSERT_TRUE(file->Write(piece).ok());
  }
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(TempDir::Read(dir.Path("out")), all);
}

TEST(AtomicFile, RefusesInputsAndFolders) {
  const TempDir dir;
  const std::string input = dir.Write("in", "data");
  const std::string link = dir.Path("link");
  ASSERT_EQ(symlink(input.c_str(), link.c_str()), 0);
  const std::vector<std::string> inputs = {input};
  EXPECT_EQ(IdOf(AtomicFile::Create(input, inputs)), "cli.usage");
  EXPECT_EQ(IdOf(AtomicFile::Create(link, inputs)), "cli.usage");
  EXPECT_EQ(IdOf(AtomicFile::Create(dir.Path())), "file.write");
  EXPECT_EQ(IdOf(AtomicFile::Create(dir.Path("none/out"))), "file.write");
  EXPECT_EQ(TempDir::Read(input), "data");
}

TEST(AtomicFile, KeepsPermissionsAndReplacesLinks) {
  const TempDir dir;
  const std::string target = dir.Write("target", "kept");
  ASSERT_EQ(chmod(target.c_str(), 0640), 0);
  const std::string link = dir.Path("link");
  ASSERT_EQ(symlink(target.c_str(), link.c_str()), 0);
  auto file = AtomicFile::Create(link);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->Write("new").ok());
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(TempDir::Read(target), "kept");
  EXPECT_EQ(TempDir::Read(link), "new");
  struct stat info {};
  ASSERT_EQ(lstat(link.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0640U);
}

// The exit status of a process whose disk is full, played by a limit on the size of files.
[[noreturn]] void WriteToAFullDisk(const std::string& path) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{1000, 1000};
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) std::_Exit(98);
  {
    auto file = AtomicFile::Create(path);
    Status status = file.ok() ? file->Write(std::string(100000, 'x')) : Status(file.TakeDiag());
    if (status.ok()) status = file->Commit();
    if (IdOf(status) != "file.write") std::_Exit(99);
  }
  std::_Exit(0);
}

using AtomicFileDeathTest = ::testing::Test;

TEST(AtomicFileDeathTest, FullDiskLeavesTheOldFile) {
  const TempDir dir;
  const std::string path = dir.Write("out", "old");
  EXPECT_EXIT(WriteToAFullDisk(path), ::testing::ExitedWithCode(0), "");
  EXPECT_EQ(TempDir::Read(path), "old");
  EXPECT_EQ(dir.FileCount(), 1U);
}

TEST(AtomicFile, DevicesAreWrittenDirectly) {
  auto null = AtomicFile::Create("/dev/null");
  ASSERT_TRUE(null.ok());
  ASSERT_TRUE(null->Write("x").ok());
  ASSERT_TRUE(null->Commit().ok());
  auto full = AtomicFile::Create("/dev/full");
  ASSERT_TRUE(full.ok());
  Status status = full->Write("x");
  if (status.ok()) status = full->Commit();
  EXPECT_EQ(IdOf(status), "file.write");
}

}  // namespace
}  // namespace godwit
