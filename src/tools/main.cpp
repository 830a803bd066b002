// The entry of the program: what holds for the whole process, then the verb.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <span>

#include "base/diag.h"
#include "base/mapped_file.h"
#include "base/temporaries.h"
#include "tools/problems.h"
#include "tools/progress.h"
#include "tools/verbs.h"

namespace {

using godwit::Diag;
using godwit::Exit;

// An interrupted run leaves the old output or none.
void OnSignal(int signal) {
  godwit::tools::Progress::HideForGood();
  godwit::RemoveTemporaryFiles();
  _exit(128 + signal);
}

[[noreturn]] void OnTerminate() {
  std::fputs("godwit: defect: ended unexpectedly; please report the command\n", stderr);
  godwit::RemoveTemporaryFiles();
  std::_Exit(static_cast<int>(Exit::kDefect));
}

int Guarded(std::span<char*> words) {
  try {
    return godwit::tools::RunProgram(words);
  } catch (const std::bad_alloc&) {
    return godwit::tools::Complain(Diag(godwit::diag::kLimitExceeded, "this machine has not enough memory for that"),
                                   false);
  } catch (const std::exception& error) {
    return godwit::tools::Complain(Diag(godwit::diag::kDefect, error.what()), false);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::set_terminate(OnTerminate);
  std::signal(SIGINT, OnSignal);
  std::signal(SIGTERM, OnSignal);
  // A full quota is an error of a write, which is reported as such.
  std::signal(SIGXFSZ, SIG_IGN);
  godwit::InstallMapGuard();
  const int status = Guarded(std::span<char*>(argv, static_cast<size_t>(argc)).subspan(argc > 0 ? 1 : 0));
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    const int failed =
        godwit::tools::Complain(Diag(godwit::diag::kFileWrite, "the standard output takes no more"), false);
    return status == 0 ? failed : status;
  }
  return status;
}
