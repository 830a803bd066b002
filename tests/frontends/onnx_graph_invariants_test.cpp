// Every model that imports gives a graph that the verifier accepts and whose text reads back to the same text: the
// small models of the fuzzers' corpus always, whole suites where the environment points to them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "base/mapped_file.h"
#include "frontends/onnx/import.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/ops.h"

namespace godwit {
namespace {

namespace fs = std::filesystem;

// Past this, contents are left out of the text that is compared.
constexpr uintmax_t kFullTextBytes = 1 << 20;

std::vector<fs::path> Models(const fs::path& root) {
  std::error_code error;
  std::vector<fs::path> out;
  for (fs::recursive_directory_iterator it(root, error), end; !error && it != end; it.increment(error)) {
    if (it->is_regular_file(error) && it->path().extension() == ".onnx") out.push_back(it->path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

void CheckModel(const fs::path& path) {
  SCOPED_TRACE(path.string());
  const Result<MappedFile::Ptr> file = MappedFile::Open(path.string());
  ASSERT_TRUE(file.ok()) << FormatDiag(file.diag());
  DiagSink problems;
  const Result<Graph> graph = from_onnx::ImportModel(*file, {}, &problems);
  if (!graph.ok()) return;  // nothing was made that could be judged; other tests judge the refusal
  const Status verified = VerifyGraph(*graph);
  EXPECT_TRUE(verified.ok()) << FormatDiag(verified.diag());
  std::error_code error;
  TextOptions options;
  if (fs::file_size(path, error) < kFullTextBytes) options.data = TextOptions::Data::kFull;
  Result<std::string> text = PrintGraph(*graph, options);
  if (!text.ok()) {  // side files may be missing
    options.data = TextOptions::Data::kElide;
    text = PrintGraph(*graph, options);
  }
  ASSERT_TRUE(text.ok()) << FormatDiag(text.diag());
  const Result<Graph> back = ParseGraph(*text, ops::Find);
  ASSERT_TRUE(back.ok()) << FormatDiag(back.diag());
  EXPECT_EQ(*PrintGraph(*back, options), *text);
  EXPECT_EQ(VerifyGraph(*back).ok(), verified.ok());
}

TEST(OnnxGraphInvariants, SmallModels) {
  const std::vector<fs::path> models = Models(fs::path(GODWIT_SOURCE_DIR) / "tests/fuzz/corpus");
  ASSERT_FALSE(models.empty());
  for (const fs::path& path : models) CheckModel(path);
}

TEST(OnnxGraphInvariants, Suites) {
  size_t count = 0;
  for (const char* variable : {"GODWIT_ONNX_SUITE", "GODWIT_MODELS"}) {
    const char* root = std::getenv(variable);
    if (root == nullptr) continue;
    for (const fs::path& path : Models(root)) {
      CheckModel(path);
      ++count;
    }
  }
  if (count == 0) GTEST_SKIP() << "GODWIT_ONNX_SUITE and GODWIT_MODELS point nowhere";
}

}  // namespace
}  // namespace godwit
