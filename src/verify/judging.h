// One output under judgement over all samples of a proof.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "verify/measure.h"
#include "verify/proof.h"

namespace godwit {

/// What a judgement may ask about the sample at hand.
struct SampleContext {
  SampleKind kind = SampleKind::kRandom;
  size_t output = 0;
  /// |f32 - f64| of each output of the source on this sample; null when it is not to be had any more.
  std::function<const std::vector<double>*()> noise;
  /// |change| of each output of the source when its inputs change by what f32 cannot tell; null as above. No runtime
  /// that rounds elsewhere comes closer.
  std::function<const std::vector<double>*()> sensitivity;
  /// The output as the judge itself makes it of the source; null where it does not. Held to when ours is too far off.
  std::function<const RtValue*()> alternative;
  /// Of a written model that alone computes in integers: the output as what those stand for. That is held to the
  /// source; how far the integers are off it, their steps, is said.
  std::function<const RtValue*()> stands_for;
  /// The source's output with its biases as integers have them, which it may be held to just as well; may be null.
  std::function<const RtValue*()> with_stored_biases;
  /// How far its integers are off what they stand for on this sample, where another runtime computes in its own: it may
  /// be off by four times that.
  std::function<double()> steps;
  /// The same for any output, and what its integers are in our arithmetic.
  std::function<double(size_t)> steps_of;
  std::function<const RtValue*(size_t)> integers;
  /// Of a source that computes in integers where the written model does not: an output in real numbers.
  std::function<const RtValue*(size_t)> in_reals;
  /// Samples are runs one after the other: state is carried on, by a runtime within itself.
  bool sequence = false;
  const Graph* source = nullptr;
  const std::vector<RtValue>* inputs = nullptr;
  int threads = 1;
};

class OutputJudge {
 public:
  /// `random`: the random operator that the output depends on, for which it is not compared.
  OutputJudge(std::string name, double floor, double noise_factor, const StatedTolerance* stated,
              const std::string& random);

  [[nodiscard]] const std::string& name() const { return proof_.name; }
  [[nodiscard]] int samples() const { return samples_; }
  /// Grows with the error; of the worst sample so far.
  [[nodiscard]] double rank() const { return rank_; }
  /// Real numbers in steps of this: one step is no difference, as it is none of the integers that they were.
  void SetStep(double step) { step_ = step; }
  void SetNoiseFactor(double factor) { noise_factor_ = factor; }
  void SetJudge(std::string judge) { proof_.judge = std::move(judge); }
  void Judge(const RtValue& actual, const RtValue& reference, const SampleContext& sample);
  OutputProof Conclude();

 private:
  // False where the sample shows nothing: an error was let pass that is as large as the output.
  bool JudgeFloats(Deviation d, const RtValue& actual, const RtValue& reference, const SampleContext& sample);
  bool JudgeDiscrete(const Deviation& d, const RtValue& actual, const RtValue& reference, const SampleContext& sample);
  void Differs(std::string why);
  void WatchForVacuity(const Deviation& d, const RtValue& reference);
  [[nodiscard]] std::string Vacuity() const;
  void JudgeStated();

  OutputProof proof_;
  double floor_, noise_factor_;
  double step_ = 0;
  std::optional<StatedTolerance> stated_;
  Meter meter_;
  int samples_ = 0;
  int idle_ = 0;           // samples that show nothing
  bool chance_ = false;    // integers that noise decides, which may be equal on others by chance
  double peak_ = 0;        // of all samples but the large one
  double mean_total_ = 0;  // over samples, in units of the peak
  double worst_absolute_ = 0;
  double rank_ = -1;         // of the sample that is shown
  double steps_ratio_ = 0;   // the largest error of integers against what they stand for, in units of the peak
  double noise_ratio_ = -1;  // the largest that was measured, in units of the peak
  std::optional<RtValue> first_;
  bool varies_ = false;  // between samples
  bool saturated_ = true, finite_ = false, any_ = false, spread_ = false;
  double least_ = 0, most_ = 0;
};

}  // namespace godwit
