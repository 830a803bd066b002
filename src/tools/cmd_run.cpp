// godwit run: one run of a model, its outputs shown and kept.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "api/arrays.h"
#include "base/text.h"
#include "tools/model_runs.h"
#include "tools/table.h"
#include "tools/value_stats.h"
#include "tools/verbs.h"
#include "verify/runtime_values.h"

namespace godwit::tools {

namespace {

using Named = std::vector<std::pair<std::string, RtValue>>;

constexpr Option kOptions[] = {
    kSampleOption,
    kDataOption,
    kMeanOption,
    kScaleOption,
    kResizeOption,
    kCropOption,
    kColorOption,
    kShapeOption,
    kDimOption,
    kBindOption,
    {"--output", OptionKind::kText, "OUT.npz", "write the outputs, each under its name", 'o'},
    {"--tap", OptionKind::kText, "TENSOR", "an inner tensor as one more output", 0, true},
    kRunsOption,
    kResetOption,
    {"--profile", OptionKind::kFlag, "", "where the time goes"},
    kRuntimeOption,
    kRuntimeLibOption,
    kReferenceOption,
    kPrecisionOption,
    kThreadsOption,
    kSeedOption,
    kJsonOption,
};

// Makes inner tensors results of the model.
Status AddTap(const std::string& name, Graph* graph) {
  Region& main = graph->region(Graph::main());
  std::vector<std::string_view> names;
  for (uint32_t i = 0; i < graph->value_count(); ++i) {
    const ValueId id{i};
    const Value& value = graph->value(id);
    const bool in_main = value.def ? graph->node(value.def).parent == Graph::main()
                                   : value.constant.valid() || value.param_of == Graph::main();
    if (!in_main || value.name.empty()) continue;
    if (value.name == name) {
      main.results.push_back(id);
      graph->output_names.push_back(name);
      return Ok{};
    }
    if (names.size() < 20000) names.push_back(value.name);
  }
  const std::string_view near = Nearest(name, names);
  return Diag(diag::kUsage, Concat("--tap: the model has no tensor named '", Printable(name, 200), "'"))
      .Hint(near.empty() ? "`godwit inspect FILE --tensors` lists them" : Concat("did you mean '", near, "'?"));
}

void PrintOutputs(const Named& outputs) {
  Table table({"output", "type", ">min", ">max", ">mean", ">nan"});
  for (const auto& [name, value] : outputs) {
    const ValueStats s = StatsOf(value);
    const auto number = [&](double v) { return s.finite > 0 ? fmt::format("{:.6g}", v) : std::string("-"); };
    table.Add(
        {Printable(name, 60), s.type, number(s.min), number(s.max), number(s.mean),
         s.numeric ? fmt::format("{}{}", s.nan, s.infinite > 0 ? fmt::format(" (+{} inf)", s.infinite) : "") : "-"});
  }
  fmt::print("{}", table.Text());
}

struct Spent {
  double seconds = 0;
  size_t steps = 0;
};

void PrintProfile(const Graph& graph, const std::vector<plan::StepTime>& profile) {
  double total = 0;
  std::map<std::string, Spent> kinds;
  for (const plan::StepTime& step : profile) {
    total += step.seconds;
    kinds[step.label].seconds += step.seconds;
    ++kinds[step.label].steps;
  }
  const auto share = [&](double seconds) { return fmt::format("{:.1f} %", total > 0 ? 100 * seconds / total : 0.0); };
  const auto ms = [](double seconds) { return fmt::format("{:.3f}", seconds * 1e3); };
  std::vector<std::pair<std::string, Spent>> sorted(kinds.begin(), kinds.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  Table by_kind({"step", ">count", ">ms", ">share"});
  for (const auto& [label, spent] : sorted) {
    by_kind.Add({label, std::to_string(spent.steps), ms(spent.seconds), share(spent.seconds)});
  }
  std::vector<const plan::StepTime*> steps;
  for (const plan::StepTime& step : profile) steps.push_back(&step);
  std::stable_sort(steps.begin(), steps.end(), [](const auto* a, const auto* b) { return a->seconds > b->seconds; });
  Table slowest({"slowest steps", "node", ">ms", ">share"});
  for (size_t i = 0; i < steps.size() && i < 15; ++i) {
    const plan::StepTime& step = *steps[i];
    const std::string node = step.node ? graph.origin(graph.node(step.node).origin).node : std::string();
    slowest.Add({step.label, Printable(node, 80), ms(step.seconds), share(step.seconds)});
  }
  fmt::print("\n{}\n{}", by_kind.Text(), slowest.Text());
}

std::string Json(const std::string& file, const Graph& graph, const Named& outputs, double seconds,
                 const std::vector<plan::StepTime>& profile) {
  std::string out = fmt::format("{{\"file\":{},\"seconds\":{},\"outputs\":[", JsonQuote(file), JsonNumber(seconds));
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto& [name, value] = outputs[i];
    const ValueStats s = StatsOf(value);
    out += fmt::format("{}{{\"name\":{},\"type\":{}", i == 0 ? "" : ",", JsonQuote(name), JsonQuote(s.type));
    if (value.is_tensor()) {
      out += fmt::format(",\"dtype\":{},\"shape\":{}", JsonQuote(Name(value.tensor.dtype())),
                         JsonDims(value.tensor.dims()));
    }
    if (s.numeric) {
      const auto number = [&](double v) { return s.finite > 0 ? JsonNumber(v) : "null"; };
      out += fmt::format(",\"min\":{},\"max\":{},\"mean\":{},\"nan\":{},\"inf\":{}", number(s.min), number(s.max),
                         number(s.mean), s.nan, s.infinite);
    }
    out += "}";
  }
  out += "]";
  if (!profile.empty()) {
    out += ",\"profile\":[";
    for (size_t i = 0; i < profile.size(); ++i) {
      const plan::StepTime& step = profile[i];
      const std::string node = step.node ? graph.origin(graph.node(step.node).origin).node : std::string();
      out += fmt::format("{}{{\"step\":{},\"node\":{},\"seconds\":{}}}", i == 0 ? "" : ",", JsonQuote(step.label),
                         JsonQuote(node), JsonNumber(step.seconds));
    }
    out += "]";
  }
  return out + "}\n";
}

struct Outcome {
  Named outputs;
  double seconds = 0;
  std::vector<plan::StepTime> profile;
  PlanStats plan;
};

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// To the error stream: it is about the run, not of the model.
void PrintEffort(const Outcome& outcome) {
  const PlanStats& plan = outcome.plan;
  fmt::print(stderr, "planned in {:.3f} s: {} steps, {} nodes folded, {} of weights, {} of arena; ran in {:.3f} s\n",
             plan.seconds, plan.steps, plan.folded_nodes, HumanBytes(static_cast<uint64_t>(plan.constant_bytes)),
             HumanBytes(static_cast<uint64_t>(plan.arena_bytes)), outcome.seconds);
}

Status RunHere(const Graph& graph, InputSets inputs, const Args& args, Outcome* out) {
  Session session(graph, SessionOptionsOf(args));
  const bool profiled = args.Has("--profile");
  Progress::Say("planning");
  RETURN_IF_ERROR(session.Prepare(inputs[0]));
  Progress::Say("running");
  if (profiled) {
    // The first run makes the plan and touches its memory; the profile is of a warm one.
    RETURN_IF_ERROR(session.Run(inputs[0]));
  }
  TRY(StateCarrier state, StateCarrier::Of(graph, args));
  InputSets runs;
  const auto start = std::chrono::steady_clock::now();
  for (std::vector<RtValue>& set : inputs) {
    state.Give(&set);
    out->profile.clear();
    TRY(auto results, session.Run(std::move(set), profiled ? &out->profile : nullptr));
    state.Take(results);
    runs.push_back(std::move(results));
  }
  out->seconds = SecondsSince(start);
  out->plan = session.stats();
  out->outputs = Together(graph.output_names, std::move(runs));
  return Ok{};
}

// A runtime that knows variables keeps state by itself; the others are given it as any input.
Status RunElsewhere(const std::string& file, const Graph& graph, InputSets inputs, const Args& args, Outcome* out) {
  constexpr std::string_view kOwn[] = {"--tap", "--profile", "--reference", "--precision", "--bind", "--reset"};
  RETURN_IF_ERROR(CheckOwnOnly(args, kOwn));
  TRY(runtimes::Runtime * runtime, RuntimeOf(args.Text("--runtime"), args));
  runtimes::OpenOptions options;
  options.threads = static_cast<int>(args.Int("--threads", 0));
  TRY(auto model, runtime->Open(file, options));
  std::vector<std::string> names;
  for (const runtimes::Port& port : model->outputs()) names.push_back(port.name);
  TRY(StateCarrier state, StateCarrier::Of(graph, args));
  const bool same_ports = names == graph.output_names;
  InputSets runs;
  const auto start = std::chrono::steady_clock::now();
  for (std::vector<RtValue>& set : inputs) {
    if (same_ports) state.Give(&set);
    TRY(auto results, RunInRuntime(model.get(), NamedInputs(graph, set)));
    if (same_ports) state.Take(results);
    runs.push_back(std::move(results));
  }
  out->seconds = SecondsSince(start);
  out->outputs = Together(names, std::move(runs));
  return Ok{};
}

int Run(const Args& args) {
  const auto problems = Problems::From(args);
  if (!problems.ok()) return Complain(problems.diag(), args.Text("--diag") == "json");
  const std::string& file = args.words()[0];
  const std::string out = args.Text("--output");
  if (!out.empty() && !out.ends_with(".npz") && !out.starts_with("/dev/")) {
    return problems->Show(Diag(diag::kUsage, Concat("'", Printable(out, 200), "' does not end in .npz"))
                              .Hint("outputs are written as one .npz, each under its name"));
  }
  LoadedModel model = LoadForRun(file, args, *problems);
  if (model.status != 0) return model.status;
  Graph& graph = model.graph;
  for (const std::string& tap : args.All("--tap")) {
    if (const Status status = AddTap(tap, &graph); !status.ok()) return problems->Show(status.diag());
  }
  auto inputs = InputSetsOf(graph, args, *problems);
  if (!inputs.ok()) return problems->Show(inputs.diag());
  Outcome outcome;
  const Status ran = args.Text("--runtime", "own") != "own"
                         ? RunElsewhere(file, graph, *std::move(inputs), args, &outcome)
                         : RunHere(graph, *std::move(inputs), args, &outcome);
  if (!ran.ok()) {
    Diag diag = ran.diag();
    if (diag.file.empty()) diag.file = file;
    return problems->Show(diag);
  }
  Progress::Hide();
  if (problems->verbose()) PrintEffort(outcome);
  const Named& outputs = outcome.outputs;
  if (!out.empty()) {
    std::vector<std::string> read = {file};
    AddFilesRead(args, &read);
    if (const Status status = WriteValues(out, outputs, read); !status.ok()) return problems->Show(status.diag());
  }
  if (args.Has("--json")) {
    fmt::print("{}", Json(file, graph, outputs, outcome.seconds, outcome.profile));
  } else if (!problems->quiet()) {
    PrintOutputs(outputs);
    if (!outcome.profile.empty()) PrintProfile(graph, outcome.profile);
    if (!out.empty() && !out.starts_with("/dev/")) fmt::print("wrote {}\n", out);
  }
  return 0;
}

}  // namespace

extern const Verb kRunVerb = {
    "run",
    "Runs a model on given or drawn inputs and shows dtype, shape and range of each output.",
    "FILE [--sample NAME=FILE]... [--shape NAME=1,3,H,W]... [-o OUT.npz] [--tap TENSOR]... [--profile] "
    "[--runtime ort]",
    "godwit run examples/shapes/model.onnx --shape image=2,1,32,32",
    kOptions,
    true,
    1,
    1,
    "FILE",
    Run,
};

}  // namespace godwit::tools
