// The page of a comparison in a real browser: its script runs to the end and draws a bar for each layer.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "report/compare_report.h"
#include "support/import.h"
#include "support/temp_dir.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::OnnxGraph;

// A chain of `n` layers, one of them changed.
Graph Chain(int n, int changed) {
  OnnxGraph g;
  g.Input("t0", DataType::kFloat, {1, 3, 8, 8});
  for (int i = 0; i < n; ++i) {
    const std::string w = "w" + std::to_string(i);
    g.Init(w, {1}, std::vector<float>{i == changed ? 1.01F : 1});
    g.Node("Mul", {"t" + std::to_string(i), w}, {"t" + std::to_string(i + 1)}, {}, "", "</script><b>" + w);
  }
  g.Output("t" + std::to_string(n), DataType::kFloat);
  return testing::ImportBuilt(g);
}

TEST(ComparePageInBrowser, DrawsABarForEachLayer) {
  std::string browser;
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
    if (std::system((std::string("command -v ") + name + " >/dev/null 2>&1").c_str()) == 0) browser = name;
  }
  if (browser.empty()) GTEST_SKIP() << "no browser here: install chromium";
  CompareOptions options;
  options.layers = options.pictures = true;
  auto comparison = CompareModels(Chain(60, -1), Chain(60, 41), options);
  ASSERT_TRUE(comparison.ok()) << comparison.diag().what;
  comparison->file = "<other> & \"model\".onnx";
  const testing::TempDir dir;
  const std::string page = dir.Path("compare.html");
  std::ofstream(page) << ComparePage("reference.onnx", {*comparison});
  const std::string command = "timeout 120 " + browser +
                              " --headless --no-sandbox --disable-gpu --user-data-dir=" + dir.Path("profile") +
                              " --virtual-time-budget=20000 --dump-dom file://" + page + " 2>/dev/null";
  std::string dom;
  std::FILE* pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  char buffer[65536];
  while (const size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) dom.append(buffer, n);
  pclose(pipe);
  EXPECT_NE(dom.find("data-ready=\"yes\""), std::string::npos);
  EXPECT_NE(dom.find("data-bars=\"60\""), std::string::npos);
  EXPECT_NE(dom.find("means along the channels"), std::string::npos);
  EXPECT_NE(dom.find("&lt;other&gt; &amp; \"model\".onnx"), std::string::npos);
  EXPECT_NE(dom.find("60 layers compared"), std::string::npos);
}

}  // namespace
}  // namespace godwit
