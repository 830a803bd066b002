// godwit version.
#include <cstdio>

#include "tools/verbs.h"

namespace godwit::tools {

namespace {

int Run(const Args&) {
  std::puts("godwit " GODWIT_VERSION);
  return 0;
}

}  // namespace

extern const Verb kVersionVerb = {"version", "Prints the version.", "", "godwit version", {}, false, 0, 0, "", Run};

}  // namespace godwit::tools
