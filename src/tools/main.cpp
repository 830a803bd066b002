// The entry of the program: looks the verb up and hands it the rest of the command line.
#include <cstdio>
#include <span>
#include <string_view>

#include "tools/cmd_suite.h"

namespace {

struct Verb {
  std::string_view name;
  std::string_view summary;
  int (*run)(std::span<char*> args);
};

int PrintVersion(std::span<char*>) {
  std::puts("godwit " GODWIT_VERSION);
  return 0;
}

constexpr Verb kVerbs[] = {
    {"suite", "run a conformance suite", godwit::tools::RunSuite},
    {"version", "print the version", PrintVersion},
};

void PrintUsage(std::FILE* out) {
  std::fputs("usage: godwit VERB [ARGUMENTS]\n\n", out);
  for (const Verb& verb : kVerbs) {
    std::fprintf(out, "  %-10.*s %.*s\n", static_cast<int>(verb.name.size()), verb.name.data(),
                 static_cast<int>(verb.summary.size()), verb.summary.data());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<char*> args(argv, static_cast<size_t>(argc));
  if (args.size() < 2) {
    PrintUsage(stderr);
    return 1;
  }
  const std::string_view name = args[1];
  if (name == "--help" || name == "help") {
    PrintUsage(stdout);
    return 0;
  }
  for (const Verb& verb : kVerbs) {
    if (verb.name == name) return verb.run(args.subspan(2));
  }
  std::fprintf(stderr, "godwit: no verb named '%s'; `godwit --help` lists them\n", args[1]);
  return 1;
}
