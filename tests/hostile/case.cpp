#include "hostile/case.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "api/load.h"
#include "base/mapped_file.h"

namespace godwit::testing {

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kBoundsHold = false;  // shadow memory and checks cost their own
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kBoundsHold = false;
#else
constexpr bool kBoundsHold = true;
#endif
#else
constexpr bool kBoundsHold = true;
#endif

bool IsUtf8(const std::string& text) {
  size_t rest = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (rest > 0) {
      if ((byte & 0xC0) != 0x80) return false;
      --rest;
    } else if (byte >= 0x80) {
      if (byte < 0xC2 || byte > 0xF4) return false;
      rest = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
    }
  }
  return rest == 0;
}

// The first byte that a terminal would obey, or that is no text.
std::string Indecent(const std::string& text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte != '\n' && (byte < 0x20 || byte == 0x7F)) return "control character " + std::to_string(byte);
  }
  return IsUtf8(text) ? "" : "not UTF-8";
}

}  // namespace

void MeetHostile(const HostileCase& c) {
  const TempDir dir;
  const std::string path = c.make(dir);
  std::error_code ignored;
  int64_t size = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir.Path(), ignored)) {
    if (entry.is_regular_file(ignored)) size += static_cast<int64_t>(entry.file_size(ignored));
  }
  std::vector<std::string> words = c.words;
  words.push_back(path);
  const ProgramRun run = RunGodwit(words);
  const std::string said = run.err.substr(0, 2000);
  EXPECT_NE(std::find(c.exits.begin(), c.exits.end(), run.status), c.exits.end()) << run.status << "\n" << said;
  EXPECT_TRUE(c.id.empty() || Has(run.err, "[" + c.id + "]")) << "no " << c.id << " in:\n" << said;
  EXPECT_EQ(run.status != 0, Has("\n" + run.err, "\nerror[")) << said;
  EXPECT_EQ(Indecent(run.err), "");
  EXPECT_EQ(Indecent(run.out), "");
  if (!kBoundsHold || size > (int64_t{1} << 32)) return;
  // The program and its libraries take some of it themselves.
  EXPECT_LE(run.peak_bytes, (int64_t{16 + 64} << 20) + 3 * size);
  EXPECT_LE(run.cpu_seconds, 2.0 + static_cast<double>(size) / (1 << 20));
}

int LoadStatus(const std::string& bytes) {
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  DiagSink sink;
  const auto graph = LoadModel(MappedFile::FromBytes({data, data + bytes.size()}), {}, &sink);
  return static_cast<int>(graph.ok() ? sink.exit() : graph.diag().exit);
}

void MeetCutsAtEveryByte(const std::string& bytes, size_t spare) {
  for (size_t size = 0; size < bytes.size(); ++size) {
    const int status = LoadStatus(bytes.substr(0, size));
    EXPECT_TRUE(status == 3 || (status == 0 && size >= bytes.size() - spare)) << size << " bytes: exit " << status;
  }
}

void MeetFlippedBits(const std::string& bytes) {
  uint32_t state = 1;
  const auto below = [&](size_t n) {
    state = state * 1664525U + 1013904223U;
    return static_cast<size_t>(state >> 8) % n;
  };
  for (int i = 0; i < 10000; ++i) {
    std::string bent = bytes;
    const size_t at = below(bent.size());
    bent[at] = static_cast<char>(static_cast<unsigned char>(bent[at]) ^ (1U << below(8)));
    const int status = LoadStatus(bent);
    EXPECT_TRUE(status == 0 || (status >= 3 && status <= 7)) << "byte " << at << ": exit " << status;
  }
}

}  // namespace godwit::testing
