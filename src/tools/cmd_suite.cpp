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
     "write each model so and read it back, then test that: onnx@17, tflite; onnx@11,onnx@17 goes there and on; onnx "
     "alone means the model's own opset"},
    {"--verify", OptionKind::kChoice, "auto|own|runtime",
     "with --through tflite: whether LiteRT runs the files too (auto: where it is installed)"},
    kRuntimeLibOption,
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

// How the cases passed that went through another format.
struct Passed {
  size_t plain = 0, fixed = 0, folded = 0, narrowed = 0, elsewhere = 0;
  void Count(const SuiteResult& result) {
    ++(result.folded ? folded : result.fixed ? fixed : plain);
    narrowed += result.narrowed ? 1 : 0;
    elsewhere += result.elsewhere ? 1 : 0;
  }
  [[nodiscard]] std::string Text(const std::vector<Failure>& failures) const {
    const auto count = [&](Outcome outcome) {
      return std::count_if(failures.begin(), failures.end(), [&](const Failure& f) { return f.outcome == outcome; });
    };
    return fmt::format(
        "passed: {} as they are, {} with inputs made constant, {} that fold away; {} with f32 for f64; {} run by the "
        "format's own runtime too\nfailed: {} wrong, {} errors, {} refused\n",
        plain, fixed, folded, narrowed, elsewhere, count(Outcome::kWrong), count(Outcome::kError),
        count(Outcome::kRefused));
  }
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
  const bool tflite = args.Text("--through").find("tflite") != std::string::npos ||
                      args.Text("--through").find("litert") != std::string::npos;
  if (args.Has("--through")) {
    ThroughOptions going;
    going.keep = args.Text("--keep");
    const std::string verify = args.Text("--verify", "auto");
    if (tflite && verify != "own") {
      auto found = RuntimeOf("litert", args);
      if (!found.ok() && (verify == "runtime" || args.Has("--runtime-lib"))) return problems->Show(found.diag());
      if (found.ok()) going.litert = *found;
    }
    // One rounding more than the model's own: what is small beside the largest element has fewer digits.
    if (tflite && !args.Has("--atol")) options.tolerance.peak = 1e-5;
    auto through = MakeThrough(args.Text("--through"), going);
    if (!through.ok()) return problems->Show(through.diag());
    options.through = *std::move(through);
  }
  const std::string filter = args.Text("--filter");
  const bool page = args.Has("--markdown"), json = args.Has("--json");
  size_t passed = 0;
  Passed how;
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
      how.Count(result);
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
    if (args.Has("--through")) fmt::print("{}", how.Text(failures));
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
    "DIR [--filter TEXT] [--rtol X] [--atol X] [--through onnx@17|tflite] [--markdown]",
    "godwit suite examples",
    kOptions,
    true,
    1,
    1,
    "DIR",
    Run,
};

}  // namespace godwit::tools
