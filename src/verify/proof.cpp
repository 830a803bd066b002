#include "verify/proof.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <thread>

#include "base/text.h"
#include "exec/session.h"
#include "ir/convert.h"
#include "ir/state.h"
#include "ir/walk.h"
#include "ops/arithmetic.h"
#include "ops/ops.h"
#include "rewrite/ports.h"
#include "verify/cut.h"
#include "verify/judging.h"
#include "verify/model_runner.h"
#include "verify/runtime_judge.h"
#include "verify/sample_plan.h"

namespace godwit {

namespace {

using Values = std::vector<RtValue>;
using Clock = std::chrono::steady_clock;

// Runs in f64, to measure the source's own noise, for at most this many samples that need it.
constexpr int kNoiseRuns = 3;
// Tolerance in units of what a model in integers is off from what it stands for.
constexpr double kStepsFactor = 1.5;

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
  void StripArithmetic();
  /// What the source gives in real numbers, where it computes in integers and the written model does not.
  const RtValue* InReals(int index, const Values& inputs, size_t output);
  const std::vector<double>* SensitivityOf(int index, const Values& inputs, const Values& reference);
  void StartSessions();
  Result<Values> MakeSample(int index, const DimSizes& sizes) const;
  /// What a run of the source left is what the next sample begins with.
  void CarryOn(const Values& reference);
  /// The same of the written model's own states.
  void CarryOwn(const Values& actual);
  bool TakeOwnState(const std::string& input);
  /// Both models on the same inputs, at the same time where there are threads for it.
  void RunBoth(const Values& inputs, std::optional<Result<Values>>* ours, std::optional<Result<Values>>* theirs);
  bool RunSample(int index);
  bool FindSizes(size_t set, int index, Values* inputs, Values* reference, std::optional<Result<Values>>* actual);
  bool OpenJudge();
  void KeepWorst(SampleKind kind, const Values& inputs);
  /// |f32 - f64| of each output of the source on sample `index`; null when no further run in f64 is due.
  const std::vector<double>* NoiseOf(int index, const Values& inputs, const Values& reference);
  void Conclude();

