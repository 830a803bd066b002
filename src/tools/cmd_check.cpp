// godwit check: whether a model is valid and makes sense; all problems at once.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "api/inputs.h"
#include "api/load.h"
#include "base/text.h"
#include "ir/verify.h"
#include "tools/conversion.h"
#include "tools/model_run.h"
#include "tools/problems.h"
#include "tools/target_check.h"
#include "tools/verbs.h"
#include "verify/check.h"

namespace godwit::tools {

namespace {

constexpr Option kOptions[] = {
    {"--target", OptionKind::kText, "T,T...", "also say whether it can be made to run there: onnx@17,tflite@2.14"},
    {"--domain", OptionKind::kText, "NAME", "a vendor's domain whose operators the targets have: com.microsoft", 0,
     true},
    kRequireOption,
    kForbidOption,
    kAllowCustomOption,
    kPreferOption,
    {"--no-weights", OptionKind::kFlag, "", "do not read the weights in search of NaN and infinity"},
    kShapeOption,
    kDimOption,
    kBindOption,
    kJsonOption,
};

Result<std::vector<TargetCheck>> TargetsOf(const std::string& text, const Args& args) {
  std::vector<TargetCheck> out;
  for (const std::string_view name : Split(text, ',')) {
    TRY(TargetCheck check, ParseTargetCheck(std::string(Trim(name)), TargetLimitsOf(args), args.All("--domain")));
    out.push_back(std::move(check));
  }
  return out;
}

// One line a target, and what does not fit as problems. The status of the first target that cannot run it.
int ShowTargets(const Graph& graph, const std::vector<TargetCheck>& targets, const Args& args,
                const Problems& problems) {
  int worst = 0;
  std::vector<TargetVerdict> verdicts;
  for (const TargetCheck& target : targets) {
    auto verdict = CheckTarget(graph, target);
    if (!verdict.ok()) return problems.Show(verdict.diag());
    for (Diag& d : verdict->problems) {
      if (targets.size() > 1) d.what = Concat(target.name, ": ", d.what);
    }
    const int status = problems.Show(verdict->problems);
    if (worst == 0) worst = status;
    verdicts.push_back(*std::move(verdict));
  }
  if (args.Has("--json")) {
    for (const TargetVerdict& v : verdicts) fmt::print("{}\n", TargetJson(v));
  } else if (!problems.quiet()) {
    fmt::print("{}", TargetMatrix(graph, verdicts, args.Has("--verbose")));
  }
  return worst;
}

int Run(const Args& args) {
  const auto problems = Problems::From(args);
  if (!problems.ok()) return Complain(problems.diag(), args.Text("--diag") == "json");
  std::vector<TargetCheck> targets;
  if (args.Has("--target")) {
    auto asked = TargetsOf(args.Text("--target"), args);
    if (!asked.ok()) return problems->Show(asked.diag());
    targets = *std::move(asked);
  }
  int worst = 0;
  for (const std::string& file : args.words()) {
    DiagSink sink;
    auto graph = LoadAsAsked(file, args, *problems, &sink);
    Progress::Say(Concat("checking ", file));
    if (graph.ok()) {
      // A graph of ours that is not sound although nothing was reported would be a defect of ours.
      if (!sink.has_errors()) VerifyGraph(*graph, &sink);
      CheckModel(*graph, {.weights = !args.Has("--no-weights")}, &sink);
    } else {
      sink.Add(std::move(graph.diag()));
    }
    const int status = problems->Show(sink);
    if (args.Has("--json")) {
      fmt::print("{{\"file\":{},\"valid\":{},\"errors\":{},\"warnings\":{},\"exit\":{}}}\n", JsonQuote(file),
                 !sink.has_errors(), sink.error_count(), sink.warning_count(), status);
    } else if (!problems->quiet()) {
      fmt::print("{}: {}{}\n", Printable(file), sink.has_errors() ? "invalid" : "valid",
                 sink.warning_count() > 0
                     ? fmt::format(", {} warning{}", sink.warning_count(), sink.warning_count() == 1 ? "" : "s")
                     : "");
    }
    if (status != 0 && worst == 0) worst = status;
    if (!targets.empty() && graph.ok() && !sink.has_errors()) {
      const int there = ShowTargets(*graph, targets, args, *problems);
      if (there != 0 && worst == 0) worst = there;
    }
  }
  return worst;
}

}  // namespace

extern const Verb kCheckVerb = {
    "check",
    "Says whether models are valid and make sense; all problems at once, with what to do about each.",
    "FILE... [--target onnx@17,tflite@2.14] [--shape NAME=1,3,H,W]... [--strict] [--json]",
    "godwit check examples/shapes/model.onnx",
    kOptions,
    true,
    1,
    SIZE_MAX,
    "FILE",
    Run,
};

}  // namespace godwit::tools
