// godwit check: whether a model is valid and makes sense; all problems at once.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "api/inputs.h"
#include "api/load.h"
#include "backends/onnx/export.h"
#include "base/text.h"
#include "ir/verify.h"
#include "tools/model_run.h"
#include "tools/problems.h"
#include "tools/verbs.h"
#include "verify/check.h"

namespace godwit::tools {

namespace {

constexpr Option kOptions[] = {
    {"--target", OptionKind::kText, "T,T...", "also say whether it can be made to run there: onnx@11,onnx@17"},
    {"--domain", OptionKind::kText, "NAME", "a vendor's domain whose operators the targets have: com.microsoft", 0,
     true},
    {"--no-weights", OptionKind::kFlag, "", "do not read the weights in search of NaN and infinity"},
    kShapeOption,
    kDimOption,
    kBindOption,
    kJsonOption,
};

struct Target {
  std::string name;
  int opset = 0;
};

Result<std::vector<Target>> TargetsOf(const std::string& text) {
  std::vector<Target> out;
  for (const std::string_view name : Split(text, ',')) {
    const std::vector<std::string_view> parts = Split(name, '@');
    int64_t opset = 0;
    if (parts.size() != 2 || parts[0] != "onnx" || !ParseInt(parts[1], &opset)) {
      return Diag(diag::kUsage, Concat("'", Printable(name, 100), "' is no target to check for"))
          .Hint("`godwit list targets` shows them: --target onnx@17");
    }
    out.push_back({std::string(name), static_cast<int>(std::clamp<int64_t>(opset, 0, 1000))});
  }
  return out;
}

// The walk of a conversion to the target, without a file: what it could not write is what the target cannot run.
int CheckTarget(const Graph& graph, const Target& target, const Args& args, const Problems& problems) {
  to_onnx::ExportOptions options;
  options.opset = target.opset;
  options.domains = args.All("--domain");
  DiagSink sink;
  const auto exported = to_onnx::ExportModel(graph, options, &sink);
  if (!exported.ok()) return problems.Show(exported.diag());
  const int status = problems.Show(sink);
  if (args.Has("--json")) {
    fmt::print("{{\"target\":{},\"runs\":{},\"nodes\":{},\"problems\":{}}}\n", JsonQuote(target.name),
               !sink.has_errors(), exported->nodes, sink.error_count());
  } else if (!problems.quiet()) {
    fmt::print("  {}: {}\n", target.name,
               sink.has_errors() ? fmt::format("no, {} nodes do not fit", sink.error_count())
                                 : fmt::format("yes, in {} nodes", exported->nodes));
  }
  return status;
}

int Run(const Args& args) {
  const auto problems = Problems::From(args);
  if (!problems.ok()) return Complain(problems.diag(), args.Text("--diag") == "json");
  std::vector<Target> targets;
  if (args.Has("--target")) {
    auto asked = TargetsOf(args.Text("--target"));
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
    for (const Target& target : targets) {
      if (!graph.ok() || sink.has_errors()) break;
      const int there = CheckTarget(*graph, target, args, *problems);
      if (there != 0 && worst == 0) worst = there;
    }
  }
  return worst;
}

}  // namespace

extern const Verb kCheckVerb = {
    "check",
    "Says whether models are valid and make sense; all problems at once, with what to do about each.",
    "FILE... [--target onnx@17,onnx@11] [--shape NAME=1,3,H,W]... [--strict] [--json]",
    "godwit check examples/shapes/model.onnx",
    kOptions,
    true,
    1,
    SIZE_MAX,
    "FILE",
    Run,
};

}  // namespace godwit::tools
