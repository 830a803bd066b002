// The drawn graph in a real browser: it runs, stays quick at 2,000 nodes, and starts with its blocks collapsed.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "report/graph_page.h"
#include "support/import.h"
#include "support/temp_dir.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::OnnxGraph;

std::string Browser() {
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
    if (std::system((std::string("command -v ") + name + " >/dev/null 2>&1").c_str()) == 0) return name;
  }
  return {};
}

// Two hundred blocks of ten nodes.
OnnxGraph Large() {
  OnnxGraph g;
  g.Input("t0", DataType::kFloat, {1, 8});
  for (int i = 0; i < 2000; ++i) {
    const std::string scope = "/stage" + std::to_string(i / 500) + "/block" + std::to_string(i / 10);
    g.Node(i % 2 == 0 ? "Neg" : "Relu", {"t" + std::to_string(i)}, {"t" + std::to_string(i + 1)}, {}, "",
           scope + "/node" + std::to_string(i));
  }
  g.Output("t2000", DataType::kFloat);
  return g;
}

int NumberAfter(const std::string& text, const std::string& key) {
  const size_t at = text.find(key + "=\"");
  return at == std::string::npos ? -1 : std::atoi(text.c_str() + at + key.size() + 2);
}

TEST(GraphPageInBrowser, DrawsTwoThousandNodesQuickly) {
  const std::string browser = Browser();
  if (browser.empty()) GTEST_SKIP() << "no browser here: install chromium";
  const testing::TempDir dir;
  const std::string page = dir.Path("graph.html");
  std::ofstream(page) << GraphPage(testing::ImportBuilt(Large()), "large.onnx");
  const std::string command = "timeout 120 " + browser +
                              " --headless --no-sandbox --disable-gpu --user-data-dir=" + dir.Path("profile") +
                              " --virtual-time-budget=20000 --dump-dom file://" + page + " 2>/dev/null";
  std::string dom;
  std::FILE* pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  char buffer[65536];
  while (const size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) dom.append(buffer, n);
  pclose(pipe);
  const int boxes = NumberAfter(dom, "data-boxes"), milliseconds = NumberAfter(dom, "data-ready");
  EXPECT_GT(boxes, 3);
  EXPECT_LE(boxes, 400);
  EXPECT_GE(milliseconds, 0);
  EXPECT_LT(milliseconds, 3000);
  EXPECT_NE(dom.find("2000 nodes"), std::string::npos);
}

}  // namespace
}  // namespace godwit
