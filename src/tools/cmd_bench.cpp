// godwit bench: how long a warm run takes, what making the plan takes, and how much memory.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/text.h"
#include "tools/model_run.h"
#include "tools/table.h"
#include "tools/verbs.h"

namespace godwit::tools {

namespace {

constexpr Option kOptions[] = {
    {"--iterations", OptionKind::kInt, "N", "timed runs; default: as many as fit 2 seconds, from 5 to 1000", 0, false,
     1, 1000000},
    {"--warmup", OptionKind::kInt, "N", "runs before the timed ones; default 3", 0, false, 0, 1000000},
    kSampleOption,
    kShapeOption,
    kReferenceOption,
    kPrecisionOption,
    kThreadsOption,
    kSeedOption,
    kJsonOption,
};

struct Measured {
  std::string file;
  std::vector<double> ms;  // sorted
  double load_ms = 0;
  uint64_t peak_bytes = 0;
  PlanStats plan;

  // By nearest rank.
  [[nodiscard]] double Quantile(double q) const {
    const auto last = static_cast<double>(ms.size() - 1);
    return ms[static_cast<size_t>(q * last + 0.5)];
  }
};

using Clock = std::chrono::steady_clock;
double Milliseconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

// The most memory the process has held since its mark was last put back, where the system lets it be.
void ResetPeak() {
  if (std::FILE* f = std::fopen("/proc/self/clear_refs", "w")) {
    std::fputs("5", f);
    std::fclose(f);
  }
}
uint64_t PeakBytes() {
  if (std::FILE* f = std::fopen("/proc/self/status", "r")) {
    char line[256];
    unsigned long long kib = 0;
    bool found = false;
    while (!found && std::fgets(line, sizeof line, f) != nullptr) found = std::sscanf(line, "VmHWM: %llu", &kib) == 1;
    std::fclose(f);
    if (found) return uint64_t{kib} * 1024;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

// 0 with `out` filled, or the exit status of a problem that has been shown.
int Measure(const std::string& file, const Args& args, const Problems& problems, Measured* out) {
  ResetPeak();
  const auto start = Clock::now();
  LoadedModel model = LoadForRun(file, args, problems);
  if (model.status != 0) return model.status;
  out->file = file;
  out->load_ms = Milliseconds(start, Clock::now());
  auto inputs = InputsOf(model.graph, args, problems);
  if (!inputs.ok()) return problems.Show(inputs.diag());
  Session session(model.graph, SessionOptionsOf(args));
  const auto failed = [&](Diag& diag) {
    if (diag.file.empty()) diag.file = file;
    return problems.Show(diag);
  };
  if (Status made = session.Prepare(*inputs); !made.ok()) return failed(made.diag());
  const int64_t warmup = args.Int("--warmup", 3);
  const bool fixed = args.Has("--iterations");
  const int64_t most = args.Int("--iterations", 1000);
  const auto once = [&]() -> Result<double> {
    std::vector<RtValue> given = *inputs;
    const auto begin = Clock::now();
    TRY(auto results, session.Run(std::move(given)));
    const auto end = Clock::now();
    return Milliseconds(begin, end);
  };
  for (int64_t i = 0; i < warmup; ++i) {
    if (auto run = once(); !run.ok()) return failed(run.diag());
  }
  const auto timed = Clock::now();
  for (int64_t i = 0; i < most; ++i) {
    if (!fixed && i >= 5 && Milliseconds(timed, Clock::now()) > 2000) break;
    auto run = once();
    if (!run.ok()) return failed(run.diag());
    out->ms.push_back(*run);
  }
  std::sort(out->ms.begin(), out->ms.end());
  out->plan = session.stats();
  out->peak_bytes = PeakBytes();
  return 0;
}

std::string Json(const Measured& m, int64_t threads) {
  return fmt::format(
      "{{\"file\":{},\"runtime\":\"own\",\"threads\":{},\"iterations\":{},\"median_ms\":{},\"p95_ms\":{},\"min_ms\":{},"
      "\"load_ms\":{},\"plan_ms\":{},\"peak_bytes\":{},\"packed_bytes\":{},\"arena_bytes\":{},\"steps\":{},"
      "\"folded_nodes\":{}}}",
      JsonQuote(m.file), threads, m.ms.size(), JsonNumber(m.Quantile(0.5)), JsonNumber(m.Quantile(0.95)),
      JsonNumber(m.ms.front()), JsonNumber(m.load_ms), JsonNumber(m.plan.seconds * 1e3), m.peak_bytes,
      m.plan.constant_bytes, m.plan.arena_bytes, m.plan.steps, m.plan.folded_nodes);
}

int Run(const Args& args) {
  const auto problems = Problems::From(args);
  if (!problems.ok()) return Complain(problems.diag(), args.Text("--diag") == "json");
  const int64_t threads = args.Int("--threads", 0);
  std::vector<Measured> all;
  int status = 0;
  for (const std::string& file : args.words()) {
    Measured m;
    const int failed = Measure(file, args, *problems, &m);
    if (failed == 0) {
      all.push_back(std::move(m));
    } else if (status == 0) {
      status = failed;
    }
  }
  if (args.Has("--json")) {
    std::string out;
    for (const Measured& m : all) out += Concat(out.empty() ? "" : ",", Json(m, threads));
    if (args.words().size() > 1) out = Concat("[", out, "]");
    if (!out.empty()) fmt::print("{}\n", out);
  } else if (!all.empty()) {
    Table table({"file", ">median ms", ">p95 ms", ">min ms", ">runs", ">plan ms", ">weights", ">arena", ">peak"});
    const auto ms = [](double v) { return fmt::format("{:.3f}", v); };
    for (const Measured& m : all) {
      table.Add({Printable(m.file, 60), ms(m.Quantile(0.5)), ms(m.Quantile(0.95)), ms(m.ms.front()),
                 std::to_string(m.ms.size()), ms(m.plan.seconds * 1e3),
                 HumanBytes(static_cast<uint64_t>(m.plan.constant_bytes)),
                 HumanBytes(static_cast<uint64_t>(m.plan.arena_bytes)), HumanBytes(m.peak_bytes)});
    }
    fmt::print("{}", table.Text());
  }
  return status;
}

}  // namespace

extern const Verb kBenchVerb = {
    "bench",
    "Times warm runs of models in godwit's own interpreter; making the plan is reported apart.",
    "FILE... [--threads N] [--iterations N] [--warmup N] [--json]",
    "godwit bench examples/shapes/model.onnx --threads 1 --iterations 20",
    kOptions,
    true,
    1,
    SIZE_MAX,
    "FILE",
    Run,
};

}  // namespace godwit::tools