  const Graph* source_;
  const Graph* written_;
  const ProofOptions& options_;
  ProofReport& report_;
  Graph cut_source_, cut_written_;
  Graph plain_source_;  // without the arithmetic of integers, where the source has it
  bool quantised_ = false;
  bool reals_judge_ = false;  // the written model states no arithmetic of integers
  int threads_ = 1;
  std::unique_ptr<ModelRunner> source_session_, written_session_, wide_session_, plain_session_;
  std::vector<size_t> input_of_;   // the source's input for each of the written model's; kOwn: a state that only it has
  std::vector<size_t> output_of_;  // the written model's output for each of the source's
  std::vector<OutputJudge> judges_;
  size_t file_outputs_ = 0;  // how many of them the file has: what a cut laid open comes behind
  std::unique_ptr<RuntimeJudge> elsewhere_;
  std::vector<std::vector<DimSizes>> ladders_;  // one for each of the sizes to try
  std::vector<std::optional<DimSizes>> sizes_;  // the ones that were found to run
  std::vector<SampleKind> kinds_;
  struct Noise {
    int sample = -1;
    std::vector<double> values;
  };
  Noise noise_;
  std::vector<StateSlot> states_;
  // What the written model keeps from run to run and the source does not: it must make no difference.
  static constexpr size_t kOwn = SIZE_MAX;
  std::vector<StateSlot> own_states_;
  std::map<size_t, RtValue> own_left_;  // by the written model's inputs
  std::map<size_t, RtValue> left_;      // by the source's inputs
  Noise moved_;
  int reals_of_ = -1;
  Values reals_;
  int noise_runs_left_ = kNoiseRuns;
  double worst_rank_ = -1;
};

size_t FindName(const std::vector<std::string>& names, const std::string& name) {
  return static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

std::vector<std::string> InputNames(const Graph& graph) {
  std::vector<std::string> out;
  for (const ValueId id : graph.region(Graph::main()).params) out.push_back(graph.value(id).name);
  return out;
}

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

bool Prover::TakeOwnState(const std::string& input) {
  const auto states = StatesOf(*written_);
  if (!states.ok()) return false;
  for (const StateSlot& slot : *states) {
    if (slot.input != input || !slot.initial.valid()) continue;
    own_left_[input_of_.size()] = RtValue(slot.initial);
    own_states_.push_back(slot);
    return true;
  }
  return false;
}

void Prover::CarryOwn(const Values& actual) {
  const std::vector<std::string> names = InputNames(*written_);
  for (const StateSlot& slot : own_states_) {
    const size_t in = FindName(names, slot.input), out = FindName(written_->output_names, slot.output);
    if (in < names.size() && out < actual.size()) own_left_[in] = actual[out];
  }
}

bool Prover::MatchPorts() {
  const std::vector<std::string> inputs = InputNames(*source_);
  for (const std::string& name : InputNames(*written_)) {
    const size_t at = FindName(inputs, name);
    if (at == inputs.size() && TakeOwnState(name)) {
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
    // Between integers and what they stand for there is one arithmetic, not two.
    const double factor = quantised_ ? std::min(options_.noise_factor, kStepsFactor) : options_.noise_factor;
    judges_.emplace_back(name, options_.floor, factor, tolerance, random[i]);
    if (const auto quant = options_.judged_quants.find(name); quant != options_.judged_quants.end()) {
      const std::vector<double>& scales = quant->second->scales;
      if (!scales.empty()) judges_.back().SetStep(*std::max_element(scales.begin(), scales.end()));
    }
  }
  if (source_->output_names.empty()) return NotRun("the model has no outputs");
  return true;
}

void Prover::PlanSamples() {
  ladders_.push_back(SizesToTry(*source_, options_.inputs, 0));
  if (!OpenDims(*source_, options_.inputs).empty()) ladders_.push_back(SizesToTry(*source_, options_.inputs, 1));
  sizes_.resize(ladders_.size());
  report_.macs = MacsAt(*source_, ladders_[0][0]);
  const bool large = report_.macs > kManyMacs;
  report_.samples = options_.samples > 0 ? options_.samples : large ? kProofSamplesLarge : kProofSamples;
  if (large) noise_runs_left_ = 1;
  // Where steps fall depends on the sample.
  if (quantised_) noise_runs_left_ = report_.samples;
  bool drawn = false;
  for (const std::string& name : InputNames(*source_)) {
    const auto spec = options_.inputs.find(name);
    drawn = drawn || spec == options_.inputs.end() || spec->second.value.absent();
  }
  // What is stated whole leaves nothing to vary.
  if (!drawn && options_.data.empty() && ladders_.size() == 1) report_.samples = 1;
  // Real samples take the place of random ones, and leave the edges theirs.
  const auto real = std::min(static_cast<int>(options_.data.size()), std::max(1, report_.samples - 4));
  kinds_ = SampleKinds(report_.samples);
  for (int i = 0; i < real && !options_.data.empty(); ++i) {
    const auto drawn_at = std::find_if(kinds_.begin(), kinds_.end(), [](SampleKind k) {
      return k == SampleKind::kRandom || k == SampleKind::kSigned;
    });
    kinds_.erase(drawn_at == kinds_.end() ? kinds_.end() - 1 : drawn_at);
    kinds_.insert(kinds_.begin(), SampleKind::kGiven);
  }
}

// A model that computes in integers is off from what it stands for by its steps, not by the rounding of floats: its
// noise is told by the same operators in real numbers.
void Prover::StripArithmetic() {
  const auto steps = [&](const Graph& graph, NodeId id) { return graph.node(id).attrs.Has(ops::kArithmetic); };
  for (const NodeId id : NodesWithin(*source_)) quantised_ = quantised_ || steps(*source_, id);
  if (!quantised_) return;
  const std::vector<NodeId> written = NodesWithin(*written_);
  reals_judge_ = std::none_of(written.begin(), written.end(), [&](NodeId id) { return steps(*written_, id); });
  plain_source_ = source_->Clone();
  for (const NodeId id : NodesWithin(plain_source_)) {
    if (steps(plain_source_, id)) plain_source_.node(id).attrs.Erase(ops::kArithmetic);
  }
}

void Prover::StartSessions() {
  threads_ =
      options_.threads > 0 ? options_.threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  SessionOptions options;
  options.threads = std::max(1, threads_ / 2);
  options.run.seed = options_.seed;
  if (WeightBytes(*source_) > ModelRunner::Sizes().whole) options.threads = threads_;
  source_session_ = std::make_unique<ModelRunner>(*source_, options);
  written_session_ = std::make_unique<ModelRunner>(*written_, options);
}

Result<Values> Prover::MakeSample(int index, const DimSizes& sizes) const {
  SampleRequest request;
  request.kind = kinds_[static_cast<size_t>(index)];
  request.seed = options_.seed + static_cast<uint64_t>(index) * 7919;
  request.sizes = sizes;
  const auto with_state = [&](Result<Values> sample) {
    for (const auto& [input, value] : left_) {
      if (sample.ok()) (*sample)[input] = value;
    }
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

void Prover::CarryOn(const Values& reference) {
  const std::vector<std::string> names = InputNames(*source_);
  for (const StateSlot& slot : states_) {
    const size_t in = FindName(names, slot.input), out = FindName(source_->output_names, slot.output);
    const auto stated = options_.inputs.find(slot.input);
    if (in == names.size() || out >= reference.size() || !reference[out].is_tensor()) continue;
    if (stated != options_.inputs.end() && (stated->second.ranged || !stated->second.value.absent())) continue;
    const DType dtype = source_->value(source_->region(Graph::main()).params[in]).type.dtype();
    const Tensor& left = reference[out].tensor;
    if (left.dtype() == dtype) {
      left_[in] = reference[out];
      continue;
    }
    // It is judged as the real numbers that it stands for.
    const auto quant = options_.judged_quants.find(slot.output);
    if (quant == options_.judged_quants.end() || quant->second->scales.size() != 1) continue;
    auto stored = Tensor::Make(dtype, left.dims());
    if (!stored.ok()) continue;
    const std::vector<double> real = ToF64(left);
    const std::vector<int64_t>& zeros = quant->second->zero_points;
    const int64_t zero = zeros.empty() ? 0 : zeros[0];
    for (size_t i = 0; i < real.size(); ++i) {
      const auto steps = static_cast<int64_t>(std::llround(real[i] / quant->second->scales[0]));
      StoreI64(dtype, steps + zero, stored->mutable_raw() + i * ByteSize(dtype));
    }
    left_[in] = RtValue(*std::move(stored));
  }
}

void Prover::RunBoth(const Values& inputs, std::optional<Result<Values>>* ours, std::optional<Result<Values>>* theirs) {
  Values picked;
  for (size_t i = 0; i < input_of_.size(); ++i) {
    picked.push_back(input_of_[i] == kOwn ? own_left_.at(i) : inputs[input_of_[i]]);
  }
  const auto other = [&] { theirs->emplace(written_session_->Run(std::move(picked))); };
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

const std::vector<double>* Prover::NoiseOf(int index, const Values& inputs, const Values& reference) {
  if (noise_.sample == index) return &noise_.values;
  if (noise_runs_left_ == 0) return nullptr;
  --noise_runs_left_;
  if (wide_session_ == nullptr) {
    SessionOptions options;
    options.threads = threads_;
    options.precision = Precision::kDouble;
    options.run.seed = options_.seed;
    wide_session_ = std::make_unique<ModelRunner>(quantised_ ? plain_source_ : *source_, options);
  }
  const auto wide = wide_session_->Run(inputs);
  if (!wide.ok()) {
    report_.notes.push_back(Concat("the source's noise could not be measured: ", wide.diag().what));
    noise_runs_left_ = 0;
    return nullptr;
  }
  noise_.sample = index;
  noise_.values.assign(reference.size(), -1);
  for (size_t i = 0; i < reference.size(); ++i) {
    Meter meter(false);
    const Deviation d = meter.Add(reference[i], (*wide)[i]);
    if (d.mismatch.empty()) noise_.values[i] = d.worst;
    // Held to real numbers, it may be off by as much as these are: f32 takes other steps than f64 here and there.
    const RtValue* real = reals_judge_ ? InReals(index, inputs, i) : nullptr;
    if (real == nullptr) continue;
    const Deviation own = meter.Add(*real, (*wide)[i]);
    const double part = own.worst * options_.noise_factor / std::min(options_.noise_factor, kStepsFactor);
    if (own.mismatch.empty()) noise_.values[i] = std::max(noise_.values[i], part);
  }
  return &noise_.values;
}

const RtValue* Prover::InReals(int index, const Values& inputs, size_t output) {
  if (reals_of_ != index) {
    reals_of_ = index;
    reals_.clear();
    if (plain_session_ == nullptr) {
      SessionOptions options;
      options.threads = threads_;
      options.run.seed = options_.seed;
      plain_session_ = std::make_unique<ModelRunner>(plain_source_, options);
    }
    if (auto run = plain_session_->Run(inputs); run.ok()) reals_ = *std::move(run);
  }
  return output < reals_.size() ? &reals_[output] : nullptr;
}

// Inputs changed by the last digit of f32, those near 0 by that of numbers around 1.
const std::vector<double>* Prover::SensitivityOf(int index, const Values& inputs, const Values& reference) {
  if (moved_.sample == index) return &moved_.values;
  Values near = inputs;
  bool changed = false;
  for (RtValue& value : near) {
    if (!value.is_tensor() || value.tensor.dtype() != DType::kF32) continue;
    Tensor tensor(DType::kF32, value.tensor.dims());
    const float* from = value.tensor.data<float>();
    auto* to = tensor.mutable_data<float>();
    for (int64_t i = 0; i < tensor.size(); ++i) {
      const float step = 0x1p-23F * std::max(1.0F, std::fabs(from[i]));
      // Up and down in no order that a model knows.
      const bool up = (static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15ULL >> 60 & 1) != 0;
      to[i] = from[i] + (up ? step : -step);
    }
    value = RtValue(std::move(tensor));
    changed = true;
  }
  if (!changed) return nullptr;
  const auto run = source_session_->Run(near);
  if (!run.ok()) return nullptr;
  moved_.sample = index;
  moved_.values.assign(reference.size(), -1);
  for (size_t i = 0; i < reference.size(); ++i) {
    Meter meter(false);
    const Deviation d = meter.Add((*run)[i], reference[i]);
    if (d.mismatch.empty()) moved_.values[i] = d.worst;
  }
  return &moved_.values;
}

// Functions of a bounded range: runtimes compute them as exactly as their range, not their value, goes.
bool IsOfUnitRange(const Graph& graph, ValueId value) {
  static constexpr const OpDef* kMoves[] = {&ops::kReshape,   &ops::kTranspose, &ops::kSqueeze,
                                            &ops::kUnsqueeze, &ops::kFlatten,   &ops::kIdentity};
  for (int steps = 0; steps < 16; ++steps) {
    const NodeId def = graph.value(value).def;
    if (!def) return false;
    const Node& node = graph.node(def);
    if (node.op == &ops::kSigmoid || node.op == &ops::kTanh || node.op == &ops::kSoftmax) return true;
    if (std::find(std::begin(kMoves), std::end(kMoves), node.op) == std::end(kMoves)) return false;
    value = node.in[0];
  }
  return false;
}

bool Prover::RunSample(int index) {
  // Sizes take turns, so that each meets random values and edges.
  size_t set = ladders_.size() > 1 ? static_cast<size_t>(index) % ladders_.size() : 0;
  Values inputs, reference;
  std::optional<Result<Values>> actual;
  bool ready = false;
  if (!sizes_[set]) {
    ready = FindSizes(set, index, &inputs, &reference, &actual);
    if (!ready && set == 0) return false;
    if (!ready) {
      report_.notes.push_back(Concat("runs at one size only: ", ToString(*sizes_[0])));
      ladders_.resize(1);
      set = 0;
    }
  }
  if (!ready) {
    auto sample = MakeSample(index, *sizes_[set]);
    std::optional<Result<Values>> ours;
    if (sample.ok()) RunBoth(*sample, &ours, &actual);
    if (!sample.ok() || !ours->ok()) {
      const std::string why = sample.ok() ? ours->diag().what : sample.diag().what;
      if (kinds_[static_cast<size_t>(index)] == SampleKind::kGiven) return NotRun(why);
      report_.notes.push_back(
          Concat("the source does not take ", Name(kinds_[static_cast<size_t>(index)]), " values: ", why));
      return true;
    }
    inputs = *std::move(sample);
    reference = **std::move(ours);
  }
  if (!actual->ok()) {
    const std::string at = sizes_[set]->empty() ? "" : Concat(" at ", ToString(*sizes_[set]));
    return Differs(Concat("the written model does not run", at, ": ", actual->diag().what));
  }
  SampleContext sample;
  sample.kind = kinds_[static_cast<size_t>(index)];
  sample.noise = [&]() { return NoiseOf(index, inputs, reference); };
  sample.sensitivity = [&]() { return SensitivityOf(index, inputs, reference); };
  sample.source = source_;
  sample.inputs = &inputs;
  sample.threads = threads_;
  sample.sequence = !states_.empty();
  if (reals_judge_) sample.in_reals = [&](size_t output) { return InReals(index, inputs, output); };
  for (size_t i = 0; i < judges_.size(); ++i) {
    sample.output = i;
    if (reals_judge_) sample.alternative = [&, i] { return InReals(index, inputs, i); };
    judges_[i].Judge((**actual)[output_of_[i]], reference[i], sample);
  }
  if (elsewhere_->ready()) {
    std::string fault = elsewhere_->Judge(index, InputNames(*source_), inputs, reference, sample);
    if (!fault.empty()) Differs(std::move(fault));
  }
  KeepWorst(sample.kind, inputs);
  CarryOn(reference);
  CarryOwn(**actual);
  return true;
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
  StripArithmetic();
  if (!MatchPorts()) return Ok{};
  PlanSamples();
  StartSessions();
  // States of other sizes are other states.
  if (ladders_.size() == 1) {
    TRY(states_, StatesOf(*source_));
  }
  if (!states_.empty() && report_.samples > 1) {
    report_.notes.push_back(
        fmt::format("{} runs one after the other: each begins with the state that the last one left", report_.samples));
  }
  if (!own_states_.empty()) {
    report_.notes.push_back(fmt::format(
        "the written model keeps {} state{} that the source has not: {} runs one after the other show that {} nothing",
        own_states_.size(), own_states_.size() == 1 ? "" : "s", report_.samples,
        own_states_.size() == 1 ? "it changes" : "they change"));
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
  if (!tried.empty()) report_.notes.push_back(Concat("sizes: ", tried));
  Conclude();
  return Ok{};
}

// Two ways to compute in integers may round apart by design: quantised outputs are judged as the real numbers that they
// stand for, whose noise can be measured. Nothing where there are none.
Result<std::optional<std::pair<Graph, Graph>>> InRealNumbers(const Graph& source, const Graph& written,
                                                             ProofOptions* options) {
  std::optional<std::pair<Graph, Graph>> out;
  const std::vector<ValueId>& results = source.region(Graph::main()).results;
  for (size_t i = 0; i < results.size() && i < source.output_names.size(); ++i) {
    const Type& type = source.value(results[i]).type;
    if (!type.is_tensor() || type.tensor().quant == nullptr || type.tensor().quant->block != 0) continue;
    const size_t twin = FindName(written.output_names, source.output_names[i]);
    if (twin == written.output_names.size()) continue;
    const ValueId theirs = written.region(Graph::main()).results[twin];
    if (written.value(theirs).type.dtype() != type.dtype() || IsFloat(type.dtype())) continue;
    if (!out) out.emplace(source.Clone(), written.Clone());
    out->second.value(theirs).type.tensor().quant = type.tensor().quant;
    RETURN_IF_ERROR(DequantizeOutput(&out->first, i));
    RETURN_IF_ERROR(DequantizeOutput(&out->second, twin));
    options->judged_quants[source.output_names[i]] = type.tensor().quant;
  }
  return out;
}

}  // namespace

std::string_view Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kProved: return "proved";
    case Verdict::kVacuous: return "vacuous";
    case Verdict::kDiffers: return "differs";
    case Verdict::kNotRun: return "not run";
  }
  return "not run";
}

Result<ProofReport> Prove(const Graph& source, const Graph& written, const ProofOptions& options) {
  const auto start = Clock::now();
  ProofReport report;
  ProofOptions real = options;
  TRY(const auto pair, InRealNumbers(source, written, &real));
  if (pair) {
    RETURN_IF_ERROR(Prover(pair->first, pair->second, real, &report).Run());
    report.notes.push_back("quantised outputs are judged as the real numbers that they stand for");
  } else {
    RETURN_IF_ERROR(Prover(source, written, options, &report).Run());
  }
  report.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return report;
}

}  // namespace godwit
