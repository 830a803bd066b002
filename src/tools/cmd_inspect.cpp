// godwit inspect: what is in a model.
#include <fmt/format.h>

#include <cstdio>

#include "api/inputs.h"
#include "api/load.h"
#include "base/atomic_file.h"
#include "base/text.h"
#include "ir/text.h"
#include "report/graph_page.h"
#include "report/summary.h"
#include "tools/model_run.h"
#include "tools/problems.h"
#include "tools/verbs.h"

namespace godwit::tools {

namespace {

constexpr Option kOptions[] = {
    {"--layers", OptionKind::kFlag, "", "add the table of layers: name, operator, result, parameters, multiply-adds"},
    {"--graph", OptionKind::kText, "OUT.html", "draw the graph into one page that needs no network"},
    {"--text", OptionKind::kFlag, "", "print the graph in godwit's text form instead of the summary"},
    kShapeOption,
    kDimOption,
    kBindOption,
    kJsonOption,
};

Status WritePage(const std::string& path, const Graph& graph, const std::string& file) {
  TRY(AtomicFile out, AtomicFile::Create(path, std::span<const std::string>(&file, 1)));
  const size_t slash = file.find_last_of('/');
  RETURN_IF_ERROR(out.Write(GraphPage(graph, slash == std::string::npos ? file : file.substr(slash + 1))));
  return out.Commit();
}

int Run(const Args& args) {
  const auto problems = Problems::From(args);
  if (!problems.ok()) return Complain(problems.diag(), args.Text("--diag") == "json");
  const std::string& file = args.words()[0];
  DiagSink sink;
  auto graph = LoadAsAsked(file, args, *problems, &sink);
  if (!graph.ok()) {
    sink.Add(std::move(graph.diag()));
    return problems->Show(sink);
  }
  Progress::Hide();
  if (args.Has("--text")) {
    auto text = PrintGraph(*graph);
    if (!text.ok()) return problems->Show(text.diag());
    fmt::print("{}", *text);
  } else {
    const bool layers = args.Has("--layers");
    const ModelSummary summary = Summarise(*graph, layers);
    fmt::print("{}", args.Has("--json") ? SummaryJson(summary, layers) : SummaryText(summary, layers));
  }
  if (args.Has("--graph")) {
    const std::string page = args.Text("--graph");
    if (Status written = WritePage(page, *graph, file); !written.ok()) return problems->Show(written.diag());
    if (!problems->quiet() && !args.Has("--json")) fmt::print("\nwrote {}\n", Printable(page));
  }
  std::fflush(stdout);
  return problems->Show(sink);
}

}  // namespace

extern const Verb kInspectVerb = {
    "inspect",
    "Shows what is in a model: inputs and outputs, operators, weights, multiply-adds, memory.",
    "FILE [--layers] [--graph OUT.html] [--shape NAME=1,3,H,W]... [--json]",
    "godwit inspect examples/shapes/model.onnx --layers",
    kOptions,
    true,
    1,
    1,
    "FILE",
    Run,
};

}  // namespace godwit::tools
