#include "verify/runtime_judge.h"

#include <algorithm>

#include "base/text.h"
#include "rewrite/match.h"
#include "rewrite/ports.h"
#include "verify/permuted.h"
#include "verify/runtime_values.h"

namespace godwit {

RuntimeJudge::RuntimeJudge(const ProofOptions& options, std::vector<OutputJudge> judges, bool cut, int threads)
    : options_(options), judges_(std::move(judges)), cut_(cut) {
  open_.threads = threads;
  // As the file says it, not as the runtime would like it better.
  open_.optimise = runtimes::OpenOptions::Optimise::kNone;
  if (options_.judge == nullptr) return;
  for (OutputJudge& judge : judges_) judge.SetJudge(Concat(options_.judge->name(), " ", options_.judge->version()));
}

const std::string& RuntimeJudge::JudgedName(const std::string& name) const {
  const auto it = options_.judged_names.find(name);
  return it == options_.judged_names.end() ? name : it->second;
}

RtValue RuntimeJudge::InOrder(const RtValue& value, const std::string& name, bool back) const {
  const auto it = options_.judged_orders.find(name);
  if (it == options_.judged_orders.end() || !value.is_tensor()) return back ? Real(value, name) : value;
  auto moved = Permuted(value.tensor, back ? Inverse(it->second) : it->second);
  return !moved.ok() ? value : back ? Real(RtValue(*std::move(moved)), name) : RtValue(*std::move(moved));
}

RtValue RuntimeJudge::Real(const RtValue& value, const std::string& name) const {
  const auto it = options_.judged_quants.find(name);
  if (it == options_.judged_quants.end() || !value.is_tensor() || IsFloat(value.tensor.dtype())) return value;
  auto real = Dequantized(value.tensor, *it->second);
  return real.ok() ? RtValue(*std::move(real)) : value;
}

void RuntimeJudge::Drop(std::string_view why) {
  written_.reset();
  judges_.clear();
  notes_.push_back(Concat("not judged by ", options_.judge->name(), ": ", why));
}

runtimes::Model* RuntimeJudge::Source() {
  if (!source_tried_ && !options_.source_file.empty()) {
    if (auto model = options_.judge->Open(options_.source_file, open_); model.ok()) source_ = *std::move(model);
  }
  source_tried_ = true;
  return source_.get();
}

std::string RuntimeJudge::Open(bool fair) {
  if (options_.judge == nullptr || (options_.judged_file.empty() && options_.judged_bytes.empty())) return {};
  if (cut_ && Source() == nullptr) {
    Drop("the proof is cut, and the source cannot be run there");
    return {};
  }
  auto model = options_.judged_bytes.empty() ? options_.judge->Open(options_.judged_file, open_)
                                             : options_.judge->Open(options_.judged_bytes, open_);
  if (!model.ok()) {
    // A runtime reads no more than 2 GB from memory.
    fair = fair && options_.judged_bytes.size() < (size_t{1} << 31);
    const bool refused = model.diag().id == diag::kRuntimeRefused.id;
    if (fair && refused && options_.judge_must_take)
      return Concat("it does not take the written model: ", model.diag().what);
    if (fair && Source() != nullptr) {
      return Concat("it takes the source, but not the written model: ", model.diag().what);
    }
    Drop(model.diag().what);
    return {};
  }
  written_ = *std::move(model);
  for (const OutputJudge& judge : judges_) {
    const std::string& name = JudgedName(judge.name());
    const std::vector<runtimes::Port>& ports = written_->outputs();
    const auto at = std::find_if(ports.begin(), ports.end(), [&](const auto& port) { return port.name == name; });
    output_of_.push_back(static_cast<size_t>(at - ports.begin()));
  }
  return {};
}

const RuntimeJudge::Values& RuntimeJudge::SourceResults(int index, const Named& inputs) {
  if (results_of_ == index) return results_;
  results_of_ = index;
  results_.assign(judges_.size(), RtValue());
  runtimes::Model* source = Source();
  if (source == nullptr) return results_;
  auto made = RunInRuntime(source, inputs);
  for (size_t i = 0; made.ok() && i < judges_.size(); ++i) {
    for (size_t k = 0; k < made->size(); ++k) {
      if (source->outputs()[k].name == judges_[i].name()) results_[i] = Real((*made)[k], judges_[i].name());
    }
  }
  return results_;
}

std::string RuntimeJudge::Judge(int index, const std::vector<std::string>& names, const Values& inputs,
                                const Values& reference, const SampleContext& context) {
  Named ours, theirs;
  for (size_t i = 0; i < inputs.size(); ++i) {
    ours.emplace_back(names[i], inputs[i]);
    theirs.emplace_back(JudgedName(names[i]), InOrder(inputs[i], names[i], false));
  }
  auto results = RunInRuntime(written_.get(), theirs);
  if (!results.ok()) {
    // The source, where it is at hand, tells whether that is our doing.
    std::string fault;
    const bool refused = results.diag().id == diag::kRuntimeRefused.id;
    if (refused && options_.judge_must_take) {
      fault = Concat("it does not run the written model: ", results.diag().what);
    } else if (refused && Source() != nullptr && RunInRuntime(Source(), ours).ok()) {
      fault = Concat("it runs the source, but not the written model: ", results.diag().what);
    }
    Drop(results.diag().what);
    return fault;
  }
  // The source's state goes on from run to run too, whoever asks for its results.
  if (context.sequence) (void)SourceResults(index, ours);
  std::vector<double> noise;
  for (size_t i = 0; i < judges_.size(); ++i) {
    if (output_of_[i] >= results->size()) continue;
    SampleContext here = context;
    here.output = i;
    // A tolerance for two arithmetics: what the runtime makes of the source itself counts as noise.
    here.noise = [&]() -> const std::vector<double>* {
      if (!noise.empty()) return &noise;
      const std::vector<double>* own = context.noise ? context.noise() : nullptr;
      noise.assign(judges_.size(), -1);
      const Values& made = SourceResults(index, ours);
      for (size_t k = 0; k < judges_.size(); ++k) {
        if (own != nullptr && k < own->size()) noise[k] = (*own)[k];
        if (cut_ || made[k].absent()) continue;
        Meter meter(false);
        const Deviation d = meter.Add(made[k], reference[k]);
        if (d.mismatch.empty()) noise[k] = std::max(noise[k], d.worst);
      }
      return &noise;
    };
    // Where it runs the source too, that tells more.
    if (options_.source_file.empty()) here.sensitivity = context.sensitivity;
    here.alternative = [&]() -> const RtValue* {
      const RtValue& value = SourceResults(index, ours)[i];
      if (!value.absent()) return &value;
      if (context.integers && !cut_) return context.integers(i);
      return context.in_reals && !cut_ ? context.in_reals(i) : nullptr;
    };
    // Its integers are its own; those of ours tell how far that may be.
    here.stands_for = nullptr;
    if (context.steps_of && !cut_) here.steps = [&context, i] { return context.steps_of(i); };
    const RtValue result = InOrder((*results)[output_of_[i]], judges_[i].name(), true);
    if (!cut_) {
      judges_[i].Judge(result, reference[i], here);
    } else if (const RtValue* made = here.alternative()) {
      here.alternative = nullptr;
      judges_[i].Judge(result, *made, here);
    }
  }
  return {};
}

double RuntimeJudge::rank() const {
  double rank = -1;
  for (const OutputJudge& judge : judges_) rank = std::max(rank, judge.rank());
  return rank;
}

void RuntimeJudge::Conclude(ProofReport* report) {
  report->notes.insert(report->notes.end(), notes_.begin(), notes_.end());
  if (!ready()) return;
  for (OutputJudge& judge : judges_) report->outputs.push_back(judge.Conclude());
  report->judges += Concat(" and ", options_.judge->name(), " ", options_.judge->version());
}

}  // namespace godwit
