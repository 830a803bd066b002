// godwit suite: a conformance or regression suite.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "base/text.h"
#include "tools/model_run.h"
#include "tools/table.h"
#include "tools/through.h"
#include "tools/verbs.h"
#include "verify/suite.h"

namespace godwit::tools {

namespace {

constexpr Option kOptions[] = {
    {"--filter", OptionKind::kText, "TEXT", "only cases whose path contains this text"},
    {"--rtol", OptionKind::kNumber, "X", "relative tolerance, default 1e-3"},
    {"--atol", OptionKind::kNumber, "X", "absolute tolerance, default 1e-7"},
    {"--through", OptionKind::kText, "FORMATS",
     "write each model so and read it back, then test that: onnx@17; onnx@11,onnx@17 goes there and on; onnx alone "
     "means the model's own opset"},
    {"--keep", OptionKind::kText, "DIR", "with --through: the first written files, by the cases' names"},
    kReferenceOption,
    kPrecisionOption,
    kThreadsOption,
    {"--verbose", OptionKind::kFlag, "", "the outcome of every case", 'v'},
    {"--list", OptionKind::kFlag, "", "only list the cases"},
    {"--markdown", OptionKind::kFlag, "", "a page of what fails and why, instead"},
    kJsonOption,
};

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPassed: return "passed";
    case Outcome::kRefused: return "refused";
    case Outcome::kError: return "error";
    case Outcome::kWrong: return "wrong";
  }
  return "error";
}

struct Failure {
  std::string name;
  Outcome outcome = Outcome::kPassed;
  std::string reason;
};

// Failures of one reason together, the most frequent first.
std::string Page(size_t passed, const std::vector<Failure>& failures) {
  std::map<std::string, std::vector<std::string>> groups;
  for (const Failure& f : failures) {
    groups[Concat(OutcomeName(f.outcome), ": ", Printable(f.reason, 300))].push_back(f.name);
  }
  std::vector<std::pair<std::string, std::vector<std::string>>> sorted(groups.begin(), groups.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
  Table table({">tests", "why", "which"});
  for (const auto& [why, names] : sorted) {
    std::string list;
    for (const std::string& name : names) list += Concat(list.empty() ? "`" : ", `", name, "`");
    table.Add({std::to_string(names.size()), why, list});
  }
  return fmt::format("# What does not pass\n\n{} passed, {} failed.\n{}{}", passed, failures.size(),
                     table.empty() ? "" : "\n", table.empty() ? "" : table.Markdown());
}

std::string Json(size_t passed, const std::vector<Failure>& failures) {
  std::string out = fmt::format("{{\"passed\":{},\"failed\":{},\"failures\":[", passed, failures.size());
  for (size_t i = 0; i < failures.size(); ++i) {
    out += fmt::format("{}{{\"name\":{},\"outcome\":{},\"reason\":{}}}", i == 0 ? "" : ",", JsonQuote(failures[i].name),
                       JsonQuote(OutcomeName(failures[i].outcome)), JsonQuote(failures[i].reason));
  }
  return out + "]}\n";
}

int Run(const Args& args) {
  const auto problems = Problems::From(args);
  if (!problems.ok()) return Complain(problems.diag(), args.Text("--diag") == "json");
  const auto cases = FindCases(args.words()[0]);
  if (!cases.ok()) return problems->Show(cases.diag());
  SuiteOptions options;
  options.tolerance.relative = args.Number("--rtol", options.tolerance.relative);
  options.tolerance.absolute = args.Number("--atol", options.tolerance.absolute);
  options.limits = problems->limits();
  options.session = SessionOptionsOf(args);
  // Cases are small: threads cost more than they give.
  if (!args.Has("--threads")) options.session.threads = 1;
  if (args.Has("--through")) {
    auto through = MakeThrough(args.Text("--through"), args.Text("--keep"));
    if (!through.ok()) return problems->Show(through.diag());
    options.through = *std::move(through);
  }
  const std::string filter = args.Text("--filter");
  const bool page = args.Has("--markdown"), json = args.Has("--json");
  size_t passed = 0;
  std::vector<Failure> failures;
  for (const SuiteCase& test : *cases) {
    if (!filter.empty() && test.model.find(filter) == std::string::npos) continue;
    if (args.Has("--list")) {
      fmt::print("{}\n", test.model);
      continue;
    }
    Progress::Say(test.name, static_cast<size_t>(&test - cases->data()), cases->size());
    const SuiteResult result = RunCase(test, options);
    const bool good = result.outcome == Outcome::kPassed;
    if (good) {
      ++passed;
    } else {
      failures.push_back({test.name, result.outcome, result.reason});
    }
    if (!page && !json && (args.Has("--verbose") || (!good && !problems->quiet()))) {
      Progress::Hide();
      fmt::print("{:8} {}{}{}\n", OutcomeName(result.outcome), test.name, result.reason.empty() ? "" : ": ",
                 Printable(result.reason, 400));
      std::fflush(stdout);
    }
  }
  Progress::Hide();
  if (args.Has("--list")) return 0;
  if (page) {
    fmt::print("{}", Page(passed, failures));
  } else if (json) {
    fmt::print("{}", Json(passed, failures));
  } else {
    fmt::print("{} passed, {} failed\n", passed, failures.size());
  }
  if (passed + failures.size() == 0) {
    return problems->Show(Diag(diag::kUsage, Concat("there is no case to run in '", args.words()[0], "'"))
                              .Hint("a case is a folder with model.onnx beside test_data_set_0/{input,output}_0.pb"));
  }
  return failures.empty() ? 0 : static_cast<int>(Exit::kDiffers);
}

}  // namespace

extern const Verb kSuiteVerb = {
    "suite",
    "Runs every case of a conformance suite and compares; the last line is `N passed, N failed`.",
    "DIR [--filter TEXT] [--rtol X] [--atol X] [--through onnx@17] [--markdown]",
    "godwit suite examples",
    kOptions,
    true,
    1,
    1,
    "DIR",
    Run,
};

}  // namespace godwit::tools
