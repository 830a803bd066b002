// godwit bench: how long a warm run takes, what making the plan takes, and how much memory. Several models take turns,
// so that their ratio means something.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/text.h"
#include "tools/contender.h"
#include "tools/table.h"
#include "tools/verbs.h"

namespace godwit::tools {

namespace {

constexpr Option kOptions[] = {
    {"--iterations", OptionKind::kInt, "N", "timed runs; default: as many as fit 2 seconds, from 5 to 1000", 0, false,
     1, 1000000},
    {"--warmup", OptionKind::kInt, "N", "runs before the timed ones; default 3", 0, false, 0, 1000000},
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
    {"--runtime", OptionKind::kChoice, "own|ort|litert",
     "who runs it: godwit itself, or ONNX Runtime or LiteRT where they are installed", 0, true},
    kRuntimeLibOption,
    kReferenceOption,
    kPrecisionOption,
    kThreadsOption,
    kSeedOption,
    kJsonOption,
};

struct Measured {
  std::unique_ptr<Contender> contender;
  std::vector<double> rounds;  // milliseconds, in the order of the rounds
  std::vector<double> sorted;
  Ratio ratio;  // to the first

  // By nearest rank.
  [[nodiscard]] double Quantile(double q) const {
    const auto last = static_cast<double>(sorted.size() - 1);
    return sorted[static_cast<size_t>(std::floor(q * last + 0.5))];
  }
};

// Rounds in which each contender runs once, so that what disturbs the machine disturbs all of them.
Status Time(const Args& args, std::vector<Measured>* all) {
  const bool fixed = args.Has("--iterations");
  const int64_t most = args.Int("--iterations", 1000);
  const auto start = std::chrono::steady_clock::now();
  const double seconds = 2.0 * static_cast<double>(all->size());
  for (int64_t i = 0; i < most; ++i) {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    if (!fixed && i >= 5 && spent.count() > seconds) break;
    Progress::Say("timing", static_cast<size_t>(i), fixed ? static_cast<size_t>(most) : 0);
    for (size_t k = 0; k < all->size(); ++k) {
      // Who goes first changes from round to round.
      Measured& m = (*all)[(k + static_cast<size_t>(i)) % all->size()];
      auto ms = m.contender->Once();
      if (!ms.ok()) {
        if (ms.diag().file.empty()) ms.diag().file = m.contender->file;
        return ms.TakeDiag();
      }
      m.rounds.push_back(*ms);
    }
  }
  for (Measured& m : *all) {
    m.sorted = m.rounds;
    std::sort(m.sorted.begin(), m.sorted.end());
    m.ratio = PairedRatio(m.rounds, all->front().rounds);
  }
  return Ok{};
}

std::string Json(const Measured& m, int64_t threads) {
  const Contender& c = *m.contender;
  std::string out = fmt::format(
      "{{\"file\":{},\"runtime\":{},\"threads\":{},\"iterations\":{},\"median_ms\":{},\"p95_ms\":{},\"min_ms\":{},"
      "\"load_ms\":{},\"plan_ms\":{},\"peak_bytes\":{},\"ratio\":{},\"ratio_low\":{},\"ratio_high\":{}",
      JsonQuote(c.file), JsonQuote(c.runtime), threads, m.rounds.size(), JsonNumber(m.Quantile(0.5)),
      JsonNumber(m.Quantile(0.95)), JsonNumber(m.sorted.front()), JsonNumber(c.load_ms), JsonNumber(c.plan_ms),
      c.peak_bytes, JsonNumber(m.ratio.median), JsonNumber(m.ratio.low), JsonNumber(m.ratio.high));
  if (c.runtime == "own") {
    out += fmt::format(",\"packed_bytes\":{},\"arena_bytes\":{},\"steps\":{},\"folded_nodes\":{}",
                       c.plan.constant_bytes, c.plan.arena_bytes, c.plan.steps, c.plan.folded_nodes);
  }
  return out + "}";
}

std::string Text(const std::vector<Measured>& all) {
  std::vector<std::string> titles = {"file"};
  const bool several = all.size() > 1;
  bool others = false;
  for (const Measured& m : all) others = others || m.contender->runtime != "own";
  if (others) titles.emplace_back("runtime");
  for (const char* title : {">median ms", ">p95 ms", ">min ms", ">runs"}) titles.emplace_back(title);
  if (several) titles.emplace_back(">ratio to the first");
  for (const char* title : {">plan ms", ">weights", ">arena", ">peak"}) titles.emplace_back(title);
  Table table(titles);
  const auto ms = [](double v) { return fmt::format("{:.3f}", v); };
  const auto bytes = [](int64_t v) { return HumanBytes(static_cast<uint64_t>(v)); };
  for (const Measured& m : all) {
    const Contender& c = *m.contender;
    const bool own = c.runtime == "own";
    std::vector<std::string> cells = {Printable(c.file, 60)};
    if (others) cells.push_back(c.runtime);
    for (const double v : {m.Quantile(0.5), m.Quantile(0.95), m.sorted.front()}) cells.push_back(ms(v));
    cells.push_back(std::to_string(m.rounds.size()));
    if (several) {
      cells.push_back(
          &m == &all.front() ? "1" : fmt::format("{:.3f} [{:.3f}, {:.3f}]", m.ratio.median, m.ratio.low, m.ratio.high));
    }
    cells.push_back(ms(c.plan_ms));
    cells.push_back(own ? bytes(c.plan.constant_bytes) : "-");
    cells.push_back(own ? bytes(c.plan.arena_bytes) : "-");
    cells.push_back(HumanBytes(c.peak_bytes));
    table.Add(std::move(cells));
  }
  return table.Text();
}

int Run(const Args& args) {
  const auto problems = Problems::From(args);
  if (!problems.ok()) return Complain(problems.diag(), args.Text("--diag") == "json");
  std::vector<runtimes::Runtime*> runtimes;
  for (const std::string& name : args.All("--runtime")) {
    runtimes.push_back(nullptr);
    if (name == "own") continue;
    constexpr std::string_view kOwn[] = {"--reference", "--precision", "--bind"};
    if (const Status fits = CheckOwnOnly(args, kOwn); !fits.ok()) return problems->Show(fits.diag());
    auto found = RuntimeOf(name, args);
    if (!found.ok()) return problems->Show(found.diag());
    runtimes.back() = *found;
  }
  if (runtimes.empty()) runtimes.push_back(nullptr);
  std::vector<Measured> all;
  int status = 0;
  for (const std::string& file : args.words()) {
    for (runtimes::Runtime* runtime : runtimes) {
      int failed = 0;
      Measured m;
      m.contender = MakeContender(file, runtime, args, *problems, &failed);
      if (m.contender != nullptr) all.push_back(std::move(m));
      if (status == 0) status = failed;
    }
  }
  if (const Status timed = Time(args, &all); !timed.ok()) return problems->Show(timed.diag());
  Progress::Hide();
  if (args.Has("--json")) {
    std::string out;
    for (const Measured& m : all) out += Concat(out.empty() ? "" : ",", Json(m, args.Int("--threads", 0)));
    if (args.words().size() * runtimes.size() > 1) out = Concat("[", out, "]");
    if (!out.empty()) fmt::print("{}\n", out);
  } else if (!all.empty()) {
    fmt::print("{}", Text(all));
  }
  return status;
}

}  // namespace

extern const Verb kBenchVerb = {
    "bench",
    "Times warm runs of models, taking turns, in godwit's own interpreter or another runtime; planning is reported "
    "apart.",
    "FILE... [--runtime own|ort|litert]... [--threads N] [--iterations N] [--warmup N] [--json]",
    "godwit bench examples/shapes/model.onnx --threads 1 --iterations 20",
    kOptions,
    true,
    1,
    SIZE_MAX,
    "FILE",
    Run,
};

}  // namespace godwit::tools
