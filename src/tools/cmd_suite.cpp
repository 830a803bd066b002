#include "tools/cmd_suite.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/text.h"
#include "verify/suite.h"

namespace godwit::tools {

namespace {

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed: return "passed";
    case Outcome::kRefused: return "refused";
    case Outcome::kError: return "error";
    case Outcome::kWrong: return "wrong";
  }
  return "error";
}

}  // namespace

int RunSuite(std::span<char*> args) {
  CLI::App app("Runs every case of a conformance suite and counts what passes.", "godwit suite");
  std::string folder, filter;
  bool verbose = false, list = false;
  SuiteOptions options;
  app.add_option("DIR", folder, "folder with cases: */model.onnx beside test_data_set_*/{input,output}_N.pb")
      ->required();
  app.add_option("--filter", filter, "only cases whose path contains this text");
  app.add_option("--rtol", options.tolerance.relative, "relative tolerance")->capture_default_str();
  app.add_option("--atol", options.tolerance.absolute, "absolute tolerance")->capture_default_str();
  app.add_flag("--reference", options.session.reference, "use the reference kernels only, no fast paths");
  app.add_option("--threads", options.session.threads, "threads; never changes a result")->capture_default_str();
  app.add_flag("-v,--verbose", verbose, "say the outcome of every case");
  app.add_flag("--list", list, "only list the cases");
  try {
    std::vector<std::string> words(args.rbegin(), args.rend());
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(Exit::kUsage);
  }
  auto cases = FindCases(folder);
  if (!cases.ok()) {
    fmt::print(stderr, "{}", FormatDiag(cases.diag()));
    return static_cast<int>(cases.diag().exit);
  }
  size_t passed = 0, failed = 0;
  for (const SuiteCase& test : *cases) {
    if (!filter.empty() && test.model.find(filter) == std::string::npos) continue;
    if (list) {
      fmt::print("{}\n", test.model);
      continue;
    }
    const SuiteResult result = RunCase(test, options);
    (result.outcome == Outcome::kPassed ? passed : failed)++;
    if (result.outcome != Outcome::kPassed || verbose) {
      fmt::print("{:8} {}{}{}\n", OutcomeName(result.outcome), test.name, result.reason.empty() ? "" : ": ",
                 Printable(result.reason, 400));
      std::fflush(stdout);
    }
  }
  fmt::print("{} passed, {} failed\n", passed, failed);
  return failed == 0 ? 0 : static_cast<int>(Exit::kDiffers);
}

}  // namespace godwit::tools
