#include "tools/contender.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "base/text.h"
#include "verify/runtime_values.h"

namespace godwit::tools {

namespace {

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
uint64_t StatusBytes(const char* format) {
  unsigned long long kib = 0;
  if (std::FILE* f = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, f) != nullptr && std::sscanf(line, format, &kib) != 1) {
    }
    std::fclose(f);
  }
  return uint64_t{kib} * 1024;
}
uint64_t PeakBytes() {
  if (const uint64_t peak = StatusBytes("VmHWM: %llu"); peak > 0) return peak;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

class OwnContender : public Contender {
 public:
  OwnContender(Graph graph, const SessionOptions& options) : graph_(std::move(graph)), session_(graph_, options) {}
  Status Prepare(const Args& args, const Problems& problems) {
    TRY(inputs_, InputsOf(graph_, args, problems));
    RETURN_IF_ERROR(session_.Prepare(inputs_));
    plan = session_.stats();
    plan_ms = plan.seconds * 1e3;
    return Ok{};
  }
  Result<double> Once() override {
    std::vector<RtValue> given = inputs_;
    const auto begin = Clock::now();
    TRY(auto results, session_.Run(std::move(given)));
    return Milliseconds(begin, Clock::now());
  }

 private:
  Graph graph_;
  Session session_;
  std::vector<RtValue> inputs_;
};

class RuntimeContender : public Contender {
 public:
  Status Prepare(const Graph& graph, runtimes::Runtime* judge, const Args& args, const Problems& problems) {
    TRY(const auto values, InputsOf(graph, args, problems));
    runtimes::OpenOptions options;
    options.threads = static_cast<int>(args.Int("--threads", 0));
    const auto start = Clock::now();
    TRY(model_, judge->Open(file, options));
    plan_ms = Milliseconds(start, Clock::now());
    TRY(inputs_, ArraysFor(*model_, NamedInputs(graph, values)));
    return Ok{};
  }
  Result<double> Once() override {
    const auto begin = Clock::now();
    TRY(auto results, model_->Run(inputs_));
    return Milliseconds(begin, Clock::now());
  }

 private:
  std::unique_ptr<runtimes::Model> model_;
  std::vector<runtimes::Array> inputs_;
};

}  // namespace

std::unique_ptr<Contender> MakeContender(const std::string& file, runtimes::Runtime* runtime, const Args& args,
                                         const Problems& problems, int* status) {
  const uint64_t before = StatusBytes("VmRSS: %llu");
  static const uint64_t kAtStart = before;
  ResetPeak();
  const auto start = Clock::now();
  LoadedModel model = LoadForRun(file, args, problems);
  *status = model.status;
  if (model.status != 0) return nullptr;
  const double load_ms = Milliseconds(start, Clock::now());
  std::unique_ptr<Contender> out;
  Status ready = Ok{};
  const auto warm = [&](Contender& contender) -> Status {
    for (int64_t i = 0; i < args.Int("--warmup", 3); ++i) {
      RETURN_IF_ERROR(contender.Once());
    }
    return Ok{};
  };
  if (runtime == nullptr) {
    auto own = std::make_unique<OwnContender>(std::move(model.graph), SessionOptionsOf(args));
    own->runtime = "own";
    ready = own->Prepare(args, problems);
    out = std::move(own);
  } else {
    auto other = std::make_unique<RuntimeContender>();
    other->runtime = Concat(runtime->name(), " ", runtime->version());
    other->file = file;
    ready = other->Prepare(model.graph, runtime, args, problems);
    out = std::move(other);
  }
  out->file = file;
  out->load_ms = load_ms;
  if (ready.ok()) ready = warm(*out);
  if (!ready.ok()) {
    if (ready.diag().file.empty()) ready.diag().file = file;
    *status = problems.Show(ready.diag());
    return nullptr;
  }
  const uint64_t peak = PeakBytes(), others = before - std::min(before, kAtStart);
  out->peak_bytes = peak - std::min(peak, others);
  return out;
}

Ratio PairedRatio(const std::vector<double>& series, const std::vector<double>& first) {
  std::vector<double> ratios;
  for (size_t i = 0; i < series.size() && i < first.size(); ++i) {
    if (first[i] > 0) ratios.push_back(series[i] / first[i]);
  }
  Ratio out;
  if (ratios.empty()) return out;
  std::sort(ratios.begin(), ratios.end());
  // The ranks between which the median lies in 95 of 100 cases, by the normal form of the binomial.
  const auto n = static_cast<double>(ratios.size());
  const double reach = 0.98 * std::sqrt(n);
  const auto rank = [&](double r) { return static_cast<size_t>(std::clamp(r, 1.0, n)) - 1; };
  out.low = ratios[rank(std::floor(n / 2 - reach))];
  out.high = ratios[rank(std::ceil(1 + n / 2 + reach))];
  out.median = ratios.size() % 2 == 1 ? ratios[ratios.size() / 2]
                                      : (ratios[ratios.size() / 2 - 1] + ratios[ratios.size() / 2]) / 2;
  return out;
}

}  // namespace godwit::tools
