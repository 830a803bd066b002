#include "tools/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <thread>

#include "base/text.h"

namespace godwit::tools {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPatience = std::chrono::milliseconds(500);
constexpr auto kBeat = std::chrono::milliseconds(200);
constexpr std::string_view kErase = "\r\x1B[K";

struct Line {
  std::mutex mutex;
  std::condition_variable ended;
  std::thread writer;
  bool enabled = false;
  bool ending = false;
  std::string text;  // empty: nothing to show
  Clock::time_point start;
  std::atomic<bool> shown{false};
};
Line g_line;

void Put(std::string_view text) {
  // A line that the terminal does not take is no loss.
  const ssize_t ignored = write(STDERR_FILENO, text.data(), text.size());
  (void)ignored;
}

void Erase() {
  if (g_line.shown.exchange(false)) Put(kErase);
}

void Write() {
  std::unique_lock lock(g_line.mutex);
  while (!g_line.ended.wait_for(lock, kBeat, [] { return g_line.ending; })) {
    const auto passed = Clock::now() - g_line.start;
    if (g_line.text.empty() || passed < kPatience) continue;
    g_line.shown = true;
    Put(fmt::format("{}{} ({:.0f} s)", kErase, g_line.text, std::chrono::duration<double>(passed).count()));
  }
}

bool IsTerminal() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && (term == nullptr || std::string_view(term) != "dumb");
}

}  // namespace

Progress::Progress(const Args& args) {
  const std::string wanted = args.Text("--progress", "auto");
  const bool quiet = args.Has("--quiet") || args.Text("--diag") == "json";
  g_line.enabled = wanted == "always" || (wanted == "auto" && !quiet && IsTerminal());
  g_line.start = Clock::now();
}

Progress::~Progress() {
  if (g_line.writer.joinable()) {
    {
      const std::lock_guard lock(g_line.mutex);
      g_line.ending = true;
    }
    g_line.ended.notify_all();
    g_line.writer.join();
  }
  Erase();
  g_line.enabled = g_line.ending = false;
  g_line.text.clear();
}

void Progress::Say(const std::string& what, size_t step, size_t of) {
  if (!g_line.enabled) return;
  const std::lock_guard lock(g_line.mutex);
  // One row of a narrow terminal: a line that wraps could not be taken away.
  g_line.text = Printable(what, 56);
  if (of > 0) g_line.text += fmt::format(" {}/{}", step, of);
  if (!g_line.writer.joinable()) g_line.writer = std::thread(Write);
}

void Progress::Hide() {
  if (!g_line.enabled) return;
  const std::lock_guard lock(g_line.mutex);
  g_line.text.clear();
  Erase();
}

void Progress::HideForGood() { Erase(); }

bool TerminalHasColours() { return IsTerminal() && std::getenv("NO_COLOR") == nullptr; }

bool WantsColour(const Args& args) {
  // The same option states the channels of pictures: those words say nothing here.
  std::string_view wanted = "auto";
  for (const std::string& word : args.All("--color")) {
    if (word == "auto" || word == "always" || word == "never") wanted = word;
  }
  return wanted == "always" || (wanted == "auto" && TerminalHasColours());
}

}  // namespace godwit::tools
