#include "verify/proof.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <thread>

#include "base/text.h"
#include "exec/session.h"
#include "ir/walk.h"
#include "rewrite/ports.h"
#include "verify/carried_states.h"
#include "verify/cut.h"
#include "verify/judging.h"
#include "verify/model_runner.h"
#include "verify/output_traits.h"
#include "verify/quantised_outputs.h"
#include "verify/runtime_judge.h"
#include "verify/sample_plan.h"
#include "verify/source_noise.h"

namespace godwit {

namespace {

using Values = std::vector<RtValue>;
using Clock = std::chrono::steady_clock;

class Prover {
 public:
  Prover(const Graph& source, const Graph& written, const ProofOptions& options, ProofReport* report)
      : source_(&source), written_(&written), options_(options), report_(*report) {}

  Status Run();

 private:
  bool Differs(std::string why) {
    report_.verdict = Verdict::kDiffers;
    report_.reason = std::move(why);
    return false;
  }
  bool NotRun(std::string why) {
    report_.verdict = Verdict::kNotRun;
    report_.reason = std::move(why);
    return false;
  }
  bool Cut();
  bool MatchPorts();
  void PlanSamples();
  void StartSessions();
  Result<Values> MakeSample(int index, const DimSizes& sizes) const;
  /// The written model's inputs, of the source's.
  [[nodiscard]] Values Picked(const Values& inputs) const;
  /// Both models on the same inputs, at the same time where there are threads for it.
  void RunBoth(const Values& inputs, std::optional<Result<Values>>* ours, std::optional<Result<Values>>* theirs);
  /// Both models on one sample.
  struct Pair {
    size_t set = 0;  // of sizes
    Values inputs, reference;
    std::optional<Result<Values>> actual;
  };
  enum class Ran : uint8_t { kYes, kNotThis, kNever };
  Ran RunAt(int index, Pair* pair);
  bool RunSample(int index);
  void JudgeSample(int index, const Values& inputs, const Values& reference, const Values& actual);
  bool FindSizes(size_t set, int index, Values* inputs, Values* reference, std::optional<Result<Values>>* actual);
  bool OpenJudge();
  void KeepWorst(SampleKind kind, const Values& inputs);
  void Conclude();

