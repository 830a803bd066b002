#include "verify/judging.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "verify/flips.h"

namespace godwit {

namespace {
// Below this an output is what is left of an underflow.
constexpr double kVanishing = 1e-20;
}  // namespace

OutputJudge::OutputJudge(std::string name, double floor, double noise_factor, const StatedTolerance* stated,
                         const std::string& random)
    : floor_(floor), noise_factor_(noise_factor) {
  proof_.name = std::move(name);
  proof_.judge = "godwit";
  proof_.tolerance = floor;
  if (stated != nullptr) stated_ = *stated;
  if (!random.empty()) {
    proof_.verdict = Verdict::kNotRun;
    proof_.note = Concat("is random (", random, ")");
  }
}

void OutputJudge::Differs(std::string why) {
  if (proof_.verdict == Verdict::kDiffers) return;
  rank_ = std::max(rank_, 1.0);
  proof_.verdict = Verdict::kDiffers;
  proof_.note = std::move(why);
}

void OutputJudge::Judge(const RtValue& actual, const RtValue& reference, const SampleContext& sample) {
  if (proof_.verdict == Verdict::kNotRun) return;
  const Meter before = meter_;
  const Deviation d = meter_.Add(actual, reference);
  ++samples_;
  if (!d.mismatch.empty()) {
    Differs(Concat("has ", d.mismatch));
    return;
  }
  proof_.exact = proof_.exact && d.exact;
  if (sample.kind != SampleKind::kLarge) peak_ = std::max(peak_, d.peak);
  if (d.discrete ? JudgeDiscrete(d, actual, reference, sample) : JudgeFloats(d, actual, reference, sample)) {
    WatchForVacuity(d, reference);
    worst_absolute_ = std::max(worst_absolute_, d.worst);
  } else {
    meter_ = before;
    ++idle_;
  }
}

bool OutputJudge::JudgeDiscrete(const Deviation& d, const RtValue& actual, const RtValue& reference,
                                const SampleContext& sample) {
  if (d.unequal == 0) return true;
  const double share = static_cast<double>(d.unequal) / static_cast<double>(d.count);
  proof_.worst = std::max(proof_.worst, share);
  mean_total_ += share;
  if (stated_) return true;
  if (const RtValue* other = sample.alternative ? sample.alternative() : nullptr) {
    Meter meter(false);
    const Deviation against = meter.Add(actual, *other);
    if (against.mismatch.empty() && against.unequal == 0) {
      if (proof_.note.empty())
        proof_.note = fmt::format("{} elements are what the source itself gives there", d.unequal);
      return true;
    }
  }
  if (const RtValue* real = sample.stands_for ? sample.stands_for() : nullptr) {
    Meter meter(false);
    const Deviation against = meter.Add(*real, reference);
    if (against.mismatch.empty() && against.unequal == 0) {
      if (proof_.verdict != Verdict::kDiffers)
        proof_.note = fmt::format("{} elements differ by the steps of its integers alone", d.unequal);
      return true;
    }
  }
  const FlipVerdict verdict = JudgeFlips(*sample.source, sample.output, *sample.inputs, actual, reference, floor_,
                                         noise_factor_, sample.threads);
  if (verdict.excused) {
    if (proof_.note.empty()) proof_.note = verdict.note;
    chance_ = chance_ || verdict.loose;
    return !verdict.loose;
  }
  Differs(fmt::format("differs in {} of {} elements, the first at {}: {} (sample: {})", d.unequal, d.count, d.at,
                      d.shown, Name(sample.kind)));
  return true;
}

bool OutputJudge::JudgeFloats(Deviation d, const RtValue& actual, const RtValue& reference,
                              const SampleContext& sample) {
  // A runtime that makes numbers of what has none, the mean of nothing, does so for the source as well.
  if (const RtValue* other = d.strays > 0 && !stated_ && sample.alternative ? sample.alternative() : nullptr) {
    Meter meter(false);
    Deviation against = meter.Add(actual, *other);
    if (against.mismatch.empty() && against.strays == 0) {
      if (proof_.note.empty()) proof_.note = "the source itself is a number there, or is none";
      d = std::move(against);
    }
  }
  if (d.strays > 0) {
    if (sample.kind == SampleKind::kLarge) {
      if (proof_.verdict != Verdict::kDiffers)
        proof_.note = fmt::format("{} elements overflow on one side only for large inputs", d.strays);
    } else {
      Differs(fmt::format("is NaN or infinite on one side only in {} of {} elements: {} (sample: {})", d.strays,
                          d.count + d.strays + d.lost, d.shown, Name(sample.kind)));
    }
  }
  if (d.count == 0) return true;
  // An edge that makes a small output is still measured by what the output usually is.
  const double peak = std::max(d.peak, sample.kind == SampleKind::kLarge ? 0.0 : peak_);
  const double unit = peak > 0 ? peak : 1;
  double error = d.worst / unit;
  // Two arithmetics may be far apart on the same model: then each is compared with itself.
  if (const RtValue* other = error > floor_ && !stated_ && sample.alternative ? sample.alternative() : nullptr) {
    Meter meter(false);
    Deviation against = meter.Add(actual, *other);
    if (against.mismatch.empty() && against.worst < d.worst) {
      if (proof_.note.empty()) proof_.note = fmt::format("the source itself is up to {:.1e} of peak off there", error);
      d = std::move(against);
      error = d.worst / unit;
    }
  }
  bool shows = true;
  if (const RtValue* real = error > floor_ && !stated_ && sample.stands_for ? sample.stands_for() : nullptr) {
    Meter meter(false);
    Deviation against = meter.Add(*real, reference);
    const RtValue* stored =
        against.worst / unit > floor_ && sample.with_stored_biases ? sample.with_stored_biases() : nullptr;
    if (stored != nullptr) {
      Meter other(false);
      Deviation biased = other.Add(*real, *stored);
      if (biased.mismatch.empty() && biased.worst < against.worst) against = std::move(biased);
    }
    if (against.mismatch.empty() && against.worst < d.worst) {
      if (error > steps_ratio_) {
        steps_ratio_ = error;
        if (proof_.verdict != Verdict::kDiffers)
          proof_.note = fmt::format("its integers are up to {:.1e} of peak off what they stand for", error);
      }
      shows = error < 1;
      d = std::move(against);
      error = d.worst / unit;
    }
  }
  double tolerance = floor_;
  if (error > floor_ && !stated_ && sample.noise) {
    const std::vector<double>* noise = sample.noise();
    double ratio = noise_ratio_;
    if (noise != nullptr && (*noise)[sample.output] >= 0) {
      ratio = (*noise)[sample.output] / unit;
      noise_ratio_ = std::max(noise_ratio_, ratio);
    }
    tolerance = std::max(floor_, noise_factor_ * ratio);
  }
  if (error > tolerance && !stated_ && sample.sensitivity) {
    constexpr double kSensitive = 4;
    if (const std::vector<double>* moved = sample.sensitivity(); moved != nullptr && (*moved)[sample.output] >= 0) {
      tolerance = std::max(tolerance, kSensitive * (*moved)[sample.output] / unit);
    }
  }
  if (error > tolerance && !stated_ && sample.steps) {
    constexpr double kOtherSteps = 4;
    steps_ratio_ = std::max(steps_ratio_, sample.steps() / unit);
    tolerance = std::max(tolerance, kOtherSteps * steps_ratio_);
  }
  constexpr double kRounding = 1.001;  // of the step itself in f32
  tolerance = std::max(tolerance, kRounding * step_ / unit);
  if (!stated_ && error <= tolerance && (!shows || (tolerance >= 1 && error > floor_))) return false;
  mean_total_ += d.mean() / unit;
  // Shown is the sample that fails by most, else the largest error.
  const double rank = error > tolerance ? std::numeric_limits<double>::max() / 2 * (1 - tolerance / error) : error;
  if (rank > rank_) {
    rank_ = rank;
    proof_.worst = error;
    proof_.tolerance = tolerance;
  }
  if (error > tolerance && !stated_) {
    Differs(fmt::format("is off by {:.2g} of its peak where {:.2g} is the tolerance: {} at {} (sample: {})", error,
                        tolerance, d.shown, d.at, Name(sample.kind)));
  }
  return true;
}

void OutputJudge::WatchForVacuity(const Deviation& d, const RtValue& reference) {
  any_ = any_ || d.count + d.lost + d.strays > 0;
  if (d.count > 0) {
    least_ = finite_ ? std::min(least_, d.least) : d.least;
    most_ = finite_ ? std::max(most_, d.most) : d.most;
    finite_ = true;
    spread_ = spread_ || d.discrete;
    saturated_ = saturated_ && !d.discrete && d.two_valued && d.count > 2 && (d.least == least_ || d.least == most_) &&
                 (d.most == most_ || d.most == least_);
  }
  if (!first_) {
    first_ = reference;
  } else if (!varies_) {
    Meter meter;
    const Deviation against = meter.Add(reference, *first_);
    varies_ = !against.mismatch.empty() || !against.exact;
  }
}

std::string OutputJudge::Vacuity() const {
  if (chance_ || 2 * idle_ > samples_ || (idle_ > 0 && !varies_)) {
    return "no further from the source than that is from itself, which is as far as its peak";
  }
  if (!any_) return "empty for every sample";
  if (!finite_ && meter_.count() == 0 && !spread_) return "NaN or infinite for every sample";
  if (samples_ > 1 && !varies_) return "the same for every sample";
  if (!spread_ && std::max(std::fabs(least_), std::fabs(most_)) < kVanishing && most_ > least_) {
    return "next to 0 everywhere";
  }
  if (saturated_ && least_ == most_) return fmt::format("{} everywhere", ShortestDouble(least_));
  if (saturated_) return fmt::format("saturated: {} or {} everywhere", ShortestDouble(least_), ShortestDouble(most_));
  return {};
}

void OutputJudge::JudgeStated() {
  const double relative = peak_ > 0 ? worst_absolute_ / peak_ : worst_absolute_;
  if (stated_->absolute >= 0 && worst_absolute_ > stated_->absolute) {
    Differs(fmt::format("is off by {:.3g}, more than the stated {:.3g}", worst_absolute_, stated_->absolute));
  }
  if (stated_->relative >= 0 && relative > stated_->relative) {
    Differs(fmt::format("is off by {:.3g} of its peak, more than the stated {:.3g}", relative, stated_->relative));
  }
  if (stated_->correlation >= 0 && proof_.correlation < stated_->correlation) {
    Differs(
        fmt::format("has correlation {:.6f}, less than the stated {:.6f}", proof_.correlation, stated_->correlation));
  }
  if (stated_->has_sqnr && proof_.sqnr < stated_->sqnr) {
    Differs(fmt::format("has a signal to noise of {:.1f} dB, less than the stated {:.1f}", proof_.sqnr, stated_->sqnr));
  }
  if (stated_->relative >= 0)
    proof_.tolerance = stated_->relative;
  else if (stated_->absolute >= 0)
    proof_.tolerance = peak_ > 0 ? stated_->absolute / peak_ : stated_->absolute;
}

OutputProof OutputJudge::Conclude() {
  if (proof_.verdict == Verdict::kNotRun) return proof_;
  proof_.mean = samples_ > idle_ ? mean_total_ / (samples_ - idle_) : 0;
  proof_.correlation = meter_.correlation();
  proof_.sqnr = meter_.sqnr();
  proof_.noise = noise_ratio_;
  if (stated_) JudgeStated();
  if (proof_.verdict == Verdict::kDiffers) return proof_;
  if (samples_ == 0) {
    proof_.verdict = Verdict::kNotRun;
    proof_.note = "was not compared";
  } else if (std::string why = Vacuity(); !why.empty()) {
    proof_.verdict = Verdict::kVacuous;
    proof_.note = std::move(why);
  } else if (idle_ > 0) {
    proof_.idle = idle_;
  }
  return proof_;
}

}  // namespace godwit
