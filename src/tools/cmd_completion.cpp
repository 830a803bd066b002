// godwit completion: scripts that complete its command line in a shell.
#include <cstdio>

#include "base/text.h"
#include "tools/completion.h"
#include "tools/problems.h"
#include "tools/verbs.h"

namespace godwit::tools {

namespace {

int Run(const Args& args) {
  const std::string& shell = args.words()[0];
  std::string text;
  if (shell == "bash") text = BashCompletion();
  if (shell == "zsh") text = ZshCompletion();
  if (shell == "fish") text = FishCompletion();
  if (text.empty()) {
    return Complain(Diag(diag::kUsage, Concat("there is no completion for '", Printable(shell, 100), "'"))
                        .Hint("there is one for bash, zsh and fish"),
                    false);
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
  return 0;
}

}  // namespace

extern const Verb kCompletionVerb = {
    "completion",
    "Prints a script that completes godwit's command line in a shell.",
    "bash|zsh|fish",
    "godwit completion bash",
    {},
    false,
    1,
    1,
    "the name of a shell: bash, zsh or fish",
    Run,
};

}  // namespace godwit::tools
