// Every TFLite model that imports gives a graph that the verifier accepts and whose text reads back to the same text,
// and public ones import without an error: runs over the folder that GODWIT_MODELS names.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "base/mapped_file.h"
#include "frontends/tflite/import.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/ops.h"

namespace godwit {
namespace {

namespace fs = std::filesystem;

void CheckModel(const fs::path& path) {
  SCOPED_TRACE(path.string());
  const Result<MappedFile::Ptr> file = MappedFile::Open(path.string());
  ASSERT_TRUE(file.ok()) << FormatDiag(file.diag());
  DiagSink problems;
  const Result<Graph> graph = from_tflite::ImportModel(*file, {}, &problems);
  ASSERT_TRUE(graph.ok()) << FormatDiag(graph.diag());
  for (const Diag& d : problems.all()) {
    if (d.severity == Severity::kError) ADD_FAILURE() << FormatDiag(d);
  }
  const Status verified = VerifyGraph(*graph);
  EXPECT_TRUE(verified.ok()) << FormatDiag(verified.diag());
  const Result<std::string> text = PrintGraph(*graph);
  ASSERT_TRUE(text.ok()) << FormatDiag(text.diag());
  const Result<Graph> back = ParseGraph(*text, ops::Find);
  ASSERT_TRUE(back.ok()) << FormatDiag(back.diag());
  EXPECT_EQ(*PrintGraph(*back), *text);
}

TEST(TfliteModels, Import) {
  const char* root = std::getenv("GODWIT_MODELS");
  if (root == nullptr) GTEST_SKIP() << "GODWIT_MODELS points nowhere";
  std::error_code error;
  std::vector<fs::path> models;
  for (fs::recursive_directory_iterator it(root, error), end; !error && it != end; it.increment(error)) {
    if (it->is_regular_file(error) && it->path().extension() == ".tflite") models.push_back(it->path());
  }
  std::sort(models.begin(), models.end());
  if (models.empty()) GTEST_SKIP() << "no .tflite below " << root;
  for (const fs::path& path : models) CheckModel(path);
}

}  // namespace
}  // namespace godwit
