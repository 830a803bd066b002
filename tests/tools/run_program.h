// Runs the program as a user does and keeps what it says.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "support/temp_dir.h"

namespace godwit::testing {

inline const std::string kBundledModel = GODWIT_SOURCE_DIR "/examples/shapes/model.onnx";

struct ProgramRun {
  int status = -1;  ///< the exit status, or 1000 + the signal that ended it
  std::string out;
  std::string err;
  int64_t peak_bytes = 0;  ///< the most memory it held
  double cpu_seconds = 0;  ///< which other programs on the machine do not change
};

/// `signal`, when not 0, is sent after a moment. Standard output goes to `out_path` where one is given.
inline ProgramRun RunGodwit(const std::vector<std::string>& words, int signal = 0, const char* out_path = nullptr) {
  const TempDir dir;
  const std::string out = out_path != nullptr ? out_path : dir.Path("out"), err = dir.Path("err");
  const pid_t child = fork();
  if (child == 0) {
    dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
    dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
    std::vector<char*> argv = {const_cast<char*>(GODWIT_BINARY)};
    for (const std::string& w : words) argv.push_back(const_cast<char*>(w.c_str()));
    argv.push_back(nullptr);
    execv(GODWIT_BINARY, argv.data());
    _exit(127);
  }
  if (signal != 0) {
    usleep(700000);
    kill(child, signal);
  }
  int status = 0;
  rusage usage{};
  wait4(child, &status, 0, &usage);
  ProgramRun run;
  run.peak_bytes = int64_t{usage.ru_maxrss} * 1024;
  run.cpu_seconds = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                    static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
  run.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  if (out_path == nullptr) run.out = TempDir::Read(out);
  run.err = TempDir::Read(err);
  return run;
}

inline bool Has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace godwit::testing
