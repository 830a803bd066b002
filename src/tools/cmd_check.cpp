// godwit check: whether a model is valid and makes sense; all problems at once.
#include <fmt/format.h>

#include <cstdio>

#include "api/inputs.h"
#include "api/load.h"
#include "base/text.h"
#include "ir/verify.h"
#include "tools/model_run.h"
#include "tools/problems.h"
#include "tools/verbs.h"
#include "verify/check.h"

namespace godwit::tools {

namespace {

constexpr Option kOptions[] = {
    {"--no-weights", OptionKind::kFlag, "", "do not read the weights in search of NaN and infinity"},
    kShapeOption,
    kDimOption,
    kBindOption,
    kJsonOption,
};

int Run(const Args& args) {
  const auto problems = Problems::From(args);
  if (!problems.ok()) return Complain(problems.diag(), args.Text("--diag") == "json");
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
  }
  return worst;
}

}  // namespace

extern const Verb kCheckVerb = {
    "check",
    "Says whether models are valid and make sense; all problems at once, with what to do about each.",
    "FILE... [--shape NAME=1,3,H,W]... [--strict] [--json]",
    "godwit check examples/shapes/model.onnx",
    kOptions,
    true,
    1,
    SIZE_MAX,
    "FILE",
    Run,
};

}  // namespace godwit::tools