  const Graph* source_;
  const Graph* written_;
  const ProofOptions& options_;
  ProofReport& report_;
  Graph cut_source_, cut_written_;
  std::optional<SourceNoise> noise_;
  int threads_ = 1;
  std::unique_ptr<ModelRunner> source_session_, written_session_;
  std::vector<size_t> input_of_;   // the source's input for each of the written model's; kOwn: a state that only it has
  std::vector<size_t> output_of_;  // the written model's output for each of the source's
  std::vector<OutputJudge> judges_;
  size_t file_outputs_ = 0;  // how many of them the file has: what a cut laid open comes behind
  std::unique_ptr<RuntimeJudge> elsewhere_;
  std::vector<std::vector<DimSizes>> ladders_;  // one for each of the sizes to try
  std::vector<std::optional<DimSizes>> sizes_;  // the ones that were found to run
  std::vector<SampleKind> kinds_;
  static constexpr size_t kOwn = SIZE_MAX;
  CarriedStates states_;
  double worst_rank_ = -1;
};

int64_t OpsetOf(const Graph& graph) {
  for (const auto& [domain, version] : graph.opsets) {
    if (domain.empty() || domain == "ai.onnx") return version;
  }
  return 0;
}

bool Prover::Cut() {
  file_outputs_ = source_->output_names.size();
  if (!HasOpaque(*source_) && !HasOpaque(*written_)) return true;
  cut_source_ = source_->Clone();
  cut_written_ = written_->Clone();
  auto cut = CutOpaque(&cut_source_, &cut_written_);
  if (!cut.ok()) return NotRun(cut.diag().what);
  std::string names;
  for (const std::string& name : *cut) names += Concat(names.empty() ? "" : ", ", Printable(name, 100));
  report_.notes.push_back(Concat("cut around operators that only their own runtime knows: ", names));
  source_ = &cut_source_;
  written_ = &cut_written_;
  return true;
}

bool Prover::MatchPorts() {
  const std::vector<std::string> inputs = InputNames(*source_);
  for (const std::string& name : InputNames(*written_)) {
    const size_t at = FindName(inputs, name);
    if (at == inputs.size() && states_.TakeOwn(*written_, name, input_of_.size())) {
      input_of_.push_back(kOwn);
      continue;
    }
    if (at == inputs.size()) {
      return Differs(Concat("the written model has an input '", Printable(name, 200), "' that the source has not"));
    }
    input_of_.push_back(at);
  }
  const std::vector<std::string> random = RandomOrigins(*source_);
  for (size_t i = 0; i < source_->output_names.size(); ++i) {
    const std::string& name = source_->output_names[i];
    const size_t at = FindName(written_->output_names, name);
    if (at == written_->output_names.size()) {
      return Differs(Concat("the written model has no output '", Printable(name, 200), "'"));
    }
    output_of_.push_back(at);
    const auto stated = options_.tolerances.find(name);
    const auto any = options_.tolerances.find("");
    const StatedTolerance* tolerance = stated != options_.tolerances.end() ? &stated->second
                                       : any != options_.tolerances.end()  ? &any->second
                                                                           : nullptr;
    judges_.emplace_back(name, options_.floor, noise_->factor(), tolerance, random[i]);
    if (const auto quant = options_.judged_quants.find(name); quant != options_.judged_quants.end()) {
      const std::vector<double>& scales = quant->second->scales;
      if (!scales.empty()) judges_.back().SetStep(*std::max_element(scales.begin(), scales.end()));
    } else if (noise_->written_in_integers()) {
      judges_.back().SetStep(StepOf(*source_, source_->region(Graph::main()).results[i]));
    }
  }
  if (source_->output_names.empty()) return NotRun("the model has no outputs");
  return true;
}

void Prover::PlanSamples() {
  ladders_.push_back(SizesToTry(*source_, options_.inputs, 0));
  if (!OpenDims(*source_, options_.inputs).empty()) ladders_.push_back(SizesToTry(*source_, options_.inputs, 1));
  sizes_.resize(ladders_.size());
  // What is written has sizes that the source may only work out when it runs.
  report_.macs = std::max(MacsAt(*source_, ladders_[0][0]), MacsAt(*written_, ladders_[0][0]));
  const bool large = report_.macs > kManyMacs;
  report_.samples = options_.samples > 0 ? options_.samples : large ? kProofSamplesLarge : kProofSamples;
  if (large) noise_->Allow(1);
  // Where steps fall depends on the sample.
  if (noise_->quantised()) noise_->Allow(report_.samples);
  bool drawn = false;
  for (const std::string& name : InputNames(*source_)) {
    const auto spec = options_.inputs.find(name);
    drawn = drawn || spec == options_.inputs.end() || spec->second.value.absent();
  }
  // What is stated whole leaves nothing to vary.
  if (!drawn && options_.data.empty() && ladders_.size() == 1) report_.samples = 1;
  kinds_ = SampleKinds(report_.samples, options_.data.size());
}

void Prover::StartSessions() {
  threads_ =
      options_.threads > 0 ? options_.threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  SessionOptions options;
  options.threads = std::max(1, threads_ / 2);
  options.run.seed = options_.seed;
  if (WeightBytes(*source_) > ModelRunner::Sizes().whole) options.threads = threads_;
  noise_->SetThreads(threads_);
  source_session_ = std::make_unique<ModelRunner>(*source_, options);
  written_session_ = std::make_unique<ModelRunner>(*written_, options);
}

Result<Values> Prover::MakeSample(int index, const DimSizes& sizes) const {
  SampleRequest request;
  request.kind = kinds_[static_cast<size_t>(index)];
  request.seed = options_.seed + static_cast<uint64_t>(index) * 7919;
  request.sizes = sizes;
  const auto with_state = [&](Result<Values> sample) {
    if (sample.ok()) states_.PutInto(&*sample);
    return sample;
  };
  if (request.kind != SampleKind::kGiven) return with_state(DrawSample(*source_, options_.inputs, request));
  const auto given = static_cast<size_t>(std::count(kinds_.begin(), kinds_.begin() + index, SampleKind::kGiven));
  Values values = options_.data[given];
  // What a real sample does not give is drawn: a cut adds inputs of its own.
  InputSpecs specs = options_.inputs;
  const std::vector<std::string> names = InputNames(*source_);
  for (size_t i = 0; i < values.size() && i < names.size(); ++i) {
    if (!values[i].absent()) specs[names[i]].value = std::move(values[i]);
  }
  return with_state(DrawSample(*source_, specs, request));
}

Values Prover::Picked(const Values& inputs) const {
  Values picked;
  for (size_t i = 0; i < input_of_.size(); ++i) {
    picked.push_back(input_of_[i] == kOwn ? states_.Own(i) : inputs[input_of_[i]]);
  }
  return picked;
}

void Prover::RunBoth(const Values& inputs, std::optional<Result<Values>>* ours, std::optional<Result<Values>>* theirs) {
  const auto other = [&] { theirs->emplace(written_session_->Run(Picked(inputs))); };
  // Large models take turns: each for itself takes what memory it takes.
  if (threads_ == 1 || source_session_->segmented() || written_session_->segmented()) {
    ours->emplace(source_session_->Run(inputs));
    other();
    return;
  }
  std::thread lane(other);
  ours->emplace(source_session_->Run(inputs));
  lane.join();
}

// Goes down the ladder to sizes that the source takes; false when there are none.
bool Prover::FindSizes(size_t set, int index, Values* inputs, Values* reference,
                       std::optional<Result<Values>>* actual) {
  std::string first;
  for (const DimSizes& sizes : ladders_[set]) {
    if (set > 0 && sizes_[0] && sizes == *sizes_[0]) continue;
    auto sample = MakeSample(index, sizes);
    std::optional<Result<Values>> ours;
    if (sample.ok()) {
      RunBoth(*sample, &ours, actual);
      if (ours->ok()) {
        sizes_[set] = sizes;
        *inputs = *std::move(sample);
        *reference = **std::move(ours);
        return true;
      }
    }
    if (first.empty()) first = sample.ok() ? ours->diag().what : sample.diag().what;
  }
  if (set == 0) return NotRun(Concat("the source does not run: ", first));
  return false;
}

// kNotThis where the source does not take such a sample, kNever where there is nothing to prove: the report says why.
Prover::Ran Prover::RunAt(int index, Pair* pair) {
  // Sizes take turns, so that each meets random values and edges.
  const size_t set = ladders_.size() > 1 ? static_cast<size_t>(index) % ladders_.size() : 0;
  pair->set = set;
  if (!sizes_[set]) {
    if (FindSizes(set, index, &pair->inputs, &pair->reference, &pair->actual)) return Ran::kYes;
    if (set == 0) return Ran::kNever;
    report_.notes.push_back(Concat("runs at one size only: ", ToString(*sizes_[0])));
    ladders_.resize(1);
    pair->set = 0;
  }
  auto sample = MakeSample(index, *sizes_[pair->set]);
  std::optional<Result<Values>> ours;
  if (sample.ok()) RunBoth(*sample, &ours, &pair->actual);
  if (sample.ok() && ours->ok()) {
    pair->inputs = *std::move(sample);
    pair->reference = **std::move(ours);
    return Ran::kYes;
  }
  const std::string why = sample.ok() ? ours->diag().what : sample.diag().what;
  const SampleKind kind = kinds_[static_cast<size_t>(index)];
  if (kind == SampleKind::kGiven) {
    NotRun(why);
    return Ran::kNever;
  }
  report_.notes.push_back(Concat("the source does not take ", Name(kind), " values: ", why));
  return Ran::kNotThis;
}

bool Prover::RunSample(int index) {
  Pair pair;
  const Ran ran = RunAt(index, &pair);
  if (ran != Ran::kYes) return ran == Ran::kNotThis;
  if (!pair.actual->ok()) {
    const DimSizes& sizes = *sizes_[pair.set];
    const std::string at = sizes.empty() ? "" : Concat(" at ", ToString(sizes));
    return Differs(Concat("the written model does not run", at, ": ", pair.actual->diag().what));
  }
  JudgeSample(index, pair.inputs, pair.reference, **pair.actual);
  states_.Carry(*source_, pair.reference, options_);
  states_.CarryOwn(*written_, **pair.actual);
  return true;
}

void Prover::JudgeSample(int index, const Values& inputs, const Values& reference, const Values& actual) {
  SampleContext sample;
  sample.kind = kinds_[static_cast<size_t>(index)];
  sample.noise = [&]() { return noise_->Of(index, inputs, reference); };
  // Our kernels round alike on both sides, but beyond the usual range what they round is large.
  const auto moved = [&]() { return noise_->Sensitivity(index, source_session_.get(), inputs, reference); };
  if (sample.kind == SampleKind::kLarge) sample.sensitivity = moved;
  sample.source = source_;
  sample.inputs = &inputs;
  sample.threads = threads_;
  sample.sequence = !states_.empty();
  const bool in_reals = noise_->judged_in_reals();
  if (in_reals) sample.in_reals = [&](size_t output) { return noise_->InReals(index, inputs, output); };
  const auto real = [&](size_t output) { return noise_->WrittenInReals(index, Picked(inputs), output_of_[output]); };
  if (noise_->written_in_integers()) {
    sample.integers = [&](size_t output) { return &actual[output_of_[output]]; };
    sample.steps_of = [&](size_t output) {
      const RtValue* value = real(output);
      Meter meter(false);
      const Deviation d = value != nullptr ? meter.Add(*value, *sample.integers(output)) : Deviation();
      return d.mismatch.empty() && !d.discrete ? d.worst : 0.0;
    };
  }
  for (size_t i = 0; i < judges_.size(); ++i) {
    sample.output = i;
    if (noise_->written_in_integers()) {
      sample.stands_for = [&, i] { return real(i); };
      sample.with_stored_biases = [&, i] { return noise_->WithStoredBiases(index, inputs, i); };
    }
    if (in_reals) sample.alternative = [&, i] { return noise_->InReals(index, inputs, i); };
    judges_[i].Judge(actual[output_of_[i]], reference[i], sample);
  }
  sample.sensitivity = moved;
  if (elsewhere_->ready()) {
    std::string fault = elsewhere_->Judge(index, InputNames(*source_), inputs, reference, sample);
    if (!fault.empty()) Differs(std::move(fault));
  }
  KeepWorst(sample.kind, inputs);
}

void Prover::KeepWorst(SampleKind kind, const Values& inputs) {
  double rank = elsewhere_->rank();
  for (const OutputJudge& judge : judges_) rank = std::max(rank, judge.rank());
  if (source_ == &cut_source_ || (rank <= worst_rank_ && !report_.worst_inputs.empty())) return;
  worst_rank_ = rank;
  report_.worst_kind = kind;
  report_.worst_inputs = inputs;
}

bool Prover::OpenJudge() {
  const bool large = source_session_->segmented() || written_session_->segmented();
  if (large && !options_.judge_large && options_.judge != nullptr) {
    report_.notes.push_back(
        Concat("not judged by ", options_.judge->name(), ": the weights are large, and it copies them"));
  }
  std::vector<OutputJudge> judges(judges_.begin(), judges_.begin() + static_cast<std::ptrdiff_t>(file_outputs_));
  if (options_.source_file.empty()) {
    const std::vector<ValueId>& results = source_->region(Graph::main()).results;
    for (size_t i = 0; i < judges.size(); ++i) {
      judges[i].SetNoiseFactor(options_.foreign_factor);
      if (IsOfUnitRange(*source_, results[i])) judges[i].SetStep(0x1p-23);
    }
  }
  elsewhere_ = std::make_unique<RuntimeJudge>(options_, std::move(judges), source_ == &cut_source_, threads_);
  // It may be too old for a newer operator set, which is no fault of the file.
  if (large && !options_.judge_large) return true;
  std::string fault = elsewhere_->Open(OpsetOf(*written_) <= OpsetOf(*source_));
  return fault.empty() || Differs(std::move(fault));
}

void Prover::Conclude() {
  report_.judges = "godwit";
  for (OutputJudge& judge : judges_) report_.outputs.push_back(judge.Conclude());
  elsewhere_->Conclude(&report_);
  const auto any = [&](Verdict verdict) -> const OutputProof* {
    for (const OutputProof& o : report_.outputs) {
      if (o.verdict == verdict) return &o;
    }
    return nullptr;
  };
  if (report_.verdict == Verdict::kDiffers) return;
  if (const OutputProof* o = any(Verdict::kDiffers)) {
    Differs(Concat("output '", Printable(o->name, 200), "' ", o->note, " (", o->judge, ")"));
  } else if (any(Verdict::kProved) != nullptr) {
    report_.verdict = Verdict::kProved;
  } else if (const OutputProof* v = any(Verdict::kVacuous)) {
    report_.verdict = Verdict::kVacuous;
    report_.reason = Concat("no output could have differed: '", Printable(v->name, 200), "' is ", v->note);
  } else {
    NotRun(report_.outputs.empty() ? "nothing was compared" : report_.outputs.front().note);
  }
}

Status Prover::Run() {
  for (const auto& [name, spec] : options_.inputs) {
    if (FindName(InputNames(*source_), name) == source_->region(Graph::main()).params.size()) {
      return Diag(diag::kExecInput, Concat("the source has no input '", Printable(name, 200), "'"));
    }
  }
  if (!Cut()) return Ok{};
  noise_.emplace(source_, *written_, options_.noise_factor, options_.seed);
  if (!MatchPorts()) return Ok{};
  PlanSamples();
  StartSessions();
  // States of other sizes are other states.
  if (ladders_.size() == 1) {
    RETURN_IF_ERROR(states_.Find(*source_));
  }
  if (!states_.empty() && report_.samples > 1) {
    report_.notes.push_back(
        fmt::format("{} runs one after the other: each begins with the state that the last one left", report_.samples));
  }
  if (states_.own() > 0) {
    report_.notes.push_back(fmt::format(
        "the written model keeps {} state{} that the source has not: {} runs one after the other show that {} nothing",
        states_.own(), states_.own() == 1 ? "" : "s", report_.samples,
        states_.own() == 1 ? "it changes" : "they change"));
  }
  if (!OpenJudge()) return Ok{};
  report_.verdict = Verdict::kProved;
  for (int i = 0; i < report_.samples; ++i) {
    if (!RunSample(i)) return Ok{};
    // What already differs stays so: the figures of a few samples are enough.
    if (report_.verdict == Verdict::kDiffers) break;
  }
  std::string tried;
  for (const auto& sizes : sizes_) {
    if (sizes && !sizes->empty()) tried += Concat(tried.empty() ? "" : "; ", ToString(*sizes));
  }
  if (!noise_->failure().empty()) report_.notes.push_back(noise_->failure());
  if (!tried.empty()) report_.notes.push_back(Concat("sizes: ", tried));
  Conclude();
  return Ok{};
}

}  // namespace

Result<ProofReport> Prove(const Graph& source, const Graph& written, const ProofOptions& options) {
  const auto start = Clock::now();
  ProofReport report;
  ProofOptions real = options;
  TRY(const auto pair, InRealNumbers(source, written, &real));
  if (pair) {
    RETURN_IF_ERROR(Prover(pair->first, pair->second, real, &report).Run());
    report.notes.emplace_back("quantised outputs are judged as the real numbers that they stand for");
  } else {
    RETURN_IF_ERROR(Prover(source, written, options, &report).Run());
  }
  report.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return report;
}

}  // namespace godwit
